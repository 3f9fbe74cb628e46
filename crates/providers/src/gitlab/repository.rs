//! How a payload names a project.

use std::sync::LazyLock;

use serde::Deserialize;
use trigger_core::{Branch, KnownHosts, RepoId, Repository};

use crate::PayloadError;
use crate::json::Text;
use crate::request::{distinct, named};

/// GitLab ignores the case of paths, wherever it is installed. `altssh.gitlab.com` serves the repositories of gitlab.com
/// over SSH on port 443, and `www.gitlab.com` redirects.
/// Source: <https://about.gitlab.com/blog/gitlab-dot-com-now-supports-an-alternate-git-plus-ssh-port/>.
pub(super) static HOSTS: LazyLock<KnownHosts> = LazyLock::new(|| {
    let aliases = [("www.gitlab.com", "gitlab.com"), ("altssh.gitlab.com", "gitlab.com")];
    KnownHosts::NONE.ignoring_case().aliases(&aliases)
});

/// A project. (`repository` beside it is deprecated and holds less.)
#[derive(Deserialize)]
pub(super) struct ProjectBody<'a> {
    #[serde(borrow)]
    web_url: Option<Text<'a>>,
    #[serde(borrow)]
    git_http_url: Option<Text<'a>>,
    #[serde(borrow)]
    git_ssh_url: Option<Text<'a>>,
    #[serde(borrow)]
    default_branch: Option<Text<'a>>,
}

impl ProjectBody<'_> {
    /// Every name the payload gives the project, the web address first. An address that names no repository is left
    /// out: one good address is enough, and servers without SSH send odd ones.
    pub(super) fn names(&self) -> Vec<RepoId> {
        let urls = [&self.web_url, &self.git_http_url, &self.git_ssh_url].into_iter().flatten();
        distinct(urls.filter_map(|url| RepoId::parse_with(&url.0, &HOSTS).ok()))
    }

    /// The project as events hold it.
    pub(super) fn to_repository(&self) -> Repository {
        let default_branch = self.default_branch.as_ref().and_then(|name| Branch::parse(&name.0).ok());
        Repository { names: self.names(), default_branch }
    }

    /// The project of an event that has one. It has to have a name.
    pub(super) fn required(project: Option<&Self>) -> Result<Repository, PayloadError> {
        named(project.map(Self::to_repository))
    }
}
