//! Authentication of a sender with a Secret, by the schemes that interceptors know.

use jiff::Timestamp;
use trigger_core::{Credential, CredentialError, Credentials, HmacAlgorithm, KeyForm, KeyRef};
use trigger_expr::Headers;

use super::git_webhook;
use crate::limits::SLACK_CLOCK_SKEW;

/// Whether a chain authenticates senders with a Secret before it asks anything else, as it is known when the chain is
/// compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// It does not: any sender can start its trigger, or make it ask.
    Open,
    /// No event passes, because an interceptor refers to a Secret without an entry.
    Closed,
    /// A key must verify what the sender presents.
    Secret(&'a SecretDemand),
}

/// The key that must verify what a sender presents, and how it is presented.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretDemand {
    /// The Secret and its entry. The value counts as it is, with a line break at its end.
    pub key: KeyRef,
    /// How it is presented.
    pub scheme: Scheme,
}

/// How a sender presents a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sha1=`, `sha256=` or `sha512=` and the HMAC of the body in hexadecimal digits. It covers the body.
    HubSignature {
        /// The header.
        header: &'static str,
    },
    /// The key itself. It covers nothing.
    Token {
        /// The header. Its value must not be stored.
        header: &'static str,
    },
    /// `v0=` and the HMAC-SHA-256 of `v0:<timestamp>:<body>` in the header `X-Slack-Signature`, with the seconds of
    /// `X-Slack-Request-Timestamp`. It covers the body as it was received, before a form becomes JSON.
    /// Source: <https://docs.slack.dev/authentication/verifying-requests-from-slack>.
    Slack,
    /// As the Git provider presents it that has sent the webhook. Some cover the body as it was received.
    Git,
}

/// Why the headers present nothing that a key could verify. The messages follow Tekton's, and quote no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresentedError {
    /// The header is absent or empty.
    #[error("no {0} header set")]
    Missing(&'static str),
    /// The signature has no prefix that names its algorithm.
    #[error("error parsing signature: no prefix such as `sha256=`")]
    Unprefixed,
    /// The prefix names no known algorithm.
    #[error("unknown hash type prefix: {0:?}")]
    UnknownPrefix(String),
    /// The signature is not hexadecimal.
    #[error("error decoding signature: hexadecimal digits are expected")]
    NotHexadecimal,
    /// The signature has the wrong length, so it is wrong.
    #[error("payload signature check failed")]
    WrongLength,
    /// The timestamp is no number of seconds.
    #[error("the {SLACK_TIMESTAMP} header is no number of seconds")]
    Timestamp,
    /// They are not those of a Git provider's webhook with a credential.
    #[error(transparent)]
    Git(CredentialError),
    /// The timestamp is too far from the clock here.
    #[error(
        "the {SLACK_TIMESTAMP} header is more than {} s from the clock here; compare both clocks",
        SLACK_CLOCK_SKEW.as_secs()
    )]
    Expired,
}

/// The header with Slack's signature.
pub(super) const SLACK_SIGNATURE: &str = "X-Slack-Signature";
const SLACK_TIMESTAMP: &str = "X-Slack-Request-Timestamp";

/// A prefix that is no longer than this is the name of an algorithm rather than a token that was put into the wrong
/// header.
const LONGEST_PREFIX: usize = 8;

impl SecretDemand {
    /// The credentials that the headers of a request present, received at `at`. The key must verify one of them over the
    /// body as it was received.
    pub fn credentials(&self, headers: &Headers, at: Timestamp) -> Result<Credentials, PresentedError> {
        self.scheme.credentials(headers, at)
    }
}

impl Scheme {
    /// Whether every credential of this scheme covers the body.
    pub fn covers_body(self) -> bool {
        match self {
            Self::HubSignature { .. } | Self::Slack => true,
            Self::Token { .. } | Self::Git => false,
        }
    }

    /// Whether a credential covers the body as it was received, and not as it is behind the interceptors before.
    pub(super) fn covers_received_body(self) -> bool {
        matches!(self, Self::Slack | Self::Git)
    }

    /// Headers that present an invented credential in this form at `at`, for a request with these headers. It stands for the
    /// one that a sender would present, where a person asks what would follow if a key verified it.
    pub fn placeholder(self, headers: &Headers, at: Timestamp) -> Vec<(String, String)> {
        let digest = "0".repeat(64);
        let one = |header: &str, value: String| (header.to_owned(), value);
        match self {
            Self::HubSignature { header } => vec![one(header, format!("sha256={digest}"))],
            Self::Token { header } => vec![one(header, "placeholder".to_owned())],
            Self::Slack => vec![
                one(SLACK_SIGNATURE, format!("v0={digest}")),
                one(SLACK_TIMESTAMP, at.as_second().max(0).to_string()),
            ],
            Self::Git => git_webhook::placeholder(headers, at),
        }
    }

    pub(super) fn credentials(self, headers: &Headers, at: Timestamp) -> Result<Credentials, PresentedError> {
        match self {
            Self::HubSignature { header } => hub_signature(present(headers, header)?).map(Into::into),
            Self::Token { header } => Ok(Credential::token(present(headers, header)?.as_bytes()).into()),
            Self::Slack => {
                let (signature, timestamp) =
                    (present(headers, SLACK_SIGNATURE)?, present(headers, SLACK_TIMESTAMP)?);
                slack_signature(signature, timestamp, at).map(Into::into)
            }
            Self::Git => git_webhook::credentials(headers, at).map_err(PresentedError::Git),
        }
    }
}

/// The first value of a header, as Go reads it.
fn present<'a>(headers: &'a Headers, name: &'static str) -> Result<&'a str, PresentedError> {
    headers.first(name).filter(|value| !value.is_empty()).ok_or(PresentedError::Missing(name))
}

fn hub_signature(value: &str) -> Result<Credential, PresentedError> {
    let (prefix, digits) = value.split_once('=').ok_or(PresentedError::Unprefixed)?;
    let algorithm = match prefix {
        "sha1" => HmacAlgorithm::Sha1,
        "sha256" => HmacAlgorithm::Sha256,
        "sha512" => HmacAlgorithm::Sha512,
        short if short.len() <= LONGEST_PREFIX => {
            return Err(PresentedError::UnknownPrefix(short.to_owned()));
        }
        _ => return Err(PresentedError::Unprefixed),
    };
    hmac(algorithm, digits)
}

fn hmac(algorithm: HmacAlgorithm, digits: &str) -> Result<Credential, PresentedError> {
    check_digits(digits)?;
    Credential::hmac_from_hex(algorithm, digits.as_bytes()).map_err(|_| PresentedError::WrongLength)
}

fn check_digits(digits: &str) -> Result<(), PresentedError> {
    let all_hex = digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if all_hex { Ok(()) } else { Err(PresentedError::NotHexadecimal) }
}

fn slack_signature(signature: &str, timestamp: &str, at: Timestamp) -> Result<Credential, PresentedError> {
    let digits = signature.strip_prefix("v0=").ok_or(PresentedError::Unprefixed)?;
    check_digits(digits)?;
    let is_number = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 =
        is_number.then(|| timestamp.parse().ok()).flatten().ok_or(PresentedError::Timestamp)?;
    if at.as_second().abs_diff(seconds) > SLACK_CLOCK_SKEW.as_secs() {
        return Err(PresentedError::Expired);
    }
    let prefix = format!("v0:{timestamp}:");
    Credential::hmac_sha256_with_prefix_from_hex(digits.as_bytes(), prefix.as_bytes(), KeyForm::Raw)
        .map_err(|_| PresentedError::WrongLength)
}
