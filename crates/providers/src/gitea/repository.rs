//! How a payload names a repository.

use std::sync::LazyLock;

use serde::Deserialize;
use trigger_core::{Branch, KnownHosts, RepoId, Repository};

use crate::PayloadError;
use crate::json::{Text, login};
use crate::request::{distinct, named};

/// The names of owners and repositories are compared without regard to case, wherever the server is installed.
pub(super) static HOSTS: LazyLock<KnownHosts> = LazyLock::new(|| KnownHosts::NONE.ignoring_case());

/// A repository. Its `url` is an address of the API.
#[derive(Deserialize)]
pub(super) struct RepositoryBody<'a> {
    #[serde(borrow)]
    html_url: Option<Text<'a>>,
    #[serde(borrow)]
    clone_url: Option<Text<'a>>,
    #[serde(borrow)]
    ssh_url: Option<Text<'a>>,
    #[serde(borrow)]
    default_branch: Option<Text<'a>>,
}

/// The person who caused an event.
#[derive(Deserialize)]
pub(super) struct SenderBody<'a> {
    #[serde(borrow)]
    login: Option<Text<'a>>,
}

impl RepositoryBody<'_> {
    /// Every name the payload gives the repository, the web address first. A server below a path of its host has that path
    /// in the addresses for the web, and not in the one for SSH: then there are two names. An address that names no
    /// repository is left out: one good address is enough.
    pub(super) fn names(&self) -> Vec<RepoId> {
        let urls = [&self.html_url, &self.clone_url, &self.ssh_url].into_iter().flatten();
        distinct(urls.filter_map(|url| RepoId::parse_with(&url.0, &HOSTS).ok()))
    }

    /// The repository as events hold it.
    pub(super) fn to_repository(&self) -> Repository {
        let default_branch = self.default_branch.as_ref().and_then(|name| Branch::parse(&name.0).ok());
        Repository { names: self.names(), default_branch }
    }

    /// The repository of an event that has one. It has to have a name.
    pub(super) fn required(repository: Option<&Self>) -> Result<Repository, PayloadError> {
        named(repository.map(Self::to_repository))
    }
}

impl SenderBody<'_> {
    pub(super) fn login(sender: Option<&Self>) -> Option<String> {
        login(&sender?.login.as_ref()?.0)
    }
}
