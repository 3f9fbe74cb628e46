use http::HeaderMap;
use serde::Deserialize;
use trigger_core::{ImageRef, PushHint};

use crate::notifications::json::{Few, parse};
use crate::notifications::{CredentialLocation, MOST_HINTS, NotificationError, NotificationFormat};

/// A form of this program, for pipelines and registries that no other format fits:
/// `{"image": "registry.example/team/base:1"}` or `{"images": [...]}`.
pub(in crate::notifications) struct Generic;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    image: Option<String>,
    images: Option<Few<String>>,
}

impl NotificationFormat for Generic {
    fn name(&self) -> &'static str {
        "generic"
    }

    fn source(&self) -> &'static str {
        "registry-generic"
    }

    fn title(&self) -> &'static str {
        "anything that sends our own format"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[CredentialLocation::Authorization, CredentialLocation::HubSignature]
    }

    /// People write this by hand, so a wrong name is an error and not left out.
    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let event: Event = parse(body)?;
        if event.image.is_none() && event.images.is_none() {
            return Err(NotificationError::Field("image"));
        }
        let one = event.image.map(|image| read(&image, "image"));
        let several = event.images.unwrap_or_default().0;
        let several = several.iter().map(|image| read(image, "images[]"));
        one.into_iter().chain(several).take(MOST_HINTS).collect()
    }
}

fn read(image: &str, field: &'static str) -> Result<PushHint, NotificationError> {
    let image = ImageRef::parse(image).map_err(|_| NotificationError::Field(field))?;
    Ok(PushHint {
        registry: Some(image.registry().to_owned()),
        repository: image.repository().to_owned(),
        tag: Some(image.tag().to_owned()),
    })
}
