//! Posts composed webhooks, for `send` and `dev`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use trigger_cluster::is_loopback;
use trigger_core::{Commit, DeliveryId};
use trigger_providers::Provider;

/// The shortest time for which a provider waits for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The response of a hook.
pub(crate) struct HookResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Signs `body` with `key` as `provider` does, and posts it to `url`.
pub(crate) async fn post(
    url: &str,
    provider: &dyn Provider,
    event: &str,
    body: Vec<u8>,
    key: Option<&[u8]>,
) -> anyhow::Result<HookResponse> {
    let delivery = unique_id("delivery");
    let headers: HeaderMap = provider.sign(event, delivery.as_str(), &body, key, Timestamp::now());
    let client = client_for(url).timeout(RESPONSE_TIMEOUT).build()?;
    let request = client.post(url).headers(headers).body(Bytes::from(body));
    let response = request.send().await.with_context(|| {
        format!(
            "cannot reach {url}: start `shipwright-trigger serve` or `dev`, or set another address with --url"
        )
    })?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(HookResponse { status, headers, body: response.text().await.context("the response was incomplete")? })
}

/// An HTTP client for `url`. Loopback addresses are reached without the proxy of the environment.
pub(crate) fn client_for(url: &str) -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder();
    if url.parse().is_ok_and(|url| is_loopback(&url)) { client.no_proxy() } else { client }
}

/// A new commit id, so that each composed event is a new one.
pub(crate) fn fresh_commit() -> anyhow::Result<Commit> {
    // One id has 26 characters of base32; a commit needs 40 hexadecimal digits.
    let text: String = [unique_id("one"), unique_id("two")]
        .iter()
        .flat_map(|id| {
            id.as_str()
                .bytes()
                .map(|byte| char::from_digit(u32::from(byte) % 16, 16).unwrap_or('0'))
                .collect::<Vec<_>>()
        })
        .take(40)
        .collect();
    Ok(Commit::parse(&text)?)
}

/// An id from the time and this process, unique for each `purpose`.
pub(crate) fn unique_id(purpose: &str) -> DeliveryId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    DeliveryId::derive(&[purpose.as_bytes(), &now.to_be_bytes(), &std::process::id().to_be_bytes()])
}
