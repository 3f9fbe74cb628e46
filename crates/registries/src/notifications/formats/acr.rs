use http::HeaderMap;
use serde::Deserialize;
use trigger_core::PushHint;

use crate::notifications::hint::hint;
use crate::notifications::json::parse;
use crate::notifications::{CredentialLocation, NotificationError, NotificationFormat};

/// Azure Container Registry (its webhook reference). It cannot sign; custom headers are not relied on.
pub(in crate::notifications) struct Acr;

#[derive(Deserialize)]
struct Event {
    action: String,
    target: Option<Target>,
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Target {
    repository: Option<String>,
    tag: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    host: Option<String>,
}

impl NotificationFormat for Acr {
    fn name(&self) -> &'static str {
        "acr"
    }

    fn source(&self) -> &'static str {
        "registry-acr"
    }

    fn title(&self) -> &'static str {
        "Azure Container Registry"
    }

    fn credential_locations(&self) -> &'static [CredentialLocation] {
        &[]
    }

    fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Vec<PushHint>, NotificationError> {
        let event: Event = parse(body)?;
        if event.action != "push" {
            return Ok(Vec::new());
        }
        let target = event.target.ok_or(NotificationError::Field("target"))?;
        let repository = target.repository.ok_or(NotificationError::Field("target.repository"))?;
        let host = event.request.and_then(|request| request.host);
        let host = host.ok_or(NotificationError::Field("request.host"))?;
        let Some(tag) = target.tag else { return Ok(Vec::new()) };
        Ok(hint(Some(&host), &repository, &tag).into_iter().collect())
    }
}
