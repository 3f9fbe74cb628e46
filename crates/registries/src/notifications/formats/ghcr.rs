use std::borrow::Cow;

use http::{HeaderMap, header};
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::credential::required;
use crate::notifications::hint::{hint_of_repository, split_host};
use crate::notifications::json::parse;
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// GitHub's container registry, by the webhook events `package` and `registry_package` of a repository or an
/// organization (GitHub's page on webhook events).
///
/// Of an image with several tags they name one, and of one that has got a further tag perhaps another, or none. So the hints
/// are for every tag of the repository.
pub(in crate::notifications) struct Ghcr;

const REGISTRY: &str = "ghcr.io";
const EVENT: &str = "x-github-event";
const FORM_FIELD: &str = "payload";

#[derive(Deserialize)]
struct Event {
    action: String,
    package: Option<Package>,
    registry_package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    namespace: Option<String>,
    #[serde(rename = "package_type")]
    kind: Option<String>,
    #[serde(rename = "package_version")]
    version: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    package_url: Option<String>,
}

impl NotificationFormat for Ghcr {
    fn name(&self) -> &'static str {
        "ghcr"
    }

    fn source(&self) -> &'static str {
        "registry-ghcr"
    }

    fn title(&self) -> &'static str {
        "GitHub Container Registry"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[CredentialLocation::HubSignature]
    }

    fn is_ping(&self, headers: &HeaderMap) -> bool {
        required(headers, EVENT).is_ok_and(|event| event == "ping")
    }

    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let event = required(headers, EVENT).map_err(|_| NotificationError::Header("x-github-event"))?;
        if event != "package" && event != "registry_package" {
            return Ok(Vec::new());
        }
        let event: Event = parse(&json(headers, body)?)?;
        if event.action != "published" && event.action != "updated" {
            return Ok(Vec::new());
        }
        let package = event.package.or(event.registry_package).ok_or(NotificationError::Field("package"))?;
        let kind = package.kind.as_deref();
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("container")) {
            return Ok(Vec::new());
        }
        let address = package.version.and_then(|version| version.package_url);
        let name = match (address.as_deref().and_then(name), package.namespace, package.name) {
            (Some(name), ..) => name.to_owned(),
            (None, Some(namespace), Some(name)) => format!("{namespace}/{name}"),
            _ => return Err(NotificationError::Field("package.namespace")),
        };
        // Owners are written as they registered themselves; the registry knows lower case only.
        Ok(hint_of_repository(Some(REGISTRY), &name.to_ascii_lowercase()).into_iter().collect())
    }
}

/// The name in an address such as `ghcr.io/acme/base:1`, whose tag may be missing or be a digest.
fn name(address: &str) -> Option<&str> {
    let (_, rest) = split_host(address).filter(|(host, _)| *host == REGISTRY)?;
    let rest = rest.split('@').next()?;
    rest.split(':').next().filter(|name| !name.is_empty())
}

/// The JSON is the body, or a field of the form that GitHub sends by default.
fn json<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, [u8]>, NotificationError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Cow::Borrowed(body));
    }
    let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == FORM_FIELD);
    match (fields.next(), fields.next()) {
        (Some((_, json)), None) => Ok(Cow::Owned(json.into_owned().into_bytes())),
        _ => Err(NotificationError::Form(FORM_FIELD)),
    }
}
