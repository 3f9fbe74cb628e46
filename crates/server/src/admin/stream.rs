//! The route of the stream of changes, as Server-Sent Events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use trigger_journal::Record;

use super::caller::Caller;
use super::error::ApiError;
use super::feed::Subscription;
use super::visibility::Visibility;
use super::{Api, redact};

/// Below the idle timeouts of common proxies, which start at 30 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream lasts. A client that reconnects is authenticated again: its token may have expired.
const MAX_DURATION: Duration = Duration::from_mins(15);

pub(super) async fn open(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let subscription = api.feed.subscribe().await?;
    let subscriber =
        Subscriber { subscription, caller, ends: Instant::now() + MAX_DURATION, shutdown: api.shutdown };
    let events = stream::unfold(Some(subscriber), next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
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
            Ok(record) => match subscriber.event(&record).await {
                Ok(Some(event)) => return Some((Ok(event), Some(subscriber))),
                Ok(None) => {}
                Err(error) => {
                    debug!(detail = error.detail, "ending a stream");
                    return None;
                }
            },
            Err(RecvError::Lagged(missed)) => {
                let event = Event::default().event("lagged").data(missed.to_string());
                return Some((Ok(event), None));
            }
            Err(RecvError::Closed) => return None,
        }
    }
}

impl Subscriber {
    /// The event for this subscriber, if the caller may see a part of the delivery.
    async fn event(&self, record: &Arc<Record>) -> Result<Option<Event>, ApiError> {
        let mut visibility = Visibility::of(&self.caller).await?;
        if !visibility.can_see_delivery(record).await? {
            return Ok(None);
        }
        let event = Event::default().event("delivery").json_data(redact::item(record, &visibility));
        Ok(event.ok())
    }
}
