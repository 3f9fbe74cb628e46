//! How Gitea's requests are read. The stages are tested as the server calls them.

mod events;
mod hostile;
mod pull_requests;
mod requests;
mod signatures;

use http::HeaderMap;
use trigger_core::{Branch, CommitRef, GitEvent, GitEventKind, RepoId};

use super::{Gitea, fixtures};
use crate::testing::{self, edited, with};
use crate::{PayloadError, Provider, Selector};

const ID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
const ZERO: &str = "0000000000000000000000000000000000000000";

/// The headers that a Gitea sends with an event, without a signature: those of Gogs and GitHub stand beside its own.
fn headers(event: &str) -> HeaderMap {
    with(&[
        ("content-type", "application/json"),
        ("x-github-delivery", ID),
        ("x-github-event", event),
        ("x-github-event-type", event),
        ("x-gitea-delivery", ID),
        ("x-gitea-event", event),
        ("x-gitea-event-type", event),
        ("x-gogs-delivery", ID),
        ("x-gogs-event", event),
        ("x-gogs-event-type", event),
    ])
}

fn select(event: &str, json: &str) -> Result<Selector, PayloadError> {
    testing::select(&Gitea, &headers(event), json)
}

fn read(event: &str, json: &str) -> Result<GitEvent, PayloadError> {
    testing::read(&Gitea, &headers(event), json)
}

fn kind(event: &str, json: &str) -> GitEventKind {
    read(event, json).unwrap_or_else(|error| panic!("{event}: {error}: {json:.200}")).kind
}

fn other(name: &str) -> GitEventKind {
    GitEventKind::Other { name: name.to_owned() }
}

fn web() -> RepoId {
    RepoId::parse("git.acme.example/acme/web").unwrap()
}

fn branch(name: &str) -> Branch {
    Branch::parse(name).unwrap()
}

fn commit(id: &str) -> CommitRef {
    CommitRef::parse(id).unwrap()
}

/// The JSON as the one field of a form, as the server spells it.
fn form(json: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish()
}
