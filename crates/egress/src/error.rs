use std::error::Error;
use std::fmt;

/// A request that was not sent, or has no complete response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EgressError {
    /// The cause.
    pub kind: EgressErrorKind,
    message: String,
}

/// The kinds of [`EgressError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EgressErrorKind {
    /// The settings forbid the request: a private address, or plain HTTP.
    Refused,
    /// No connection: the name, the network or the certificate.
    Unreachable,
    /// The response did not arrive in time.
    TimedOut,
    /// The body is larger than the caller accepts.
    TooLarge,
    /// The connection ended before the body did.
    Interrupted,
}

/// The longest text of other servers in a message, in characters.
pub(crate) const MAX_QUOTED: usize = 200;

impl EgressError {
    pub(crate) fn new(kind: EgressErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The cause and the remedy in one sentence, which names the host. Contains no secret and no control character.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error of a request without a response, with its cause if `names_cause`. The URL is left out: its query may
    /// contain a signature.
    pub(crate) fn of_request(error: &reqwest::Error, host: &str, names_cause: bool) -> Self {
        if !names_cause {
            let message = format!("`{host}` cannot be reached; check its name, network and certificate");
            return Self::new(EgressErrorKind::Unreachable, message);
        }
        if error.is_timeout() {
            let message = format!("`{host}` does not answer in time; check that it can be reached from here");
            return Self::new(EgressErrorKind::TimedOut, message);
        }
        let cause = innermost(error);
        let message = format!("`{host}` cannot be reached; check its name, network and certificate: {cause}");
        Self::new(EgressErrorKind::Unreachable, message)
    }

    /// The error of a body that did not arrive completely.
    pub(crate) fn of_body(error: &reqwest::Error, host: &str) -> Self {
        if error.is_timeout() {
            let message = format!("the response of `{host}` did not arrive in time");
            return Self::new(EgressErrorKind::TimedOut, message);
        }
        Self::new(EgressErrorKind::Interrupted, format!("the response of `{host}` was cut off"))
    }

    pub(crate) fn too_large(host: &str, limit: usize) -> Self {
        let message = format!("the response of `{host}` is larger than {limit} bytes");
        Self::new(EgressErrorKind::TooLarge, message)
    }
}

/// The causes of an error, the outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// The innermost cause, in which the system or TLS names the problem. The outer ones repeat the URL.
pub(crate) fn innermost(error: &reqwest::Error) -> impl fmt::Display + use<> {
    causes(error).last().map_or_else(|| "no cause is known".to_owned(), |cause| cleaned(&cause.to_string()))
}

/// Text of strangers, made fit for a message: at most 200 characters in one line of visible ASCII. So it cannot
/// control a terminal or turn the direction of writing.
pub fn cleaned(text: &str) -> String {
    let visible = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(MAX_QUOTED).map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_strangers_is_short_visible_ascii() {
        let text = format!("a\n\u{1b}[31mb\u{202e}{}", "x".repeat(500));
        let cleaned = cleaned(&text);
        assert!(cleaned.starts_with("a??[31mb?xxx"), "{cleaned}");
        assert_eq!(cleaned.len(), MAX_QUOTED);
    }
}
