//! What changes, as Server-Sent Events.

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

const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after this time, and whoever comes back shows the token again: it may have run out.
const LASTS: Duration = Duration::from_mins(15);

pub(super) async fn open(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let subscription = api.feed.subscribe().await?;
    let listener = Listener { subscription, caller, ends: Instant::now() + LASTS, shutdown: api.shutdown };
    let events = stream::unfold(Some(listener), next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

struct Listener {
    subscription: Subscription,
    caller: Caller,
    ends: Instant,
    shutdown: CancellationToken,
}

/// The next event, and who goes on to listen.
async fn next(listener: Option<Listener>) -> Option<(Result<Event, Infallible>, Option<Listener>)> {
    let mut listener = listener?;
    loop {
        let change = tokio::select! {
            change = listener.subscription.changes.recv() => change,
            () = tokio::time::sleep_until(listener.ends) => return None,
            () = listener.shutdown.cancelled() => return None,
        };
        match change {
            Ok(record) => match listener.event(&record).await {
                Ok(Some(event)) => return Some((Ok(event), Some(listener))),
                Ok(None) => {}
                Err(fault) => {
                    debug!(detail = fault.detail, "a stream ends");
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

impl Listener {
    /// The event for this listener, if the caller may see anything of it.
    async fn event(&self, record: &Arc<Record>) -> Result<Option<Event>, ApiError> {
        let mut sight = Visibility::of(&self.caller).await?;
        if !sight.may_see(record).await? {
            return Ok(None);
        }
        let event = Event::default().event("delivery").json_data(redact::item(record, &sight));
        Ok(event.ok())
    }
}
