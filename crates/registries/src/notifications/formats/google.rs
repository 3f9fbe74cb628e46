use data_encoding::BASE64;
use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::{hint, split_address};
use crate::notifications::json::parse;
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// Google's Artifact Registry and Container Registry, by a push subscription of Pub/Sub to the topic `gcr`
/// (their page on notifications, and that of Pub/Sub on push subscriptions).
pub(in crate::notifications) struct Google;

#[derive(Deserialize)]
struct Envelope {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    data: String,
}

#[derive(Deserialize)]
struct Change {
    action: String,
    /// Absent where a digest was pushed or deleted.
    tag: Option<String>,
}

impl NotificationFormat for Google {
    fn name(&self) -> &'static str {
        "google"
    }

    fn source(&self) -> &'static str {
        "registry-google"
    }

    fn title(&self) -> &'static str {
        "Google Artifact Registry"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[CredentialLocation::IdToken]
    }

    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let envelope: Envelope = parse(body)?;
        let data = BASE64.decode(envelope.message.data.as_bytes());
        let change: Change = parse(&data.map_err(|_| NotificationError::Field("message.data"))?)?;
        let Some(tag) = change.tag.filter(|_| change.action == "INSERT") else { return Ok(Vec::new()) };
        let (host, name, tag) = split_address(&tag).ok_or(NotificationError::Field("tag"))?;
        Ok(hint(Some(host), name, tag).into_iter().collect())
    }
}
