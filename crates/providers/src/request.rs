use std::borrow::Cow;

use trigger_core::{DeliveryKey, Event, Events, GitEventKind, RepoId, Repository};

use crate::PayloadError;

/// A request taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPayload<'a> {
    /// The sender's name of the event, such as `push` or `Push Hook`: at most 64 letters, digits, `_`, `-` and `.`,
    /// and single spaces between them.
    pub event: &'a str,
    /// The sender's id of the delivery, if it is at most 128 visible ASCII characters.
    pub delivery: Option<&'a str>,
    /// The address of the sender's server, if a header gives it, such as `https://git.example`. Not covered by any
    /// signature.
    pub server: Option<&'a str>,
    /// The JSON, taken out of the form if the body is one. Not parsed yet.
    pub json: Cow<'a, str>,
}

/// The names by which the rules that could care about a delivery are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Every name the payload gives the repository, the web address first. Empty if the delivery is not
    /// about a repository.
    pub names: Vec<RepoId>,
    /// Whether the sender only checks that the hook works.
    pub is_ping: bool,
}

/// The parts of a delivery that make it the same delivery when it arrives again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryIdentity {
    /// The body. The provider signs the body and no header, so a captured request could be sent again under a fresh
    /// id.
    Body,
    /// The body and the sender's id. The provider signs the id too, or nothing; equal bodies may be different events.
    BodyAndId,
}

impl Selector {
    /// The selector of a delivery whose events are read already.
    pub fn of(events: &Events) -> Self {
        let events = || {
            events.iter().filter_map(|(_, event)| match event {
                Event::Git(event) => Some(event),
                Event::PipelineRun(_) | Event::Image(_) | Event::Webhook(_) => None,
            })
        };
        Self {
            names: distinct(events().flat_map(|event| event.repository.names.iter().cloned())),
            is_ping: events().any(|event| event.kind == GitEventKind::Ping),
        }
    }
}

/// Each name once, in the order of its first occurrence.
pub(crate) fn distinct(names: impl Iterator<Item = RepoId>) -> Vec<RepoId> {
    // The addresses of one repository have one name or two.
    let mut distinct = Vec::with_capacity(2);
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// The repository of an event that has one. It has to have a name.
pub(crate) fn named(repository: Option<Repository>) -> Result<Repository, PayloadError> {
    repository.filter(|repository| !repository.names.is_empty()).ok_or(PayloadError::NoRepository)
}

impl DeliveryIdentity {
    /// The key of a delivery that came in by `path` with the sender's id `provider_id`.
    pub fn key<'a>(self, path: &'a str, provider_id: Option<&'a str>, body: &'a [u8]) -> DeliveryKey<'a> {
        let provider_id = match self {
            Self::Body => None,
            Self::BodyAndId => provider_id,
        };
        DeliveryKey { path, provider_id, body }
    }
}
