use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::{hint_of_repository, split_host};
use crate::notifications::json::{Few, parse};
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// Harbor (its page on webhooks), in its own form and as CloudEvents. It does not sign, but sends a fixed
/// header.
///
/// Of an image with several tags it names one, or none and the digest in its place: a push by `docker`, a replication and a
/// proxy cache do so in different ways. So its hints are for every tag of the repository.
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
        let addresses = data.resources.0.iter().map(|resource| resource.resource_url.as_deref());
        let mut hosts: Vec<_> = addresses.map(|address| host(address?, &name)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        if hosts.is_empty() {
            hosts.push(None);
        }
        Ok(hosts.into_iter().filter_map(|host| hint_of_repository(host, &name)).collect())
    }
}

/// The host of an address such as `harbor.example/team/base:1`, if it is one of the repository.
fn host<'a>(address: &'a str, repository: &str) -> Option<&'a str> {
    let (host, rest) = split_host(address)?;
    let rest = rest.strip_prefix(repository)?;
    rest.starts_with([':', '@']).then_some(host)
}
