//! Requests that were refused.

use axum::Json;
use axum::extract::State;
use trigger_core::DeliveryId;
use trigger_journal::REJECTIONS;

use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiQuery;
use super::visibility::Visibility;
use super::{Api, redact};
use crate::wire::{RefusalQuery, RejectionDetail, Rejections};

const USUAL: usize = 50;

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(query): ApiQuery<RefusalQuery>,
) -> Result<Json<Rejections>, ApiError> {
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=REJECTIONS).contains(&limit) {
        return Err(ApiError::bad_request(format!("`limit` is 1 to {REJECTIONS}")));
    }
    let mut sight = Visibility::of(&caller).await?;
    let mut items = Vec::new();
    for refusal in api.journal.rejections().await? {
        if items.len() == limit {
            break;
        }
        if sight.may_see_refusal(&refusal).await? {
            items.push(redact::refusal(&refusal, &sight));
        }
    }
    Ok(Json(Rejections { items }))
}

/// The refused requests that would have been this delivery, if the caller may see any.
pub(super) async fn of(
    api: &Api,
    sight: &mut Visibility<'_>,
    id: &DeliveryId,
) -> Result<Option<RejectionDetail>, ApiError> {
    let mut rejections = Vec::new();
    for refusal in api.journal.rejections().await? {
        if refusal.delivery == *id && sight.may_see_refusal(&refusal).await? {
            rejections.push(redact::refusal(&refusal, sight));
        }
    }
    Ok((!rejections.is_empty()).then(|| RejectionDetail { id: id.to_string(), rejections }))
}
