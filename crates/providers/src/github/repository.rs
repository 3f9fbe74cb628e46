//! How a payload names a repository.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::value::RawValue;
use trigger_core::{Branch, KnownHosts, RepoId, Repository};

use crate::json::{Text, number};
use crate::request::distinct;

/// GitHub ignores the case of paths, on github.com and in Enterprise Server. `ssh.github.com` serves the repositories of
/// github.com over SSH on port 443, and `www.github.com` redirects to them.
/// Source: <https://docs.github.com/en/authentication/troubleshooting-ssh/using-ssh-over-the-https-port>.
pub(super) static HOSTS: LazyLock<KnownHosts> = LazyLock::new(|| {
    let aliases = [("www.github.com", "github.com"), ("ssh.github.com", "github.com")];
    KnownHosts::NONE.ignoring_case().aliases(&aliases)
});

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
    /// Seconds in `push`, a text in all other events, where it does not matter.
    #[serde(borrow)]
    pushed_at: Option<&'a RawValue>,
}

impl RepositoryBody<'_> {
    /// Every name the payload gives the repository, the web address first. An address that names no repository is left
    /// out: one good address is enough, and Enterprise servers without SSH send odd ones.
    pub(super) fn names(&self) -> Vec<RepoId> {
        let web = self.html_url.as_ref().map(|url| url.0.as_ref());
        // Usually all others are the web address once more, which need not be read again.
        let other = |url: &Option<Text<'_>>| {
            url.as_ref().is_some_and(|url| !web.is_some_and(|web| is_spelling_of(web, &url.0)))
        };
        let url_name = other(&self.url).then(|| self.url_name()).flatten();
        let others = [&self.clone_url, &self.ssh_url, &self.git_url].into_iter().filter(|url| other(url));
        let urls = std::iter::once(&self.html_url).chain(others).flatten();
        distinct(urls.filter_map(|url| repo_id(&url.0)).chain(url_name))
    }

    /// The repository as events hold it.
    pub(super) fn to_repository(&self) -> Repository {
        let branch = self.default_branch.as_ref().or(self.master_branch.as_ref());
        let default_branch = branch.and_then(|name| Branch::parse(&name.0).ok());
        Repository { names: self.names(), default_branch }
    }

    /// The time of the push that a payload of `push` is about.
    pub(super) fn pushed_at(&self) -> Option<i64> {
        number(self.pushed_at)
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
        let name = repo_id(&self.url.as_ref()?.0)?;
        let is_api = name.host().starts_with("api.") || name.path().starts_with("api/v3/");
        (!is_api).then_some(name)
    }
}

/// The name of the repository at `url`.
pub(super) fn repo_id(url: &str) -> Option<RepoId> {
    RepoId::parse_with(url, &HOSTS).ok()
}

/// Whether `url` spells the web address `web` as GitHub does for cloning over HTTPS, by Git's protocol or over SSH.
/// False also if that takes more than a look.
fn is_spelling_of(web: &str, url: &str) -> bool {
    let url = url.strip_suffix(".git").unwrap_or(url);
    if url == web {
        return true;
    }
    // A port means something else in each of them.
    let parts = web.strip_prefix("https://").and_then(|name| Some((name, name.split_once('/')?)));
    let Some((name, (host, path))) = parts.filter(|(_, (host, _))| !host.contains([':', '@'])) else {
        return false;
    };
    let by_ssh = |url: &str| url.strip_prefix(host)?.strip_prefix(':').map(|rest| rest == path);
    url.strip_prefix("git://") == Some(name) || url.strip_prefix("git@").and_then(by_ssh) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_for_a_spelling_has_the_same_name() {
        let webs = ["https://github.com/acme/web", "https://git.example.com/2222/web", "https://h/a%20b/~c"];
        for web in webs {
            let name = repo_id(web).unwrap();
            let scp = web.replacen("https://", "git@", 1).replacen('/', ":", 1);
            for url in [format!("{web}.git"), web.replace("https", "git") + ".git", scp + ".git"] {
                assert!(is_spelling_of(web, &url), "{web} {url}");
                assert_eq!(repo_id(&url).unwrap(), name, "{url}");
            }
        }
        for (web, url) in [
            ("https://github.com/acme/web", "git@github.com:acme/web2.git"),
            ("https://github.com/acme/web", "git@github.company:acme/web.git"),
            ("https://github.com/acme/web", "https://api.github.com/repos/acme/web"),
            ("https://github.com/acme/web", "ssh://git@github.com:2222/acme/web.git"),
            ("https://h:9418/acme/web", "git://h:9418/acme/web"),
        ] {
            assert!(!is_spelling_of(web, url), "{web} {url}");
        }
    }
}
