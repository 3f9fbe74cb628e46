//! The routes of deliveries: the history, one delivery, its body.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use trigger_core::DeliveryId;
use trigger_journal::{Query, Record};
use trigger_providers::parse_repository;

use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiQuery;
use super::visibility::Visibility;
use super::{Api, redact, rejections};
use crate::wire::{Deliveries, DeliveryQuery, KnownDelivery};

const DEFAULT_PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;
/// How many records are read at once for callers who may not see everything.
const READ_BATCH: usize = 200;
/// How many records one request examines for those that the caller may see. The next page continues.
const MAX_EXAMINED: usize = 5000;

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(query): ApiQuery<DeliveryQuery>,
) -> Result<Json<Deliveries>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(ApiError::bad_request(format!("`limit` must be 1 to {LARGEST_PAGE}")));
    }
    let mut visibility = Visibility::of(&caller).await?;
    let found = gather(&api, &mut visibility, history_query(query)?, limit).await?;
    Ok(Json(found))
}

pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<KnownDelivery>, ApiError> {
    let id: DeliveryId = id.parse().map_err(|_| ApiError::unknown())?;
    let mut visibility = Visibility::of(&caller).await?;
    if let Some(record) = find(&api, &mut visibility, &id).await? {
        let detail = redact::detail(&record, &visibility, api.runs.as_ref()).await;
        return Ok(Json(KnownDelivery::Delivery(Box::new(detail))));
    }
    let rejected = rejections::of(&api, &mut visibility, &id).await?;
    rejected.map(|detail| Json(KnownDelivery::Rejection(detail))).ok_or_else(ApiError::unknown)
}

pub(super) async fn payload(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id: DeliveryId = id.parse().map_err(|_| ApiError::unknown())?;
    let mut visibility = Visibility::of(&caller).await?;
    let record = find(&api, &mut visibility, &id).await?.ok_or_else(ApiError::unknown)?;
    if !visibility.can_read_body(&record) {
        let detail = "you may not read this body; ask for `get` on builds.shipwright.io in the namespace of the \
                      Secret that verified it";
        return Err(ApiError::new(StatusCode::FORBIDDEN, detail));
    }
    if !record.body_kept {
        let detail = "the body was pruned; --retain-payloads sets how long bodies are stored";
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

/// The delivery, if it exists and the caller may see a part of it.
pub(super) async fn find(
    api: &Api,
    visibility: &mut Visibility<'_>,
    id: &DeliveryId,
) -> Result<Option<Record>, ApiError> {
    let Some(record) = api.journal.find(id).await? else { return Ok(None) };
    Ok(visibility.can_see_delivery(&record).await?.then_some(record))
}

fn history_query(query: DeliveryQuery) -> Result<Query, ApiError> {
    let DeliveryQuery { repository, event, state, since, until, limit: _, after } = query;
    let repository = repository.map(|text| {
        parse_repository(&text).map(|name| name.to_string()).map_err(|error| {
            let detail =
                format!("`repository` is not a repository URL: {error}; write it like github.com/acme/web");
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

/// Reads pages until `limit` deliveries are found that the caller may see, or [`MAX_EXAMINED`] is reached.
async fn gather(
    api: &Api,
    visibility: &mut Visibility<'_>,
    mut query: Query,
    limit: usize,
) -> Result<Deliveries, ApiError> {
    let mut items = Vec::new();
    let mut examined = 0;
    loop {
        let wanted = limit - items.len();
        query.limit = if visibility.is_cluster_wide() { wanted } else { wanted.max(READ_BATCH) };
        let page = api.journal.history(query.clone()).await?;
        for (position, record) in page.records.iter().enumerate() {
            if items.len() == limit {
                let next = cursor_after(api, query, &page.records, position).await?;
                return Ok(Deliveries { items, next });
            }
            if visibility.can_see_delivery(record).await? {
                items.push(redact::item(record, visibility));
            }
        }
        examined += page.records.len();
        if page.next.is_none() || items.len() == limit || examined >= MAX_EXAMINED {
            return Ok(Deliveries { items, next: page.next });
        }
        query.after = page.next;
    }
}

/// The cursor after the first `position` records of a page.
async fn cursor_after(
    api: &Api,
    mut query: Query,
    page: &[Record],
    position: usize,
) -> Result<Option<String>, ApiError> {
    // Deliveries that arrived since must not shift the position.
    let newest =
        page.first().and_then(|record| record.delivery.received_at.checked_add(Duration::from_nanos(1)).ok());
    query.until = query.until.into_iter().chain(newest).min();
    query.limit = position;
    Ok(api.journal.history(query).await?.next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_of_a_query_is_named_as_deliveries_name_it() {
        for address in
            ["https://GitHub.com/Acme/Web.git", "git@github.com:acme/web", "ssh.github.com/acme/web"]
        {
            let query = DeliveryQuery { repository: Some(address.to_owned()), ..DeliveryQuery::default() };
            let query = history_query(query).ok().and_then(|query| query.repository);
            assert_eq!(query.as_deref(), Some("github.com/acme/web"), "{address}");
        }
    }
}
