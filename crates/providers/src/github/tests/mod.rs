//! How GitHub's requests are read. The stages are tested as the server calls them.

mod events;
mod hostile;
mod requests;
mod signatures;

use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::{Event, GitEvent, RepoId};

use super::{GitHub, fixtures};
use crate::{PayloadError, Provider, Selector};

/// The headers of a delivery with a JSON body.
fn headers(event: &str) -> HeaderMap {
    with(&[
        ("content-type", "application/json"),
        ("x-github-event", event),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    ])
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
    GitHub.selector(&GitHub.payload(&headers, json.as_bytes())?)
}

fn read(event: &str, json: &str) -> Result<GitEvent, PayloadError> {
    let headers = headers(event);
    let events = GitHub.events(&GitHub.payload(&headers, json.as_bytes())?)?;
    match events.first() {
        Some(Event::Git(event)) if events.len() == 1 => Ok(event.clone()),
        _ => panic!("GitHub sends one event of a repository, not {events:?}"),
    }
}

fn web() -> RepoId {
    RepoId::parse("github.com/acme/web").unwrap()
}

/// A fixture after some replacements, each of which must change something.
fn edited(json: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(json.to_owned(), |json, (old, new)| {
        assert!(json.contains(old), "the fixture does not hold {old}");
        json.replace(old, new)
    })
}
