//! Having deliveries worked on once more.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use tracing::info;
use trigger_core::DeliveryId;
use trigger_dispatch::preview;
use trigger_journal::{DecisionRecord, OutcomeRecord, Record, ReplayOutcome as Kept, State as Stands};
use trigger_runtime::Action;

use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiJson;
use super::visibility::{Visibility, concerned};
use super::{Api, deliveries, redact};
use crate::wire::{ReplayOutcome, ReplayOutcomes, ReplayRequest, ReplayRequests, ReplayResult};

const MOST_AT_ONCE: usize = 100;
const LONGEST_REQUEST: usize = 200;

pub(super) async fn one(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    ApiJson(order): ApiJson<ReplayRequest>,
) -> Result<(StatusCode, Json<ReplayOutcome>), ApiError> {
    let wish = Wish::of(order.request, order.dry_run)?;
    let result = replay(&api, &caller, &id, &wish).await?;
    let status = match &result {
        ReplayResult::New { .. } => StatusCode::ACCEPTED,
        ReplayResult::Missing => return Err(ApiError::unknown()),
        ReplayResult::Forbidden => {
            let detail = "this delivery concerns namespaces in which you may not start runs; ask for `create` \
                          on buildruns.shipwright.io in all of them";
            return Err(ApiError::new(StatusCode::FORBIDDEN, detail));
        }
        ReplayResult::InProgress => {
            let detail = "the delivery is still being worked on; wait until it is settled";
            return Err(ApiError::new(StatusCode::CONFLICT, detail));
        }
        ReplayResult::BodyGone => {
            let detail = "the body is not kept any more, so there is nothing to replay; have the provider \
                          send the event again";
            return Err(ApiError::new(StatusCode::GONE, detail));
        }
        _ => StatusCode::OK,
    };
    Ok((status, Json(ReplayOutcome { id, result })))
}

pub(super) async fn several(
    State(api): State<Api>,
    caller: Caller,
    ApiJson(orders): ApiJson<ReplayRequests>,
) -> Result<Json<ReplayOutcomes>, ApiError> {
    let wish = Wish::of(orders.request, orders.dry_run)?;
    if orders.ids.is_empty() || orders.ids.len() > MOST_AT_ONCE {
        return Err(ApiError::bad_request(format!(
            "`ids` are 1 to {MOST_AT_ONCE}; send more in several requests"
        )));
    }
    let mut items = Vec::with_capacity(orders.ids.len());
    for id in orders.ids {
        let result = replay(&api, &caller, &id, &wish).await?;
        items.push(ReplayOutcome { id, result });
    }
    Ok(Json(ReplayOutcomes { items }))
}

/// What is to be done with each delivery.
enum Wish {
    DryRun,
    Replay { request: String },
}

impl Wish {
    fn of(request: Option<String>, dry_run: bool) -> Result<Self, ApiError> {
        if dry_run {
            return Ok(Self::DryRun);
        }
        match request {
            Some(request) if (1..=LONGEST_REQUEST).contains(&request.chars().count()) => {
                Ok(Self::Replay { request })
            }
            _ => Err(ApiError::bad_request(format!(
                "`request` is a text of 1 to {LONGEST_REQUEST} characters that tells this request from others: \
                 sent again with the same text, it starts nothing twice"
            ))),
        }
    }
}

async fn replay(api: &Api, caller: &Caller, id: &str, wish: &Wish) -> Result<ReplayResult, ApiError> {
    let Ok(id) = id.parse::<DeliveryId>() else { return Ok(ReplayResult::Missing) };
    let mut sight = Visibility::of(caller).await?;
    let Some(record) = deliveries::find(api, &mut sight, &id).await? else {
        return Ok(ReplayResult::Missing);
    };
    let today = today(api, &record)?;
    let mut namespaces = concerned(&record);
    namespaces.extend(today.iter().flatten().filter(|decision| fires(decision)).map(namespace));
    if !caller.may_in_all(Action::Replay, &namespaces).await? {
        return Ok(ReplayResult::Forbidden);
    }
    match wish {
        Wish::DryRun if !matches!(record.state, Stands::Settled | Stands::Failed) => {
            Ok(ReplayResult::InProgress)
        }
        Wish::DryRun if !record.body_kept => Ok(ReplayResult::BodyGone),
        Wish::DryRun => match today {
            Ok(decisions) => {
                sight.look_at(&decisions.iter().map(namespace).collect()).await?;
                let seen = redact::decisions(&decisions, &sight);
                let hidden = seen.len() < decisions.len();
                Ok(ReplayResult::DryRun { decisions: seen, hidden })
            }
            Err(reason) => Ok(ReplayResult::Meaningless { reason }),
        },
        Wish::Replay { request } => carry_out(api, caller, id, request).await,
    }
}

async fn carry_out(
    api: &Api,
    caller: &Caller,
    of: DeliveryId,
    request: &str,
) -> Result<ReplayResult, ApiError> {
    let (by, from) = (caller.name().to_owned(), caller.from.clone());
    let order = trigger_journal::ReplayRequest { of: of.clone(), request: request.to_owned(), by, from };
    Ok(match api.journal.replay(order).await? {
        Kept::New(id) => {
            info!(delivery = %id, %of, by = caller.name(), from = caller.from, "replayed because a user asked");
            ReplayResult::New { delivery: id.to_string() }
        }
        Kept::Known(id) => ReplayResult::Known { delivery: id.to_string() },
        Kept::Missing => ReplayResult::Missing,
        Kept::InProgress => ReplayResult::InProgress,
        Kept::BodyGone => ReplayResult::BodyGone,
    })
}

/// What today's rules would decide. Of a delivery that nobody signed they may start more than was started
/// then, so this is looked at before it is known whether the caller may ask for it.
fn today(api: &Api, record: &Record) -> Result<Result<Vec<DecisionRecord>, String>, ApiError> {
    if !record.body_kept {
        return Ok(Ok(Vec::new()));
    }
    Ok(preview(&record.delivery, &record.verification, api.rules()?.as_ref()))
}

fn fires(decision: &DecisionRecord) -> bool {
    matches!(decision.outcome, OutcomeRecord::Fired { .. })
}

fn namespace(decision: &DecisionRecord) -> Arc<str> {
    Arc::clone(&decision.target.namespace)
}
