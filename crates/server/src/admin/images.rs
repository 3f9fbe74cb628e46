//! The routes of images: the images with rules, and resolving one now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use tracing::info;
use trigger_core::ImageRef;
use trigger_images::ImageStatus;
use trigger_runtime::Action;

use super::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::extract::{ApiJson, ApiQuery};
use super::visibility::Visibility;
use crate::wire::{Image, ImageCheckOutcome, ImageCheckRequest, ImageQuery, Images};

/// How long a response waits for the registry, which may be slow or rate limited.
const CHECK_TIMEOUT: Duration = Duration::from_secs(20);
/// The same whether or not Builds in other namespaces have rules for the image.
const UNKNOWN: &str = "no Build in a namespace that you may see has a rule for this image; GET /api/v1/images lists \
                       the images with rules";
const FORBIDDEN: &str = "you may not check this image; ask for `create` on buildruns.shipwright.io in a namespace \
                         whose Builds have a rule for it";

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(query): ApiQuery<ImageQuery>,
) -> Result<Json<Images>, ApiError> {
    let ImageQuery { namespace, image, failing } = query;
    let image = image.as_deref().map(parse).transpose()?;
    let mut visibility = Visibility::of(&caller).await?;
    let statuses = visible(&api, &mut visibility, |status| {
        namespace.as_deref().is_none_or(|wanted| *status.namespace == *wanted)
            && image.as_ref().is_none_or(|wanted| status.image == *wanted)
            && (!failing || status.error.is_some())
    });
    let statuses = statuses.await?;
    let items = statuses.into_iter().map(Image::from).collect();
    Ok(Json(Images { items, polled_by: api.images.polled_by() }))
}

pub(super) async fn check(
    State(api): State<Api>,
    caller: Caller,
    ApiJson(request): ApiJson<ImageCheckRequest>,
) -> Result<Json<ImageCheckOutcome>, ApiError> {
    let image = parse(&request.image)?;
    let mut visibility = Visibility::of(&caller).await?;
    let statuses = of(&api, &mut visibility, &image).await?;
    if statuses.is_empty() {
        return Err(ApiError::new(StatusCode::NOT_FOUND, UNKNOWN));
    }
    if !may_check(&caller, &statuses).await? {
        return Err(ApiError::new(StatusCode::FORBIDDEN, FORBIDDEN));
    }
    let started = Timestamp::now();
    // An Image object provides the digest, so the registry is not polled.
    if statuses.iter().any(|status| !status.by_object) {
        info!(%image, by = caller.name(), from = caller.from, "resolving an image on request");
        api.images.check(&image, CHECK_TIMEOUT).await;
    }
    let statuses = of(&api, &mut visibility, &image).await?;
    let is_fresh =
        |status: &ImageStatus| status.by_object || status.checked.is_some_and(|checked| checked >= started);
    let complete = statuses.iter().all(is_fresh);
    Ok(Json(ImageCheckOutcome { complete, items: statuses.into_iter().map(Image::from).collect() }))
}

fn parse(text: &str) -> Result<ImageRef, ApiError> {
    ImageRef::parse(text).map_err(|error| {
        ApiError::bad_request(format!(
            "`image` is not a tagged image reference: {error}; write it like docker.io/library/node:20"
        ))
    })
}

/// Whether the caller may start runs in one of the namespaces: a check counts against the registry's rate limit,
/// and a new digest starts runs.
async fn may_check(caller: &Caller, statuses: &[ImageStatus]) -> Result<bool, ApiError> {
    for status in statuses {
        if caller.may(Action::Replay, Some(&status.namespace)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn of(
    api: &Api,
    visibility: &mut Visibility<'_>,
    image: &ImageRef,
) -> Result<Vec<ImageStatus>, ApiError> {
    visible(api, visibility, |status| status.image == *image).await
}

/// The status of every wanted image that the caller may see. Only namespaces of wanted ones are checked.
async fn visible(
    api: &Api,
    visibility: &mut Visibility<'_>,
    is_wanted: impl Fn(&ImageStatus) -> bool,
) -> Result<Vec<ImageStatus>, ApiError> {
    // Before the Builds are synced the list would be empty, which reads as `no Build has a rule`.
    api.rules()?;
    let mut statuses = api.images.statuses();
    statuses.retain(|status| is_wanted(status));
    let namespaces: BTreeSet<_> = statuses.iter().map(|status| Arc::clone(&status.namespace)).collect();
    visibility.load(&namespaces).await?;
    statuses.retain(|status| visibility.can_see(&status.namespace));
    Ok(statuses)
}
