use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::hint;
use crate::notifications::json::parse;
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// JFrog Artifactory (event types of its webhooks, domain `docker`).
///
/// It does not name the host under which clients reach it. Its settings decide whether the key of the repository is part
/// of the name. Some versions give the whole name of an image, others its last part, with the whole in the path. So there
/// is a hint for each of these names.
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
    path: Option<String>,
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
        let tag = data.tag.unwrap_or_default();
        let in_path = data.path.as_deref().and_then(|path| whole_name(path, &name));
        let names = [Some(name.as_str()), in_path.filter(|whole| *whole != name)];
        let below_key = |name: &str| data.repo_key.as_ref().map(|key| format!("{key}/{name}"));
        let names = names.into_iter().flatten().flat_map(|name| [Some(name.to_owned()), below_key(name)]);
        Ok(names.flatten().filter_map(|name| hint(None, &name, &tag)).collect())
    }
}

/// The name of an image in the path of its manifest, `team/base/1/manifest.json`, if it ends with `name`.
fn whole_name<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let (tagged, _file) = path.trim_start_matches('/').rsplit_once('/')?;
    let (whole, _tag) = tagged.rsplit_once('/')?;
    let before = whole.strip_suffix(name)?;
    (before.is_empty() || before.ends_with('/')).then_some(whole)
}
