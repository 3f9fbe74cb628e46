//! Posts composed events, for `send` and `dev`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use trigger_cluster::is_loopback;
use trigger_core::{Commit, DeliveryId};
use trigger_providers::Provider;

/// GitHub waits this long for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a hook answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

/// Signs `body` with `key` as `provider` would, and posts it to `url`.
pub(crate) async fn post(
    url: &str,
    provider: &dyn Provider,
    event: &str,
    body: Vec<u8>,
    key: Option<&[u8]>,
) -> anyhow::Result<Answer> {
    let delivery = fresh("delivery");
    let headers: HeaderMap = provider.sign(event, delivery.as_str(), &body, key);
    let client = client_for(url).timeout(ANSWER_WITHIN).build()?;
    let request = client.post(url).headers(headers).body(Bytes::from(body));
    let response = request.send().await.with_context(|| {
        format!("{url} cannot be reached: is `shipwright-trigger serve` or `dev` running there? Choose another address with --url")
    })?;
    let status = response.status();
    Ok(Answer { status, body: response.text().await.context("the answer broke off")? })
}

/// A client that asks `url`. What is on this machine is asked without the proxy that the environment names.
pub(crate) fn client_for(url: &str) -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder();
    if url.parse().is_ok_and(|url| is_loopback(&url)) { client.no_proxy() } else { client }
}

/// A commit id that nobody has used before, so that what is sent is a new event every time.
pub(crate) fn fresh_commit() -> anyhow::Result<Commit> {
    // 26 characters of base32 are fewer than the 40 hexadecimal digits of a commit: use two.
    let text: String = [fresh("one"), fresh("two")]
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

/// An id that nobody has used before.
pub(crate) fn fresh(what: &str) -> DeliveryId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    DeliveryId::derive(&[what.as_bytes(), &now.to_be_bytes(), &std::process::id().to_be_bytes()])
}
