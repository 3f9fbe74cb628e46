use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use trigger_expr::Headers;

use super::super::body::go_text;
use super::Address;

/// A POST request to an interceptor outside this process.
///
/// The caller sends it through `egress`, and follows redirects itself: at most ten, each through the guard, with the same
/// CAs. It waits [`WireRequest::timeout`] for the whole answer of a try, and tries again after a failed connection, a
/// time-out, and the statuses 429, 502, 503 and 504. The answer to the last try counts.
#[derive(Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// The address.
    pub address: Address,
    /// The headers, without those that belong to the connection.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
    /// The longest time for one try with its answer.
    pub timeout: Duration,
    /// How often it is tried again.
    pub retries: u8,
    /// The way to follow redirects.
    pub redirects: Redirects,
    /// The largest body of an answer, in bytes. Of a larger one, the caller reads one byte more than that and no further.
    pub largest_answer: usize,
}

/// How redirects are followed. The statuses 301, 302 and 303 mean a GET request without a body and without `Content-Type`;
/// when the host changes, `Authorization` and `Cookie` are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// 307 and 308 send the body again.
    SendBodyAgain,
    /// A response with 307 or 308 is the answer: Tekton's listener does not keep the body, so it does not follow them.
    RefuseBody,
}

/// The response of an interceptor outside this process.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireResponse {
    /// The status.
    pub status: u16,
    /// The words behind the status, such as `Not Found`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Arc<str>,
    /// The headers.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// The body, with U+FFFD for each byte that is no UTF-8.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub body: Arc<str>,
}

impl WireResponse {
    /// A response with this body.
    pub fn new(status: u16, reason: &str, headers: Headers, body: &[u8]) -> Self {
        Self { status, reason: reason.into(), headers, body: go_text(body).into() }
    }
}

/// Without the values of headers and the body, which may hold secrets.
impl fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireRequest")
            .field("url", self.address.url())
            .field("headers", &self.headers)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// Likewise.
impl fmt::Debug for WireResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
