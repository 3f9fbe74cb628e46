//! Notifications of pushes (distribution project, "Work with notifications").

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::auth::random;
use crate::http_client::send_request;
use crate::store::Manifest;

const EVENTS: &str = "application/vnd.docker.distribution.events.v1+json";

/// Attempts to deliver a notification.
const ATTEMPTS: u32 = 5;

/// Delay before the second attempt; doubled after each attempt.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// A receiver of notifications.
#[derive(Debug, Clone)]
struct Endpoint {
    url: String,
    headers: Vec<(String, String)>,
}

/// A notification in the queue.
#[derive(Debug)]
pub(crate) struct Notification {
    endpoint: Endpoint,
    envelope: Value,
}

/// The endpoints, and the queue to the sender.
#[derive(Debug)]
pub(crate) struct Notifications {
    /// Host and port of the registry.
    host: String,
    scheme: &'static str,
    endpoints: Mutex<Vec<Endpoint>>,
    queue: UnboundedSender<Notification>,
}

impl Notifications {
    pub(crate) fn new(host: String, scheme: &'static str) -> (Self, UnboundedReceiver<Notification>) {
        let (queue, receiver) = unbounded_channel();
        (Self { host, scheme, endpoints: Mutex::default(), queue }, receiver)
    }

    pub(crate) fn add(&self, url: &str, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let endpoint = Endpoint { url: url.to_owned(), headers: headers.collect() };
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).push(endpoint);
    }

    /// Queues a notification of a push to every endpoint.
    pub(crate) fn pushed(&self, repository: &str, reference: &str, manifest: &Manifest) {
        let endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for endpoint in endpoints {
            let envelope = json!({"events": [self.event(repository, reference, manifest)]});
            // The receiver is dropped only with the registry.
            let _ = self.queue.send(Notification { endpoint, envelope });
        }
    }

    fn event(&self, repository: &str, reference: &str, manifest: &Manifest) -> Value {
        let Self { host, scheme, .. } = self;
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
}

/// Sends notifications one after the other, as the distribution project's registry does.
pub(crate) async fn deliver(mut queue: UnboundedReceiver<Notification>) {
    while let Some(Notification { endpoint, envelope }) = queue.recv().await {
        let mut headers = vec![("content-type".to_owned(), EVENTS.to_owned())];
        headers.extend(endpoint.headers);
        let body = envelope.to_string();
        for attempt in 0..ATTEMPTS {
            match send_request(Method::POST, &endpoint.url, &headers, body.clone().into()).await {
                Ok(response) if response.status.is_success() => break,
                Ok(response) => tracing::debug!(status = %response.status, "a notification was rejected"),
                Err(error) => tracing::debug!(%error, "cannot send a notification"),
            }
            tokio::time::sleep(RETRY_DELAY * 2_u32.pow(attempt)).await;
        }
    }
}
