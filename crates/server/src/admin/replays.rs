//! The routes of replays.

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
use super::visibility::{Visibility, namespaces_of};
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
            let detail = "the delivery concerns a namespace in which you may not start runs; ask for `create` on \
                          buildruns.shipwright.io in all its namespaces";
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
    let Some(record) = deliveries::find(api, &mut visibility, &id).await? else {
        return Ok(ReplayResult::Missing);
    };
    let preview = preview_now(api, &record)?;
    let mut namespaces = namespaces_of(&record);
    namespaces.extend(preview.iter().flatten().filter(|decision| fires(decision)).map(namespace));
    if !caller.may_in_all(Action::Replay, &namespaces).await? {
        return Ok(ReplayResult::Forbidden);
    }
    match mode {
        Mode::DryRun if !matches!(record.state, State::Settled | State::Failed) => {
            Ok(ReplayResult::InProgress)
        }
        Mode::DryRun if !record.body_kept => Ok(ReplayResult::BodyGone),
        Mode::DryRun => match preview {
            Ok(decisions) => {
                visibility.load(&decisions.iter().map(namespace).collect()).await?;
                let visible = redact::decisions(&decisions, &visibility);
                let hidden = visible.len() < decisions.len();
                Ok(ReplayResult::DryRun { decisions: visible, hidden })
            }
            Err(reason) => Ok(ReplayResult::Unparsable { reason }),
        },
        Mode::Replay { key } => create_replay(api, caller, id, key).await,
    }
}

async fn create_replay(
    api: &Api,
    caller: &Caller,
    of: DeliveryId,
    key: &str,
) -> Result<ReplayResult, ApiError> {
    let (by, from) = (caller.name().to_owned(), caller.from.clone());
    let request = trigger_journal::ReplayRequest {
        of: of.clone(),
        request: key.to_owned(),
        by,
        from,
        namespaces: None,
    };
    Ok(match api.journal.replay(request).await? {
        Outcome::New(id) => {
            info!(delivery = %id, %of, by = caller.name(), from = caller.from, "replayed a delivery on request");
            ReplayResult::New { delivery: id.to_string() }
        }
        Outcome::Known(id) => ReplayResult::Known { delivery: id.to_string() },
        Outcome::Missing => ReplayResult::Missing,
        Outcome::InProgress => ReplayResult::InProgress,
        Outcome::BodyGone => ReplayResult::BodyGone,
    })
}

/// The decisions of today's rules. They may start runs in other namespaces than the delivery once did, so the
/// caller's permissions are checked against them too.
fn preview_now(api: &Api, record: &Record) -> Result<Result<Vec<DecisionRecord>, String>, ApiError> {
    if !record.body_kept {
        return Ok(Ok(Vec::new()));
    }
    Ok(preview(&record.delivery, &record.verification, &record.facts, api.rules()?.as_ref()))
}

fn fires(decision: &DecisionRecord) -> bool {
    matches!(decision.outcome, OutcomeRecord::Fired { .. })
}

fn namespace(decision: &DecisionRecord) -> Arc<str> {
    Arc::clone(decision.owner.namespace())
}
