use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::{hint, split_host};
use crate::notifications::json::{Names, parse};
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// Quay (its page on repository notifications). It presents a client certificate, which ends at the ingress,
/// and cannot sign.
pub(in crate::notifications) struct Quay;

#[derive(Deserialize)]
struct Event {
    docker_url: String,
    /// A list; in old versions an object with the ids of the images. Absent where nothing was pushed.
    updated_tags: Option<Names>,
}

impl NotificationFormat for Quay {
    fn name(&self) -> &'static str {
        "quay"
    }

    fn source(&self) -> &'static str {
        "registry-quay"
    }

    fn title(&self) -> &'static str {
        "Quay"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[]
    }

    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let event: Event = parse(body)?;
        let Some(tags) = event.updated_tags else { return Ok(Vec::new()) };
        let (host, name) = split_host(&event.docker_url).ok_or(NotificationError::Field("docker_url"))?;
        Ok(tags.0.iter().filter_map(|tag| hint(Some(host), name, tag)).collect())
    }
}
