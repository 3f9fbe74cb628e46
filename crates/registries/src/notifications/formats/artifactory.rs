use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::hint;
use crate::notifications::json::parse;
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// JFrog Artifactory (event types of its webhooks, domain `docker`).
///
/// It does not name the host under which clients reach it. Its settings decide whether the key of the repository is part
/// of the name, so there is a hint for either name.
pub(in crate::notifications) struct Artifactory;

#[derive(Deserialize)]
struct Event {
    domain: String,
    #[serde(rename = "event_type")]
    kind: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    repo_key: Option<String>,
    image_name: Option<String>,
    tag: Option<String>,
}

impl NotificationFormat for Artifactory {
    fn name(&self) -> &'static str {
        "artifactory"
    }

    fn source(&self) -> &'static str {
        "registry-artifactory"
    }

    fn title(&self) -> &'static str {
        "JFrog Artifactory"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[CredentialLocation::EventAuth]
    }

    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let event: Event = parse(body)?;
        if event.domain != "docker" || event.kind != "pushed" {
            return Ok(Vec::new());
        }
        let data = event.data.ok_or(NotificationError::Field("data"))?;
        let name = data.image_name.ok_or(NotificationError::Field("data.image_name"))?;
        let tag = data.tag.ok_or(NotificationError::Field("data.tag"))?;
        let below_key = data.repo_key.and_then(|key| hint(None, &format!("{key}/{name}"), &tag));
        Ok(hint(None, &name, &tag).into_iter().chain(below_key).collect())
    }
}
