//! How GitLab's requests are read. The stages are tested as the server calls them.

mod credentials;
mod events;
mod hostile;
mod merge_requests;
mod requests;

use http::HeaderMap;
use trigger_core::{Branch, CommitRef, GitEvent, RepoId};

use super::{GitLab, fixtures};
use crate::testing::{self, edited, with};
use crate::{PayloadError, Provider, Selector};

const ID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

/// The headers of a delivery from GitLab 17.4 on.
fn headers(event: &str) -> HeaderMap {
    with(&[("content-type", "application/json"), ("x-gitlab-event", event), ("idempotency-key", ID)])
}

fn select(event: &str, json: &str) -> Result<Selector, PayloadError> {
    testing::select(&GitLab, &headers(event), json)
}

fn read(event: &str, json: &str) -> Result<GitEvent, PayloadError> {
    testing::read(&GitLab, &headers(event), json)
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
