//! The routes of replays.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{self, Path};
use axum::http::StatusCode;
use tracing::info;
use trigger_core::DeliveryId;
use trigger_dispatch::preview;
use trigger_journal::{DecisionRecord, OutcomeRecord, Record, ReplayOutcome as Outcome, State};
use trigger_runtime::Action;

use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiJson;
use super::visibility::{Visibility, owners_of};
use super::{Api, deliveries, redact};
use crate::wire::{ReplayOutcome, ReplayOutcomes, ReplayRequest, ReplayRequests, ReplayResult};

const MAX_BATCH: usize = 100;
const MAX_KEY: usize = 200;

pub(super) async fn one(
    extract::State(api): extract::State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    ApiJson(request): ApiJson<ReplayRequest>,
) -> Result<(StatusCode, Json<ReplayOutcome>), ApiError> {
    let mode = Mode::of(request.request, request.dry_run)?;
    let result = replay(&api, &caller, &id, &mode).await?;
    let status = match &result {
        ReplayResult::New { .. } => StatusCode::ACCEPTED,
        ReplayResult::Missing => return Err(ApiError::unknown()),
        ReplayResult::Forbidden => {
            let detail = "you may not start runs in any namespace of the delivery; ask for `create` on \
                          buildruns.shipwright.io in one";
            return Err(ApiError::new(StatusCode::FORBIDDEN, detail));
        }
        ReplayResult::InProgress => {
            let detail = "the delivery is not settled yet; retry once it is";
            return Err(ApiError::new(StatusCode::CONFLICT, detail));
        }
        ReplayResult::BodyGone => {
            let detail =
                "the body was pruned, so the delivery cannot be replayed; redeliver it at the provider";
            return Err(ApiError::new(StatusCode::GONE, detail));
        }
        _ => StatusCode::OK,
    };
    Ok((status, Json(ReplayOutcome { id, result })))
}

pub(super) async fn several(
    extract::State(api): extract::State<Api>,
    caller: Caller,
    ApiJson(requests): ApiJson<ReplayRequests>,
) -> Result<Json<ReplayOutcomes>, ApiError> {
    let mode = Mode::of(requests.request, requests.dry_run)?;
    if requests.ids.is_empty() || requests.ids.len() > MAX_BATCH {
        return Err(ApiError::bad_request(format!(
            "`ids` must hold 1 to {MAX_BATCH} ids; send more in several requests"
        )));
    }
    let mut items = Vec::with_capacity(requests.ids.len());
    for id in requests.ids {
        let result = replay(&api, &caller, &id, &mode).await?;
        items.push(ReplayOutcome { id, result });
    }
    Ok(Json(ReplayOutcomes { items }))
}

/// Whether to replay, and with which idempotency key.
enum Mode {
    DryRun,
    Replay { key: String },
}

impl Mode {
    fn of(request: Option<String>, dry_run: bool) -> Result<Self, ApiError> {
        if dry_run {
            return Ok(Self::DryRun);
        }
        match request {
            Some(key) if (1..=MAX_KEY).contains(&key.chars().count()) => Ok(Self::Replay { key }),
            _ => Err(ApiError::bad_request(format!(
                "`request` must be an idempotency key of 1 to {MAX_KEY} characters: a repeated request with the \
                 same key creates no second replay"
            ))),
        }
    }
}

async fn replay(api: &Api, caller: &Caller, id: &str, mode: &Mode) -> Result<ReplayResult, ApiError> {
    let Ok(id) = id.parse::<DeliveryId>() else { return Ok(ReplayResult::Missing) };
    let mut visibility = Visibility::of(caller).await?;
    let Some(record) = deliveries::find_visible(api, &mut visibility, &id).await? else {
        return Ok(ReplayResult::Missing);
    };
    let preview = preview_now(api, &id).await?;
    let decisions = preview.as_ref().map(Vec::as_slice).unwrap_or_default();
    let Some(scope) = Scope::of(caller, &mut visibility, &record, decisions).await? else {
        return Ok(ReplayResult::Forbidden);
    };
    match mode {
        Mode::DryRun if !matches!(record.state, State::Settled | State::Failed) => {
            Ok(ReplayResult::InProgress)
        }
        Mode::DryRun if !record.body_kept => Ok(ReplayResult::BodyGone),
        Mode::DryRun => match preview {
            Ok(decisions) => {
                let all = decisions.len();
                let within: Vec<_> = decisions
                    .into_iter()
                    .filter(|decision| scope.admits(decision.owner.namespace()))
                    .collect();
                visibility.load(&within.iter().map(namespace).collect()).await?;
                let visible = redact::decisions(&within, &visibility);
                let hidden = visible.len() < all;
                Ok(ReplayResult::DryRun { decisions: visible, namespaces: scope.names(), hidden })
            }
            Err(reason) => Ok(ReplayResult::Unparsable { reason }),
        },
        Mode::Replay { key } => create_replay(api, caller, id, key, scope).await,
    }
}

/// The namespaces whose rules may act on a replay.
enum Scope {
    /// All: the caller may start runs everywhere.
    All,
    /// Those of the delivery that the caller may see and start runs in. The rules of other tenants neither act on the
    /// replay nor prevent it.
    Namespaces(BTreeSet<Arc<str>>),
}

impl Scope {
    /// `None` if there is no such namespace. Today's rules may start runs in other namespaces than the delivery once did,
    /// so `decisions` of these count too.
    async fn of(
        caller: &Caller,
        visibility: &mut Visibility<'_>,
        record: &Record,
        decisions: &[DecisionRecord],
    ) -> Result<Option<Self>, ApiError> {
        if caller.may(Action::Replay, None).await? {
            return Ok(Some(Self::All));
        }
        let mut concerned = owners_of(record);
        concerned.extend(decisions.iter().filter(|decision| fires(decision)).map(namespace));
        visibility.load(&concerned).await?;
        let mut permitted = BTreeSet::new();
        for namespace in concerned.into_iter().filter(|namespace| visibility.can_see(namespace)) {
            if caller.may(Action::Replay, Some(&namespace)).await? {
                permitted.insert(namespace);
            }
        }
        Ok((!permitted.is_empty()).then_some(Self::Namespaces(permitted)))
    }

    fn admits(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespaces(namespaces) => namespaces.contains(namespace),
        }
    }

    fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Namespaces(namespaces) => Some(namespaces.iter().map(ToString::to_string).collect()),
        }
    }
}

async fn create_replay(
    api: &Api,
    caller: &Caller,
    of: DeliveryId,
    key: &str,
    scope: Scope,
) -> Result<ReplayResult, ApiError> {
    let namespaces = scope.names();
    let request = trigger_journal::ReplayRequest {
        of: of.clone(),
        request: key.to_owned(),
        by: caller.name().to_owned(),
        from: caller.from.clone(),
        namespaces: match scope {
            Scope::All => None,
            Scope::Namespaces(namespaces) => Some(namespaces),
        },
    };
    Ok(match api.journal.replay(request).await? {
        Outcome::New(id) => {
            let within = namespaces.as_deref().map(|namespaces| namespaces.join(", "));
            let (by, from) = (caller.name(), &caller.from);
            info!(delivery = %id, %of, by, from, within, "replayed a delivery on request");
            ReplayResult::New { delivery: id.to_string(), namespaces }
        }
        Outcome::Known(id) => ReplayResult::Known { delivery: id.to_string(), namespaces },
        Outcome::Missing => ReplayResult::Missing,
        Outcome::InProgress => ReplayResult::InProgress,
        Outcome::BodyGone => ReplayResult::BodyGone,
    })
}

/// The decisions of today's rules; none if the body is gone.
async fn preview_now(api: &Api, id: &DeliveryId) -> Result<Result<Vec<DecisionRecord>, String>, ApiError> {
    let _turn = api.budget.record().await?;
    let record = api.journal.find(id).await?.filter(|record| record.body_kept);
    let Some(record) = record else { return Ok(Ok(Vec::new())) };
    let (rules, listeners) = (api.rules()?, api.listeners_for(&record.delivery)?);
    Ok(preview(&record.delivery, &record.verification, &record.facts, &rules, &listeners).await)
}

fn fires(decision: &DecisionRecord) -> bool {
    matches!(decision.outcome, OutcomeRecord::Fired { .. })
}

fn namespace(decision: &DecisionRecord) -> Arc<str> {
    Arc::clone(decision.owner.namespace())
}
