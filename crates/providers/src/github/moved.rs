//! A repository that was renamed or transferred: the event `repository`.

use serde::Deserialize;
use trigger_core::{GitEvent, GitEventKind, RepoId, Repository};

use super::event::{Before, SenderBody, sender};
use super::repository::{RepositoryBody, repo_id};
use crate::json::Text;

/// The name of the event.
pub(super) const REPOSITORY: &str = "repository";

/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#repository>.
#[derive(Deserialize)]
pub(super) struct RepositoryEventBody<'a> {
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    changes: Option<RepositoryChanges<'a>>,
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

/// What a repository was called, or whose it was.
#[derive(Deserialize)]
struct RepositoryChanges<'a> {
    #[serde(borrow)]
    repository: Option<NameChange<'a>>,
    #[serde(borrow)]
    owner: Option<OwnerChange<'a>>,
}

#[derive(Deserialize)]
struct NameChange<'a> {
    #[serde(borrow)]
    name: Option<Before<'a>>,
}

#[derive(Deserialize)]
struct OwnerChange<'a> {
    #[serde(borrow)]
    from: Option<FormerOwner<'a>>,
}

#[derive(Deserialize)]
struct FormerOwner<'a> {
    #[serde(borrow)]
    user: Option<SenderBody<'a>>,
    #[serde(borrow)]
    organization: Option<SenderBody<'a>>,
}

impl RepositoryEventBody<'_> {
    /// The names of the repository, with the address before a rename or a transfer first; and where it is now, if there
    /// was one.
    pub(super) fn names(&self) -> (Vec<RepoId>, Option<RepoId>) {
        let names = self.repository.as_ref().map(RepositoryBody::names).unwrap_or_default();
        let Some((now, before)) = names.first().and_then(|now| Some((now.clone(), self.before(now)?))) else {
            return (names, None);
        };
        let mut all = vec![before];
        all.extend(names);
        (all, Some(now))
    }

    /// The address that a repository had which is at `now`.
    fn before(&self, now: &RepoId) -> Option<RepoId> {
        let changes = self.changes.as_ref()?;
        let (owner, name) = now.path().rsplit_once('/')?;
        let path = match self.action.as_ref()?.0.as_ref() {
            "renamed" => {
                let before = changes.repository.as_ref()?.name.as_ref()?.from.as_ref()?;
                format!("{owner}/{}", segment(before)?)
            }
            "transferred" => {
                let from = changes.owner.as_ref()?.from.as_ref()?;
                let before = from.organization.as_ref().or(from.user.as_ref())?.login.as_ref()?;
                format!("{}/{name}", segment(before)?)
            }
            _ => return None,
        };
        let host = now.as_str().strip_suffix(now.path())?;
        repo_id(&format!("https://{host}{path}"))
    }
}

/// A name that is one segment of a path.
fn segment<'a>(text: &'a Text<'_>) -> Option<&'a str> {
    Some(text.0.as_ref()).filter(|text| !text.is_empty() && !text.contains(['/', '?', '#']))
}

/// The event: a move if the address changed.
pub(super) fn read(body: &RepositoryEventBody<'_>) -> GitEvent {
    let (names, to) = body.names();
    let default_branch = body.repository.as_ref().and_then(|here| here.to_repository().default_branch);
    let kind = to
        .map_or_else(|| GitEventKind::Other { name: REPOSITORY.to_owned() }, |to| GitEventKind::Moved { to });
    let repository = Repository { names, default_branch };
    GitEvent::without_push(repository, sender(body.sender.as_ref()), kind)
}
