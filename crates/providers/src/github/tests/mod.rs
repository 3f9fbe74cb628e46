//! How GitHub's requests are read. The stages are tested as the server calls them.

mod events;
mod forge;
mod hostile;
mod requests;
mod signatures;

use http::{HeaderMap, HeaderValue};
use trigger_core::{Event, GitEvent, RepoId};

use super::{GitHub, fixtures};
use crate::testing::{self, edited, with};
use crate::{PayloadError, Provider, Selector};

/// The headers of a delivery with a JSON body.
fn headers(event: &str) -> HeaderMap {
    with(&[
        ("content-type", "application/json"),
        ("x-github-event", event),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    ])
}

fn select(event: &str, json: &str) -> Result<Selector, PayloadError> {
    testing::select(&GitHub, &headers(event), json)
}

fn read(event: &str, json: &str) -> Result<GitEvent, PayloadError> {
    testing::read(&GitHub, &headers(event), json)
}

fn web() -> RepoId {
    RepoId::parse("github.com/acme/web").unwrap()
}
