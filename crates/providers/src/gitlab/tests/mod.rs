//! How GitLab's requests are read. The stages are tested as the server calls them.

mod credentials;
mod events;
mod hostile;
mod merge_requests;
mod requests;

use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::{Branch, CommitRef, Event, GitEvent, RepoId};

use super::{GitLab, fixtures};
use crate::{PayloadError, Provider, Selector};

const ID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

/// The headers of a delivery from GitLab 17.4 on.
fn headers(event: &str) -> HeaderMap {
    with(&[("content-type", "application/json"), ("x-gitlab-event", event), ("idempotency-key", ID)])
}

fn with(headers: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn select(event: &str, json: &str) -> Result<Selector, PayloadError> {
    let headers = headers(event);
    GitLab.selector(&GitLab.payload(&headers, json.as_bytes())?)
}

fn read(event: &str, json: &str) -> Result<GitEvent, PayloadError> {
    let headers = headers(event);
    let events = GitLab.events(&GitLab.payload(&headers, json.as_bytes())?)?;
    match events.first() {
        Some(Event::Git(event)) if events.len() == 1 => Ok(event.clone()),
        _ => panic!("GitLab sends one event of a repository, not {events:?}"),
    }
}

fn web() -> RepoId {
    RepoId::parse("gl.acme.example/acme/apps/web").unwrap()
}

fn branch(name: &str) -> Branch {
    Branch::parse(name).unwrap()
}

fn commit(id: &str) -> CommitRef {
    CommitRef::parse(id).unwrap()
}

/// A fixture after some replacements, each of which must change something.
fn edited(json: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(json.to_owned(), |json, (old, new)| {
        assert!(json.contains(old), "the fixture does not hold {old}");
        json.replace(old, new)
    })
}
