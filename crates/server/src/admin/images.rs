//! Images that Builds wait for, and asking their registries.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use tracing::info;
use trigger_core::ImageRef;
use trigger_dispatch::ImageStatus;
use trigger_runtime::Action;

use super::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::extract::{ApiJson, ApiQuery};
use super::visibility::Visibility;
use crate::wire::{Image, ImageCheck, ImageChecked, ImageQuery, Images};

/// How long an answer waits for a registry, which may be slow or have others to be asked about first.
const PATIENCE: Duration = Duration::from_secs(20);
/// Says nothing on whether others wait for it.
const UNKNOWN: &str = "no Build waits for this image in a namespace that you may see; GET /api/v1/images lists \
                       those that are waited for";
const FORBIDDEN: &str = "you may not have this registry asked; ask for `create` on buildruns.shipwright.io in a \
                         namespace whose Builds wait for the image";

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(query): ApiQuery<ImageQuery>,
) -> Result<Json<Images>, ApiError> {
    let ImageQuery { namespace, image, failing } = query;
    let image = image.as_deref().map(parse).transpose()?;
    let mut sight = Visibility::of(&caller).await?;
    let mut standings = seen(&api, &mut sight).await?;
    standings.retain(|standing| {
        namespace.as_deref().is_none_or(|wanted| *standing.namespace == *wanted)
            && image.as_ref().is_none_or(|wanted| standing.image == *wanted)
            && (!failing || standing.fault.is_some())
    });
    let items = standings.into_iter().map(Image::from).collect();
    Ok(Json(Images { items, asked_by: api.images.asked_by() }))
}

pub(super) async fn check(
    State(api): State<Api>,
    caller: Caller,
    ApiJson(order): ApiJson<ImageCheck>,
) -> Result<Json<ImageChecked>, ApiError> {
    let image = parse(&order.image)?;
    let mut sight = Visibility::of(&caller).await?;
    let standings = of(&api, &mut sight, &image).await?;
    if standings.is_empty() {
        return Err(ApiError::new(StatusCode::NOT_FOUND, UNKNOWN));
    }
    if !may_check(&caller, &standings).await? {
        return Err(ApiError::new(StatusCode::FORBIDDEN, FORBIDDEN));
    }
    let begun = Timestamp::now();
    // Where an Image object tells, nobody else is asked.
    if standings.iter().any(|standing| !standing.by_object) {
        info!(%image, by = caller.name(), from = caller.from, "a registry is asked because a user wants it");
        api.images.check(&image, PATIENCE).await;
    }
    let standings = of(&api, &mut sight, &image).await?;
    let is_fresh = |standing: &ImageStatus| {
        standing.by_object || standing.checked.is_some_and(|checked| checked >= begun)
    };
    let asked = standings.iter().all(is_fresh);
    Ok(Json(ImageChecked { asked, items: standings.into_iter().map(Image::from).collect() }))
}

fn parse(text: &str) -> Result<ImageRef, ApiError> {
    ImageRef::parse(text).map_err(|error| {
        ApiError::bad_request(format!(
            "`image` names no tag of an image: {error}; write docker.io/library/node:20, say"
        ))
    })
}

/// Whether the caller may start runs in one of the namespaces: asking costs the registry's patience, and what
/// comes of it starts runs.
async fn may_check(caller: &Caller, standings: &[ImageStatus]) -> Result<bool, ApiError> {
    for standing in standings {
        if caller.may(Action::Replay, Some(&standing.namespace)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn of(api: &Api, sight: &mut Visibility<'_>, image: &ImageRef) -> Result<Vec<ImageStatus>, ApiError> {
    let mut standings = seen(api, sight).await?;
    standings.retain(|standing| standing.image == *image);
    Ok(standings)
}

/// How all images stand that the caller may see.
async fn seen(api: &Api, sight: &mut Visibility<'_>) -> Result<Vec<ImageStatus>, ApiError> {
    // Before all Builds are seen there is nothing to tell, which is not the same as that nobody waits.
    api.rules()?;
    let mut standings = api.images.standings();
    let namespaces: BTreeSet<_> = standings.iter().map(|standing| Arc::clone(&standing.namespace)).collect();
    sight.look_at(&namespaces).await?;
    standings.retain(|standing| sight.sees(&standing.namespace));
    Ok(standings)
}
