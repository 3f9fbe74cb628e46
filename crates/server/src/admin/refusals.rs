//! Requests that were refused.

use axum::Json;
use axum::extract::State;
use trigger_event::DeliveryId;
use trigger_journal::REFUSALS;

use super::asked::Wanted;
use super::caller::Caller;
use super::fault::Fault;
use super::sight::Sight;
use super::{Api, describe};
use crate::wire::{RefusalDetail, RefusalQuery, Refusals};

const USUAL: usize = 50;

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Wanted(query): Wanted<RefusalQuery>,
) -> Result<Json<Refusals>, Fault> {
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=REFUSALS).contains(&limit) {
        return Err(Fault::bad_request(format!("`limit` is 1 to {REFUSALS}")));
    }
    let mut sight = Sight::of(&caller).await?;
    let mut items = Vec::new();
    for refusal in api.journal.refusals().await? {
        if items.len() == limit {
            break;
        }
        if sight.may_see_refusal(&refusal).await? {
            items.push(describe::refusal(&refusal, &sight));
        }
    }
    Ok(Json(Refusals { items }))
}

/// The refused requests that would have been this delivery, if the caller may see any.
pub(super) async fn of(
    api: &Api,
    sight: &mut Sight<'_>,
    id: &DeliveryId,
) -> Result<Option<RefusalDetail>, Fault> {
    let mut refusals = Vec::new();
    for refusal in api.journal.refusals().await? {
        if refusal.delivery == *id && sight.may_see_refusal(&refusal).await? {
            refusals.push(describe::refusal(&refusal, sight));
        }
    }
    Ok((!refusals.is_empty()).then(|| RefusalDetail { id: id.to_string(), refusals }))
}
