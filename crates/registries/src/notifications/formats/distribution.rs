use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::hint;
use crate::notifications::json::{Few, parse};
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// CNCF Distribution, the registry that most others are made of (its page on notifications). The name it
/// gives itself in them is often not the one that clients use, so it is left out.
pub(in crate::notifications) struct Distribution;

/// The media types of images. Notifications report layers and configurations too.
const MANIFESTS: [&str; 6] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
];

#[derive(Deserialize)]
struct Envelope {
    events: Few<Event>,
}

#[derive(Deserialize)]
struct Event {
    action: String,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    repository: Option<String>,
    tag: Option<String>,
}

impl NotificationFormat for Distribution {
    fn name(&self) -> &'static str {
        "distribution"
    }

    fn source(&self) -> &'static str {
        "registry-distribution"
    }

    fn title(&self) -> &'static str {
        "CNCF Distribution"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[CredentialLocation::Authorization]
    }

    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let envelope: Envelope = parse(body)?;
        let mut hints = Vec::new();
        for event in envelope.events.0.into_iter().filter(|event| event.action == "push") {
            let target = event.target.ok_or(NotificationError::Field("events[].target"))?;
            let repository =
                target.repository.ok_or(NotificationError::Field("events[].target.repository"))?;
            let is_manifest = target.media_type.is_some_and(|kind| MANIFESTS.contains(&kind.as_str()));
            // A manifest without a tag is part of an image for several platforms, or has no user yet.
            if let Some(tag) = target.tag.filter(|_| is_manifest) {
                hints.extend(hint(None, &repository, &tag));
            }
        }
        Ok(hints)
    }
}
