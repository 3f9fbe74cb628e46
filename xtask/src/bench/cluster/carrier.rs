use std::fmt;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use trigger_devcluster::{ApiError, Transport, WatchEvent, WatchEvents};

/// Carries the requests of simulated controllers to a real API server.
pub(super) struct Carrier {
    client: reqwest::Client,
    url: String,
}

impl Carrier {
    pub(super) fn new(client: reqwest::Client, url: String) -> Self {
        Self { client, url }
    }

    async fn request(&self, request: http::Request<Vec<u8>>) -> Result<reqwest::Response, ApiError> {
        let (parts, body) = request.into_parts();
        let url = format!("{}{}", self.url, parts.uri);
        let request = self.client.request(parts.method, url).headers(parts.headers).body(body);
        let answer = request.send().await.map_err(|error| away(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer.status().as_u16();
        let status: Value = answer.json().await.unwrap_or_default();
        let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
        Err(ApiError {
            code,
            reason: text("reason"),
            message: text("message"),
            details: Value::Null,
            retry_after: None,
            plain_text: false,
        })
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carrier")
    }
}

impl Transport for Carrier {
    fn send(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<Value, ApiError>> {
        async move { self.request(request).await?.json().await.map_err(|error| away(&error)) }.boxed()
    }

    fn watch(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<WatchEvents, ApiError>> {
        async move {
            let answer = self.request(request).await?;
            Ok(futures::stream::unfold((answer, Vec::new()), next_event).boxed())
        }
        .boxed()
    }
}

/// The next event of a watch: a line of JSON. A bookmark is no change. `None` at the first error.
async fn next_event(
    (mut answer, mut read): (reqwest::Response, Vec<u8>),
) -> Option<(WatchEvent, (reqwest::Response, Vec<u8>))> {
    loop {
        let Some(end) = read.iter().position(|byte| *byte == b'\n') else {
            read.extend_from_slice(&answer.chunk().await.ok()??);
            continue;
        };
        let line: Vec<u8> = read.drain(..=end).collect();
        let mut event: Value = serde_json::from_slice(&line).ok()?;
        let object = event["object"].take();
        let event = match event["type"].as_str()? {
            "ADDED" => WatchEvent::Added(object),
            "MODIFIED" => WatchEvent::Modified(object),
            "DELETED" => WatchEvent::Deleted(object),
            "BOOKMARK" => continue,
            _ => return None,
        };
        return Some((event, (answer, read)));
    }
}

fn away(error: &reqwest::Error) -> ApiError {
    ApiError {
        code: 503,
        reason: "ServiceUnavailable".to_owned(),
        message: error.to_string(),
        details: Value::Null,
        retry_after: None,
        plain_text: false,
    }
}
