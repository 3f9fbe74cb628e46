//! The routes of deliveries: the history, one delivery, its body.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use trigger_core::DeliveryId;
use trigger_images::image_changes;
use trigger_journal::{Query, Record};
use trigger_providers::{own_event_names, parse_repository};

use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiQuery;
use super::listed::Listed;
use super::visibility::{Visibility, owners_of};
use super::{Api, redact, rejections};
use crate::wire::{Deliveries, Delivery, DeliveryQuery, ImageChange, KnownDelivery};

const DEFAULT_PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;
/// The text of a page, about. Repository names and sentences can be long; a page that holds so much ends early.
pub(crate) const PAGE_BYTES: usize = 1 << 20;
/// How many records are read at once: their decisions are in memory together.
const READ_BATCH: usize = 64;
/// For how long one request looks for deliveries that the caller may see. The next page continues.
///
/// Not a number of records: a page that ends early would tell how many deliveries of others lie between.
pub(crate) const EXAMINE_WITHIN: Duration = Duration::from_secs(5);
/// How many replays of one delivery are looked up for those that the caller may see: the newest.
const MAX_REPLAYS: usize = 50;

/// A delivery without its body, which is read by one request at a time.
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) body_size: usize,
    /// The changed images in the body.
    pub(super) images: Vec<ImageChange>,
}

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
    let mut query = history_query(query)?;
    if let Some(after) = query.after {
        query.after = Some(api.cursors.open(&after).await?);
    }
    let (items, next) = gather(&api, &mut visibility, query, limit).await?;
    let next = match next {
        Some(cursor) => Some(api.cursors.seal(cursor).await?),
        None => None,
    };
    Ok(Json(Deliveries { items, next }))
}

pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<KnownDelivery>, ApiError> {
    let id: DeliveryId = id.parse().map_err(|_| ApiError::unknown())?;
    let mut visibility = Visibility::of(&caller).await?;
    if let Some(found) = find(&api, &mut visibility, &id).await? {
        let replays = visible_replays(&api, &mut visibility, &found.record).await?;
        let detail = redact::detail(&found, replays, &visibility, api.runs.as_ref()).await;
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
    let record = find_visible(&api, &mut visibility, &id).await?.ok_or_else(ApiError::unknown)?;
    if !visibility.can_read_body(&record) {
        let detail = "you may not read this body; ask for `get` on builds.shipwright.io in the namespace of the \
                      Secret that verified it";
        return Err(ApiError::new(StatusCode::FORBIDDEN, detail));
    }
    if !record.body_kept {
        let detail = "the body was pruned; --retain-payloads sets how long bodies are stored";
        return Err(ApiError::new(StatusCode::GONE, detail));
    }
    let (length, body) = {
        let _turn = api.budget.record().await?;
        let record = api.journal.find(&id).await?.ok_or_else(ApiError::unknown)?;
        let body = record.delivery.body;
        (body.len(), api.budget.send(body)?)
    };
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
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok((headers, body).into_response())
}

/// The delivery with the parts that are made of its body, if it exists and belongs to a namespace that the caller may
/// see.
///
/// The body is dropped before permissions are checked: the API server may take long, and other requests wait.
async fn find(
    api: &Api,
    visibility: &mut Visibility<'_>,
    id: &DeliveryId,
) -> Result<Option<Found>, ApiError> {
    let found = {
        let _turn = api.budget.record().await?;
        api.journal.find(id).await?.map(Found::of)
    };
    let Some(found) = found else { return Ok(None) };
    Ok(visibility.can_see_delivery(&found.record).await?.then_some(found))
}

/// The delivery without its body, if it exists and belongs to a namespace that the caller may see.
pub(super) async fn find_visible(
    api: &Api,
    visibility: &mut Visibility<'_>,
    id: &DeliveryId,
) -> Result<Option<Record>, ApiError> {
    let record = {
        let _turn = api.budget.page().await?;
        let query = Query { id: Some(id.clone()), ..Query::default() };
        api.journal.history(query).await?.records.pop()
    };
    let Some(record) = record else { return Ok(None) };
    Ok(visibility.can_see_delivery(&record).await?.then_some(record))
}

/// The replays of a delivery that the caller may see. Those of a delivery that belongs to other namespaces too may concern
/// these only.
async fn visible_replays(
    api: &Api,
    visibility: &mut Visibility<'_>,
    record: &Record,
) -> Result<Vec<DeliveryId>, ApiError> {
    if visibility.can_see_all(&owners_of(record)) {
        return Ok(record.replays.clone());
    }
    let mut visible = Vec::new();
    for id in record.replays.iter().skip(record.replays.len().saturating_sub(MAX_REPLAYS)) {
        if find_visible(api, visibility, id).await?.is_some() {
            visible.push(id.clone());
        }
    }
    Ok(visible)
}

impl Found {
    fn of(mut record: Record) -> Self {
        let images = image_changes(&record.delivery).iter().map(ImageChange::from).collect();
        let body_size = std::mem::take(&mut record.delivery.body).len();
        Self { record, body_size, images }
    }
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
        id: None,
        repository: repository.transpose()?,
        events: event.as_deref().map(own_event_names).unwrap_or_default(),
        state: state.map(Into::into),
        since,
        until,
        limit: 0,
        after,
    })
}

/// Reads pages until `limit` deliveries are found that the caller may see, the page is large enough, or [`EXAMINE_WITHIN`] has
/// passed. Returns them with the cursor of the journal after them.
async fn gather(
    api: &Api,
    visibility: &mut Visibility<'_>,
    mut query: Query,
    limit: usize,
) -> Result<(Vec<Delivery>, Option<String>), ApiError> {
    let mut items = Vec::new();
    let (began, mut bytes) = (Instant::now(), 0);
    loop {
        let wanted = limit - items.len();
        query.limit = if visibility.is_cluster_wide() { wanted.min(READ_BATCH) } else { READ_BATCH };
        let (page, next) = read_page(api, query.clone()).await?;
        for (position, listed) in page.iter().enumerate() {
            if items.len() == limit || bytes >= PAGE_BYTES {
                let next = cursor_after(api, query, &page, position).await?;
                return Ok((items, next));
            }
            if visibility.can_see_listed(listed).await? {
                let item = redact::item(listed, visibility);
                bytes += size(&item);
                items.push(item);
            }
        }
        let is_late = began.elapsed() >= EXAMINE_WITHIN;
        if next.is_none() || items.len() == limit || bytes >= PAGE_BYTES || is_late {
            return Ok((items, next));
        }
        query.after = next;
    }
}

/// A page of the journal, and the cursor after it. The records themselves are held during the turn only.
async fn read_page(api: &Api, query: Query) -> Result<(Vec<Listed>, Option<String>), ApiError> {
    let _turn = api.budget.page().await?;
    let page = api.journal.history(query).await?;
    Ok((page.records.into_iter().map(Listed::of).collect(), page.next))
}

/// The bytes of the texts of an item whose length is not fixed.
fn size(item: &Delivery) -> usize {
    let texts = [&item.repository, &item.error, &item.summary.nearest];
    item.event.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
}

/// The cursor after the first `position` records of a page.
async fn cursor_after(
    api: &Api,
    mut query: Query,
    page: &[Listed],
    position: usize,
) -> Result<Option<String>, ApiError> {
    // Deliveries that arrived since must not shift the position.
    let newest = page.first().and_then(|listed| listed.received_at.checked_add(Duration::from_nanos(1)).ok());
    query.until = query.until.into_iter().chain(newest).min();
    query.limit = position;
    Ok(read_page(api, query).await?.1)
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
