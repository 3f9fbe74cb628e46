//! The route of the stream of changes, as Server-Sent Events.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::caller::Caller;
use super::error::ApiError;
use super::feed::Subscription;
use super::listed::Listed;
use super::visibility::Visibility;
use super::{Api, redact};

/// Below the idle timeouts of common proxies, which start at 30 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream lasts. A client that reconnects is authenticated again: its token may have expired.
const MAX_DURATION: Duration = Duration::from_mins(15);
const SEES_NOTHING: &str = "no Build in a namespace that you may see has rules; ask for `get` on builds.shipwright.io in \
                            a namespace whose Builds have some";

pub(super) async fn open(
    State(api): State<Api>,
    mut caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let mut visibility = Visibility::of(&caller).await?;
    let is_cluster_wide = visibility.is_cluster_wide();
    if !is_cluster_wide && !sees_rules(&api, &caller, &mut visibility).await? {
        return Err(ApiError::new(StatusCode::FORBIDDEN, SEES_NOTHING));
    }
    let subscription = api.feed.subscribe(caller.account(), is_cluster_wide).await?;
    // A stream has slots of its own, and lasts longer than a request.
    caller.end_request();
    let subscriber =
        Subscriber { subscription, caller, ends: Instant::now() + MAX_DURATION, shutdown: api.shutdown };
    let events = stream::unfold(Some(subscriber), next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Whether there are rules in a namespace that the caller may see. A caller who may see none gets no slot: every token of
/// the cluster could hold one.
async fn sees_rules(api: &Api, caller: &Caller, visibility: &mut Visibility<'_>) -> Result<bool, ApiError> {
    let rules = api.rules()?;
    let namespaces: BTreeSet<_> = rules.owners().map(|owner| Arc::clone(owner.owner.namespace())).collect();
    // The namespace of a ServiceAccount first: mostly it is the one.
    if let Some(own) = caller.namespace().and_then(|own| namespaces.get(own))
        && visibility.can_see_any([own]).await?
    {
        return Ok(true);
    }
    Ok(visibility.can_see_any(&namespaces).await?)
}

struct Subscriber {
    subscription: Subscription,
    caller: Caller,
    ends: Instant,
    shutdown: CancellationToken,
}

/// The next event, and the subscriber unless the stream ends with that event.
async fn next(subscriber: Option<Subscriber>) -> Option<(Result<Event, Infallible>, Option<Subscriber>)> {
    let mut subscriber = subscriber?;
    loop {
        let change = tokio::select! {
            change = subscriber.subscription.changes.recv() => change,
            () = tokio::time::sleep_until(subscriber.ends) => return None,
            () = subscriber.shutdown.cancelled() => return None,
        };
        match change {
            Ok(listed) => match subscriber.event(&listed).await {
                Ok(Some(event)) => return Some((Ok(event), Some(subscriber))),
                Ok(None) => {}
                Err(error) => {
                    debug!(detail = error.detail, "ending a stream");
                    return None;
                }
            },
            Err(RecvError::Lagged(_)) => {
                // Without the number of missed changes: most may be those of others.
                let event = Event::default().event("lagged").data("connect again");
                return Some((Ok(event), None));
            }
            Err(RecvError::Closed) => return None,
        }
    }
}

impl Subscriber {
    /// The event for this subscriber, if the caller may see a part of the delivery.
    async fn event(&self, listed: &Listed) -> Result<Option<Event>, ApiError> {
        let mut visibility = Visibility::of(&self.caller).await?;
        if !visibility.can_see_listed(listed).await? {
            return Ok(None);
        }
        let event = Event::default().event("delivery").json_data(redact::item(listed, &visibility));
        Ok(event.ok())
    }
}
