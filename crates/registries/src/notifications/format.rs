use http::HeaderMap;
use trigger_core::PushHint;

use super::NotificationError;

/// The requests by which one kind of registry notifies of a pushed image.
pub trait NotificationFormat: Send + Sync + 'static {
    /// The name in paths and flags: lower case, such as `harbor`.
    fn name(&self) -> &'static str;

    /// The name in metrics and in records of rejected requests: `registry-` and [`name`](Self::name).
    fn source(&self) -> &'static str;

    /// The name as people write it, such as `Harbor`.
    fn title(&self) -> &'static str;

    /// The places of credentials in its requests. A key may stand in the path instead; it must where this is empty.
    fn credential_locations(&self) -> &'static [CredentialLocation];

    /// Whether the registry only checks that the hook works.
    fn is_ping(&self, _headers: &HeaderMap) -> bool {
        false
    }

    /// The tags that may stand for another image now, at most [`MOST_HINTS`](super::MOST_HINTS). None if
    /// something else happened than the push of a tag.
    ///
    /// A text that cannot be the name of an image is left out, since no Build can name it either.
    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError>;

    /// Whether an operator's key verifies the sender, in a header or in the path.
    fn takes_key(&self) -> bool {
        !self.credential_locations().contains(&CredentialLocation::IdToken)
    }
}

/// The place of a credential in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialLocation {
    /// `Authorization` has a fixed value: the key, with a scheme before it or without.
    Authorization,
    /// `X-Hub-Signature-256` is the HMAC-SHA-256 of the body, as GitHub writes it.
    HubSignature,
    /// `X-JFrog-Event-Auth` is the key, or the HMAC-SHA-256 of the body in hexadecimal digits.
    EventAuth,
    /// `Authorization` is a token that Google has signed (OpenID Connect).
    IdToken,
}
