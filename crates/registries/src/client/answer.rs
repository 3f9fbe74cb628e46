//! What is read of an answer, and how much.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Response;
use serde_json::Value;

use super::resolve_error::{ResolveError, ResolveErrorKind, cleaned};

/// A registry that wants to be left alone for longer is asked again after this time all the same.
const LONGEST_REST: Duration = Duration::from_hours(1);

/// More of an error is not read.
const LONGEST_ERROR: usize = 16 * 1024;

/// Reads a body of up to `longest` bytes.
pub(super) async fn body(response: Response, longest: usize) -> Result<Vec<u8>, ResolveError> {
    let (body, whole) = beginning(response, longest).await?;
    let long =
        || ResolveError::new(ResolveErrorKind::Garbled, format!("the answer is longer than {longest} bytes"));
    if whole { Ok(body) } else { Err(long()) }
}

/// The first bytes of a body, and whether that is all of it.
async fn beginning(mut response: Response, longest: usize) -> Result<(Vec<u8>, bool), ResolveError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if let Some(fitting) = chunk.get(..longest - body.len()).filter(|fitting| fitting.len() < chunk.len())
        {
            body.extend_from_slice(fitting);
            return Ok((body, false));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, true))
}

fn broken(error: &reqwest::Error) -> ResolveError {
    if error.is_timeout() {
        ResolveError::new(ResolveErrorKind::Unreachable, "the answer did not arrive in time")
    } else {
        ResolveError::new(ResolveErrorKind::Garbled, "the answer was cut off")
    }
}

/// The fault that a refusal stands for; `who` has refused, `what` was asked for.
pub(super) async fn refusal(response: Response, who: &str, what: &str) -> ResolveError {
    let status = response.status();
    let rest = rest(response.headers(), Timestamp::now());
    let (kind, advice) = meaning(status);
    // If it cannot be read, what it says is not known.
    let code = beginning(response, LONGEST_ERROR).await.ok().and_then(|(body, _)| code(&body));
    let code = code.map(|code| format!(", {code}")).unwrap_or_default();
    ResolveError::new(kind, format!("`{who}` answers {}{code} to {what}; {advice}", status.as_u16()))
        .after(rest)
}

fn meaning(status: StatusCode) -> (ResolveErrorKind, &'static str) {
    match status.as_u16() {
        401 => (ResolveErrorKind::Unauthorized, "give it credentials that may pull the image"),
        402 | 403 | 451 => (ResolveErrorKind::Forbidden, "let the credentials pull the image"),
        404 | 410 => (ResolveErrorKind::NotFound, "check the name and the tag, and whether they may be seen"),
        429 => {
            (ResolveErrorKind::TooManyRequests, "it is asked again later; with credentials more is allowed")
        }
        408 | 500..=599 => (ResolveErrorKind::Unavailable, "it is asked again later"),
        _ => (ResolveErrorKind::Garbled, "check that it is a registry"),
    }
}

/// How long the sender of `Retry-After` wants to be left alone: seconds or a date (RFC 9110, section 10.2.3).
fn rest(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is too long for a number is too long.
        return Some(text.parse().map_or(LONGEST_REST, Duration::from_secs).min(LONGEST_REST));
    }
    let then = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let rest = Duration::try_from(then.duration_since(now)).unwrap_or_default();
    Some(rest.min(LONGEST_REST))
}

/// The code of an error: of the distribution specification, or of OAuth 2. Its message is left out: it is
/// prose of others.
fn code(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let code = json.pointer("/errors/0/code").or_else(|| json.get("error"))?.as_str()?;
    Some(cleaned(code)).filter(|code| !code.is_empty())
}

/// The type of content without its parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let name = text.split_once(';').map_or(text, |(name, _)| name);
    Some(name.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_be_left_alone_is_read_in_both_forms() {
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
            assert_eq!(rest(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn of_an_error_only_the_code_is_told() {
        for (body, expected) in [
            (r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"secret"}]}"#, Some("MANIFEST_UNKNOWN")),
            (r#"{"error":"invalid_grant","error_description":"secret"}"#, Some("invalid_grant")),
            ("{\"errors\":[{\"code\":\"A\\u001bB\"}]}", Some("A?B")),
            (r#"{"errors":[]}"#, None),
            (r#"{"errors":[{"code":5}]}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(code(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
