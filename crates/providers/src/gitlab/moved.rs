//! A project that was renamed or transferred: the system hooks `project_rename` and `project_transfer`.
//!
//! Hooks of projects and groups say nothing about it, and system hooks name no server. Its address is in a header, which
//! no signature covers. With another address there, Builds whose key verifies the request get a wrong Event, and nothing
//! starts. A group that is renamed moves all of its projects and names none of them, so that is not reported.
//!
//! Source: <https://docs.gitlab.com/administration/system_hooks/>.

use trigger_core::{GitEvent, GitEventKind, RepoId, Repository};

use super::kind::SYSTEM_HOOK;
use super::repository::HOSTS;
use crate::json::Text;

/// The parts of a payload that name a project before and after.
pub(super) struct Paths<'a> {
    pub(super) event: Option<&'a Text<'a>>,
    pub(super) now: Option<&'a Text<'a>>,
    pub(super) before: Option<&'a Text<'a>>,
}

/// The address that a project had, and the one that it has now.
pub(super) struct Moved {
    before: RepoId,
    now: RepoId,
}

impl Paths<'_> {
    /// The move of a project of `server`. `None` if it is another event, or if an address cannot be told.
    pub(super) fn moved(&self, header: &str, server: Option<&str>) -> Option<Moved> {
        if header != SYSTEM_HOOK || !["project_rename", "project_transfer"].contains(&&*self.event?.0) {
            return None;
        }
        let server = server?.trim_end_matches('/');
        let address = |path: &Text<'_>| {
            let is_path = path.0.split('/').all(|part| !matches!(part, "" | "." | ".."));
            let is_plain = is_path && !path.0.contains(['?', '#', '%', '\\']);
            is_plain.then(|| RepoId::parse_with(&format!("{server}/{}", path.0), &HOSTS).ok()).flatten()
        };
        let (before, now) = (address(self.before?)?, address(self.now?)?);
        (before != now).then_some(Moved { before, now })
    }
}

impl Moved {
    /// The names of the project, the one that it had first.
    pub(super) fn names(self) -> Vec<RepoId> {
        vec![self.before, self.now]
    }

    pub(super) fn into_event(self) -> GitEvent {
        let kind = GitEventKind::Moved { to: self.now.clone() };
        let repository = Repository { names: self.names(), default_branch: None };
        GitEvent::without_push(repository, None, kind)
    }
}
