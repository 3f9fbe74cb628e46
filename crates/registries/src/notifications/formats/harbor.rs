use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::{hint, split_host};
use crate::notifications::json::{Few, parse};
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// Harbor (its page on webhooks), in its own form and as CloudEvents. It does not sign, but sends a fixed
/// header.
pub(in crate::notifications) struct Harbor;

const PUSHED: &str = "PUSH_ARTIFACT";
const PUSHED_CLOUD_EVENT: &str = "harbor.artifact.pushed";

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    /// In Harbor's own form.
    #[serde(rename = "event_data")]
    own: Option<Data>,
    /// In a CloudEvent.
    #[serde(rename = "data")]
    cloud: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    resources: Few<Resource>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Resource {
    tag: Option<String>,
    resource_url: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    repo_full_name: Option<String>,
}

impl NotificationFormat for Harbor {
    fn name(&self) -> &'static str {
        "harbor"
    }

    fn source(&self) -> &'static str {
        "registry-harbor"
    }

    fn title(&self) -> &'static str {
        "Harbor"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[CredentialLocation::Authorization]
    }

    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let event: Event = parse(body)?;
        let data = match event.kind.as_str() {
            PUSHED => event.own.ok_or(NotificationError::Field("event_data"))?,
            PUSHED_CLOUD_EVENT => event.cloud.ok_or(NotificationError::Field("data"))?,
            _ => return Ok(Vec::new()),
        };
        let name = data.repository.and_then(|repository| repository.repo_full_name);
        let name = name.ok_or(NotificationError::Field("repository.repo_full_name"))?;
        let about = |resource: Resource| {
            let host = resource.resource_url.as_deref().and_then(|address| host(address, &name));
            // An image that was pushed without a tag has its digest there, which is no tag.
            hint(host, &name, &resource.tag?)
        };
        Ok(data.resources.0.into_iter().filter_map(about).collect())
    }
}

/// The host of an address such as `harbor.example/team/base:1`, if it is one of the repository.
fn host<'a>(address: &'a str, repository: &str) -> Option<&'a str> {
    let (host, rest) = split_host(address)?;
    let rest = rest.strip_prefix(repository)?;
    rest.starts_with([':', '@']).then_some(host)
}
