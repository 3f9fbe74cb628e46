use std::any::Any;
use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Response;

use crate::error::EgressError;

/// A response whose body is not read yet.
pub struct HttpResponse {
    host: String,
    response: Response,
    /// Dropped with the response, or after its body.
    guard: Option<Box<dyn Any + Send + Sync>>,
}

/// A server that asks for a longer pause is asked again after this time all the same.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

impl HttpResponse {
    pub(crate) fn new(host: String, response: Response) -> Self {
        Self { host, response, guard: None }
    }

    /// Keeps `guard` until the body is read or the response is dropped. For limits of concurrent requests.
    #[must_use]
    pub fn with_guard(self, guard: impl Any + Send + Sync) -> Self {
        Self { guard: Some(Box::new(guard)), ..self }
    }

    /// Drops the guard now.
    #[must_use]
    pub fn without_guard(self) -> Self {
        Self { guard: None, ..self }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The media type of the body, without parameters and in lower case.
    pub fn content_type(&self) -> Option<String> {
        let text = self.headers().get(CONTENT_TYPE)?.to_str().ok()?;
        let name = text.split_once(';').map_or(text, |(name, _)| name);
        Some(name.trim().to_ascii_lowercase())
    }

    /// The pause that the server asks for with `Retry-After`; at most one hour.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.headers(), Timestamp::now())
    }

    /// Reads the body. Fails if it has more than `limit` bytes, before more of it is stored.
    pub async fn body(self, limit: usize) -> Result<Vec<u8>, EgressError> {
        let host = self.host.clone();
        let declared = self.response.content_length();
        if declared.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
            return Err(EgressError::too_large(&host, limit));
        }
        let (body, complete) = self.read(limit).await?;
        if complete { Ok(body) } else { Err(EgressError::too_large(&host, limit)) }
    }

    /// Passes the body to `take` piece by piece and stores none of it. Fails if it has more than `limit` bytes.
    pub async fn for_each_piece(self, limit: usize, mut take: impl FnMut(&[u8])) -> Result<(), EgressError> {
        let Self { host, mut response, guard: _guard } = self;
        let mut room = limit;
        while let Some(piece) = response.chunk().await.map_err(|error| EgressError::of_body(&error, &host))? {
            room = room.checked_sub(piece.len()).ok_or_else(|| EgressError::too_large(&host, limit))?;
            take(&piece);
        }
        Ok(())
    }

    /// Reads the first `limit` bytes of the body, or all of a shorter one.
    pub async fn body_prefix(self, limit: usize) -> Result<Vec<u8>, EgressError> {
        self.read(limit).await.map(|(body, _)| body)
    }

    /// At most `limit` bytes, and whether the body ends there.
    async fn read(mut self, limit: usize) -> Result<(Vec<u8>, bool), EgressError> {
        let mut body = Vec::new();
        loop {
            let chunk = match self.response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok((body, true)),
                Err(error) => return Err(EgressError::of_body(&error, &self.host)),
            };
            let room = limit - body.len();
            if chunk.len() > room {
                body.extend_from_slice(chunk.get(..room).unwrap_or_default());
                return Ok((body, false));
            }
            body.extend_from_slice(&chunk);
        }
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL and the headers, which may contain secrets.
        let mut shown = f.debug_struct("HttpResponse");
        shown.field("host", &self.host).field("status", &self.status()).finish_non_exhaustive()
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number can hold are more than an hour.
        return Some(text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs).min(MAX_RETRY_AFTER));
    }
    let then = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let pause = Duration::try_from(then.duration_since(now)).unwrap_or_default();
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("0", Some(0)),
            ("30", Some(30)),
            (" 30 ", Some(30)),
            ("86400", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 01 Mar 2026 12:02:00 GMT", Some(120)),
            ("Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("Tue, 01 Mar 2039 11:00:00 GMT", Some(3600)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
