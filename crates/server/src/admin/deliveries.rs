//! The history, one delivery, its body.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use trigger_core::{DeliveryId, RepoId};
use trigger_journal::{Query, Record};

use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiQuery;
use super::visibility::Visibility;
use super::{Api, redact, rejections};
use crate::wire::{Deliveries, DeliveryQuery, KnownDelivery};

const USUAL_PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;
/// How much is read at once for those who may not see everything.
const READ_AT_ONCE: usize = 200;
/// After so many deliveries the search for those that the caller may see ends; the next page goes on.
const EXAMINED_AT_MOST: usize = 5000;

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(query): ApiQuery<DeliveryQuery>,
) -> Result<Json<Deliveries>, ApiError> {
    let limit = query.limit.unwrap_or(USUAL_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(ApiError::bad_request(format!("`limit` is 1 to {LARGEST_PAGE}")));
    }
    let mut sight = Visibility::of(&caller).await?;
    let found = gather(&api, &mut sight, history_query(query)?, limit).await?;
    Ok(Json(found))
}

pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<KnownDelivery>, ApiError> {
    let id: DeliveryId = id.parse().map_err(|_| ApiError::unknown())?;
    let mut sight = Visibility::of(&caller).await?;
    if let Some(record) = find(&api, &mut sight, &id).await? {
        let detail = redact::detail(&record, &sight, api.runs.as_ref()).await;
        return Ok(Json(KnownDelivery::Delivery(Box::new(detail))));
    }
    let refused = rejections::of(&api, &mut sight, &id).await?;
    refused.map(|refused| Json(KnownDelivery::Rejection(refused))).ok_or_else(ApiError::unknown)
}

pub(super) async fn payload(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id: DeliveryId = id.parse().map_err(|_| ApiError::unknown())?;
    let mut sight = Visibility::of(&caller).await?;
    let record = find(&api, &mut sight, &id).await?.ok_or_else(ApiError::unknown)?;
    if !sight.may_read_body(&record) {
        let detail = "the body is for those who may read where the key is that signed it; ask for `get` on \
                      builds.shipwright.io there";
        return Err(ApiError::new(StatusCode::FORBIDDEN, detail));
    }
    if !record.body_kept {
        let detail = "the body is not kept any more; --retain-payloads says how long bodies are";
        return Err(ApiError::new(StatusCode::GONE, detail));
    }
    let delivery = record.delivery;
    let stored = delivery.headers.iter().find(|(name, _)| name == header::CONTENT_TYPE.as_str());
    let kind = stored.and_then(|(_, value)| HeaderValue::from_str(value).ok());
    let disposition = format!("attachment; filename=\"{id}\"");
    let mut headers = HeaderMap::new();
    headers
        .insert(header::CONTENT_TYPE, kind.unwrap_or_else(|| HeaderValue::from_static("application/json")));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok((headers, delivery.body).into_response())
}

/// The delivery, if it is there and the caller may see something of it.
pub(super) async fn find(
    api: &Api,
    sight: &mut Visibility<'_>,
    id: &DeliveryId,
) -> Result<Option<Record>, ApiError> {
    let Some(record) = api.journal.find(id).await? else { return Ok(None) };
    Ok(sight.may_see(&record).await?.then_some(record))
}

fn history_query(query: DeliveryQuery) -> Result<Query, ApiError> {
    let DeliveryQuery { repository, event, state, since, until, limit: _, after } = query;
    let repository = repository.map(|text| {
        RepoId::parse(&text).map(|name| name.to_string()).map_err(|error| {
            let detail = format!("`repository` names no repository: {error}; write github.com/acme/web, say");
            ApiError::bad_request(detail)
        })
    });
    Ok(Query {
        repository: repository.transpose()?,
        event,
        state: state.map(Into::into),
        since,
        until,
        limit: 0,
        after,
    })
}

/// Reads on until there are `limit` deliveries that the caller may see, or the search has gone on for long.
async fn gather(
    api: &Api,
    sight: &mut Visibility<'_>,
    mut query: Query,
    limit: usize,
) -> Result<Deliveries, ApiError> {
    let mut items = Vec::new();
    let mut examined = 0;
    loop {
        let wanted = limit - items.len();
        query.limit = if sight.is_everywhere() { wanted } else { wanted.max(READ_AT_ONCE) };
        let page = api.journal.history(query.clone()).await?;
        for (place, record) in page.records.iter().enumerate() {
            if items.len() == limit {
                let next = cursor_behind(api, query, &page.records, place).await?;
                return Ok(Deliveries { items, next });
            }
            if sight.may_see(record).await? {
                items.push(redact::item(record, sight));
            }
        }
        examined += page.records.len();
        if page.next.is_none() || items.len() == limit || examined >= EXAMINED_AT_MOST {
            return Ok(Deliveries { items, next: page.next });
        }
        query.after = page.next;
    }
}

/// The cursor behind the first `place` records of a page that was read further than it is needed.
async fn cursor_behind(
    api: &Api,
    mut query: Query,
    page: &[Record],
    place: usize,
) -> Result<Option<String>, ApiError> {
    // What has come in since must not shift the place.
    let newest =
        page.first().and_then(|record| record.delivery.received_at.checked_add(Duration::from_nanos(1)).ok());
    query.until = query.until.into_iter().chain(newest).min();
    query.limit = place;
    Ok(api.journal.history(query).await?.next)
}
