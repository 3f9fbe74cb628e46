//! Tells others of what is pushed (distribution project, "Work with notifications").

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::auth::random;
use crate::exchange::exchange;
use crate::handler::Shared;
use crate::store::Manifest;

const EVENTS: &str = "application/vnd.docker.distribution.events.v1+json";

/// How often an event is sent to somebody who does not take it.
const TRIES: u32 = 5;

/// How long to wait before it is sent again the first time; twice as long each time after.
const REST: Duration = Duration::from_millis(100);

/// Somebody who wants to know.
#[derive(Debug, Clone)]
struct Listener {
    url: String,
    headers: Vec<(String, String)>,
}

/// An envelope on its way.
#[derive(Debug)]
pub(crate) struct Letter {
    to: Listener,
    envelope: Value,
}

/// Who is told, and the way there.
#[derive(Debug)]
pub(crate) struct Notifications {
    listeners: Mutex<Vec<Listener>>,
    letters: UnboundedSender<Letter>,
}

impl Notifications {
    pub(crate) fn new() -> (Self, UnboundedReceiver<Letter>) {
        let (letters, posted) = unbounded_channel();
        (Self { listeners: Mutex::default(), letters }, posted)
    }

    pub(crate) fn add(&self, url: &str, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let listener = Listener { url: url.to_owned(), headers: headers.collect() };
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Sends word of a push, in the background.
    pub(crate) fn pushed(&self, shared: &Shared, repository: &str, reference: &str, manifest: &Manifest) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for to in listeners {
            let envelope = json!({"events": [event(shared, repository, reference, manifest)]});
            // Nobody takes it any more only when the registry goes away.
            let _ = self.letters.send(Letter { to, envelope });
        }
    }
}

fn event(shared: &Shared, repository: &str, reference: &str, manifest: &Manifest) -> Value {
    let Shared { host, scheme, .. } = shared;
    let Manifest { digest, media_type, bytes } = manifest;
    let mut target = json!({
        "mediaType": media_type,
        "digest": digest,
        "size": bytes.len(),
        "length": bytes.len(),
        "repository": repository,
        "url": format!("{scheme}://{host}/v2/{repository}/manifests/{digest}"),
    });
    if reference != digest {
        target["tag"] = reference.into();
    }
    json!({
        "id": random(),
        "timestamp": Timestamp::now().to_string(),
        "action": "push",
        "target": target,
        "request": {"id": random(), "addr": "127.0.0.1", "host": host, "method": "PUT", "useragent": "devregistry"},
        "actor": {},
        "source": {"addr": host, "instanceID": "devregistry"},
    })
}

/// Delivers letters one after the other, as the distribution project's registry does.
pub(crate) async fn deliver(mut posted: UnboundedReceiver<Letter>) {
    while let Some(Letter { to, envelope }) = posted.recv().await {
        let mut headers = vec![("content-type".to_owned(), EVENTS.to_owned())];
        headers.extend(to.headers);
        let body = envelope.to_string();
        for attempt in 0..TRIES {
            match exchange(Method::POST, &to.url, &headers, body.clone().into()).await {
                Ok(answer) if answer.status.is_success() => break,
                Ok(answer) => tracing::debug!(status = %answer.status, "a notification was refused"),
                Err(error) => tracing::debug!(%error, "a notification did not arrive"),
            }
            tokio::time::sleep(REST * 2_u32.pow(attempt)).await;
        }
    }
}
