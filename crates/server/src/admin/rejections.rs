//! The routes of rejected requests.

use axum::Json;
use axum::extract::State;
use trigger_core::DeliveryId;
use trigger_journal::{REJECTIONS, Rejection};

use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiQuery;
use super::visibility::Visibility;
use super::{Api, redact};
use crate::wire::{RejectionDetail, RejectionQuery, Rejections};

const DEFAULT_LIMIT: usize = 50;

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(query): ApiQuery<RejectionQuery>,
) -> Result<Json<Rejections>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=REJECTIONS).contains(&limit) {
        return Err(ApiError::bad_request(format!("`limit` must be 1 to {REJECTIONS}")));
    }
    let mut visibility = Visibility::of(&caller).await?;
    let mut items = Vec::new();
    for rejection in read(&api).await? {
        if items.len() == limit {
            break;
        }
        if visibility.can_see_rejection(&rejection).await? {
            items.push(redact::rejection(&rejection, &visibility));
        }
    }
    Ok(Json(Rejections { items }))
}

/// The rejected requests with this delivery id, if the caller may see any.
pub(super) async fn of(
    api: &Api,
    visibility: &mut Visibility<'_>,
    id: &DeliveryId,
) -> Result<Option<RejectionDetail>, ApiError> {
    let mut rejections = Vec::new();
    for rejection in read(api).await? {
        if rejection.delivery == *id && visibility.can_see_rejection(&rejection).await? {
            rejections.push(redact::rejection(&rejection, visibility));
        }
    }
    Ok((!rejections.is_empty()).then(|| RejectionDetail { id: id.to_string(), rejections }))
}

/// The stored rejections. The journal bounds their number, and intake the length of each.
async fn read(api: &Api) -> Result<Vec<Rejection>, ApiError> {
    let _turn = api.budget.page().await?;
    Ok(api.journal.rejections().await?)
}
