use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::hint;
use crate::notifications::json::parse;
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// Docker Hub (its page on webhooks), which reports pushes only and cannot sign.
pub(in crate::notifications) struct DockerHub;

const REGISTRY: &str = "docker.io";

#[derive(Deserialize)]
struct Event {
    push_data: PushData,
    repository: Repository,
}

#[derive(Deserialize)]
struct PushData {
    tag: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    repo_name: String,
}

impl NotificationFormat for DockerHub {
    fn name(&self) -> &'static str {
        "dockerhub"
    }

    fn source(&self) -> &'static str {
        "registry-dockerhub"
    }

    fn title(&self) -> &'static str {
        "Docker Hub"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[]
    }

    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let event: Event = parse(body)?;
        let tag = event.push_data.tag.unwrap_or_default();
        Ok(hint(Some(REGISTRY), &event.repository.repo_name, &tag).into_iter().collect())
    }
}
