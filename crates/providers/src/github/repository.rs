//! How a payload names a repository.

use std::borrow::Cow;

use serde::Deserialize;
use trigger_event::{Branch, RepoId, Repository};

/// A text of the payload, borrowed unless it has escapes. (`Option<Cow<str>>` alone would always copy.)
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A repository. Payloads of `push` write some fields differently from all others, and organization events
/// leave all out.
#[derive(Deserialize)]
pub(super) struct RepositoryBody<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    html_url: Option<Text<'a>>,
    #[serde(borrow)]
    clone_url: Option<Text<'a>>,
    #[serde(borrow)]
    ssh_url: Option<Text<'a>>,
    #[serde(borrow)]
    git_url: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    default_branch: Option<Text<'a>>,
    #[serde(borrow)]
    master_branch: Option<Text<'a>>,
}

impl RepositoryBody<'_> {
    /// Every name the payload gives the repository, the web address first. What we cannot read is left out: one
    /// good address is enough, and Enterprise servers without SSH send odd ones.
    pub(super) fn names(&self) -> Vec<RepoId> {
        let web = self.html_url.as_ref().map(|url| url.0.as_ref());
        // Usually these two are the web address once more, which need not be read again.
        let other = |url: &Option<Text<'_>>| url.as_ref().is_some_and(|url| Some(without_git(&url.0)) != web);
        let clone_url = self.clone_url.as_ref().filter(|_| other(&self.clone_url));
        let url_name = other(&self.url).then(|| self.url_name()).flatten();
        let urls = [self.html_url.as_ref(), clone_url, self.ssh_url.as_ref(), self.git_url.as_ref()];
        let mut names = Vec::with_capacity(2);
        for name in urls.into_iter().flatten().filter_map(|url| RepoId::parse(&url.0).ok()).chain(url_name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The repository as an event tells it.
    pub(super) fn to_repository(&self) -> Repository {
        let branch = self.default_branch.as_ref().or(self.master_branch.as_ref());
        let default_branch = branch.and_then(|name| Branch::parse(&name.0).ok());
        Repository { names: self.names(), default_branch }
    }

    /// Whether both are the same repository: by their ids, which survive renames, else by any address. Two
    /// repositories of which nothing is known are not the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        if let (Some(id), Some(other_id)) = (self.id, other.id) {
            return id == other_id;
        }
        let names = other.names();
        self.names().iter().any(|name| names.contains(name))
    }

    /// `url` is the web address in `push` and the address in the REST API in all other events, on
    /// `api.github.com` or below `/api/v3` of an Enterprise server.
    fn url_name(&self) -> Option<RepoId> {
        let name = RepoId::parse(&self.url.as_ref()?.0).ok()?;
        let is_api = name.host().starts_with("api.") || name.path().starts_with("api/v3/");
        (!is_api).then_some(name)
    }
}

fn without_git(url: &str) -> &str {
    url.strip_suffix(".git").unwrap_or(url)
}
