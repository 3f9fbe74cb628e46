//! Error responses of registries and token services.

use http::StatusCode;
use serde_json::Value;
use trigger_egress::{HttpResponse, cleaned};

use super::resolve_error::{ResolveError, ResolveErrorKind};

/// The longest part of an error response that is read, in bytes.
pub(crate) const MAX_ERROR_BODY: usize = 16 * 1024;

/// The error that a response of `sender` to `request` stands for.
pub(super) async fn resolve_error(response: HttpResponse, sender: &str, request: &str) -> ResolveError {
    let status = response.status();
    let retry_after = response.retry_after();
    let (kind, advice) = meaning(status);
    // The code only adds detail, so a body that cannot be read is left out.
    let code = response.body_prefix(MAX_ERROR_BODY).await.ok().and_then(|body| code(&body));
    let code = code.map(|code| format!(", {code}")).unwrap_or_default();
    ResolveError::new(kind, format!("`{sender}` answers {}{code} to {request}; {advice}", status.as_u16()))
        .after(retry_after)
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

/// The code of an error: of the distribution specification, or of OAuth 2. The message beside it is left out:
/// the registry chooses its text.
fn code(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let code = json.pointer("/errors/0/code").or_else(|| json.get("error"))?.as_str()?;
    Some(cleaned(code)).filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_an_error_is_repeated() {
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
