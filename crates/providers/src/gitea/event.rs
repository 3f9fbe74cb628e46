//! The event of a payload.

use serde::Deserialize;
use serde_json::value::RawValue;
use trigger_core::{
    Branch, ChangedFiles, Commit, GitEvent, GitEventKind, GitRef, PushMark, RepoId, Repository,
};

use super::pull_request;
use super::repository::{RepositoryBody, SenderBody};
use crate::json::{self, Text, number, parse};
use crate::pushed_commits::{CommitFields, PushedCommits};
use crate::{EventNames, PayloadError, RequestPayload};

pub(super) const PUSH: &str = "push";
pub(super) const DELETE: &str = "delete";
pub(super) const PULL_REQUEST: &str = "pull_request";

/// The name that a push gets here if it was sent for a test of the hook. The server has none for it.
pub(super) const TEST: &str = "push_test";

/// The type of a ref in the event `delete`.
pub(super) const BRANCH: &str = "branch";

const COMMIT_FIELDS: CommitFields = CommitFields { id: "id", files: ["added", "modified", "removed"] };

/// Tags arrive as pushes.
pub(super) const NAMES: &[EventNames] =
    &[EventNames { own: PUSH, rule: "Push" }, EventNames { own: PULL_REQUEST, rule: "PullRequest" }];

/// Reads the payload of an event.
pub(super) fn read(payload: &RequestPayload<'_>) -> Result<GitEvent, PayloadError> {
    let json = payload.json.as_ref();
    match payload.event {
        PUSH => push(&parse(json)?),
        DELETE => delete(&parse(json)?),
        PULL_REQUEST => pull_request::read(&parse(json)?),
        name => Ok(other(name, &parse(json)?)),
    }
}

/// The names of the repository, by which rules are found. Empty if the event is not about one.
pub(super) fn names(payload: &RequestPayload<'_>) -> Result<Vec<RepoId>, PayloadError> {
    let body: SelectorBody<'_> = parse(&payload.json)?;
    let names = body.repository.map(|repository| repository.names()).unwrap_or_default();
    let is_required = matches!(payload.event, PUSH | DELETE | PULL_REQUEST);
    if names.is_empty() && is_required { Err(PayloadError::NoRepository) } else { Ok(names) }
}

#[derive(Deserialize)]
struct SelectorBody<'a> {
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
}

#[derive(Deserialize)]
struct OtherBody<'a> {
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

/// A push of one branch or tag. `after` is the commit, or the object of an annotated tag; then `head_commit` is the
/// commit.
#[derive(Deserialize)]
struct PushBody<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Option<Text<'a>>,
    /// Any JSON. All zeros also for a tag that is moved.
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<Text<'a>>,
    #[serde(borrow)]
    head_commit: Option<&'a RawValue>,
    /// Any JSON: a list that cannot be read leaves the changed files unknown. It has the newest commits first, and five
    /// of them unless the server is set up otherwise (`[ui] FEED_MAX_COMMIT_NUM`).
    #[serde(borrow)]
    commits: Option<&'a RawValue>,
    #[serde(borrow)]
    total_commits: Option<&'a RawValue>,
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

#[derive(Deserialize)]
struct HeadCommit<'a> {
    #[serde(borrow)]
    id: Text<'a>,
}

/// The event `delete`, which names the ref without `refs/heads/`.
#[derive(Deserialize)]
struct DeleteBody<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    ref_type: Option<Text<'a>>,
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

fn other(name: &str, body: &OtherBody<'_>) -> GitEvent {
    let repository = body.repository.as_ref().map(RepositoryBody::to_repository).unwrap_or_default();
    event(repository, body.sender.as_ref(), GitEventKind::Other { name: name.to_owned() })
}

/// An event that pushes nothing.
pub(super) fn event(repository: Repository, sender: Option<&SenderBody<'_>>, kind: GitEventKind) -> GitEvent {
    GitEvent::without_push(repository, SenderBody::login(sender), kind)
}

fn push(body: &PushBody<'_>) -> Result<GitEvent, PayloadError> {
    let after = Text::required(body.after.as_ref(), "after")?;
    let after = Commit::parse(after).map_err(|_| PayloadError::Field("after"))?;
    let before = json::commit(body.before);
    let repository = RepositoryBody::required(body.repository.as_ref())?;
    if before.as_ref() == Some(&after) {
        // Its ref may be a short name.
        let kind = GitEventKind::Other { name: TEST.to_owned() };
        return Ok(event(repository, body.sender.as_ref(), kind));
    }
    let reference = Text::required(body.reference.as_ref(), "ref")?;
    let kind = match GitRef::parse(reference).map_err(|_| PayloadError::Field("ref"))? {
        GitRef::Branch(branch) if after.is_zero() => GitEventKind::BranchDeleted { branch },
        GitRef::Branch(branch) => GitEventKind::Push { branch, commit: after.into() },
        GitRef::Tag(tag) if after.is_zero() => GitEventKind::TagDeleted { tag },
        GitRef::Tag(tag) => {
            let commit = tagged_commit(body).unwrap_or(after);
            GitEventKind::Tag { tag, commit: commit.into() }
        }
        GitRef::Other(_) => GitEventKind::Other { name: PUSH.to_owned() },
    };
    let changed_files = match &kind {
        GitEventKind::Push { commit, .. } => changed_files(body, before.as_ref(), commit.as_str()),
        _ => ChangedFiles::NOT_LISTED,
    };
    let push = Some(PushMark { before, at: None });
    let sender = SenderBody::login(body.sender.as_ref());
    Ok(GitEvent { repository, sender, kind, push, changed_files })
}

/// The commit of an annotated tag, whose object is another.
fn tagged_commit(body: &PushBody<'_>) -> Option<Commit> {
    let head: HeadCommit<'_> = serde_json::from_str(body.head_commit?.get()).ok()?;
    Commit::parse(&head.id.0).ok()
}

/// The files of a push, if the payload lists all of its commits. It does not say whether commits were dropped.
fn changed_files(body: &PushBody<'_>, before: Option<&Commit>, after: &str) -> ChangedFiles {
    match before {
        None => return ChangedFiles::unknown("the payload names no commit before the push"),
        Some(before) if before.is_zero() => return ChangedFiles::unknown("the branch is new"),
        Some(_) => {}
    }
    let commits = PushedCommits::read(body.commits, &COMMIT_FIELDS, after);
    let all = number(body.total_commits).and_then(|all| usize::try_from(all).ok());
    let (Some(commits), Some(all)) = (commits, all) else {
        return ChangedFiles::unknown("the payload has no list of commits with their files");
    };
    if all != commits.count {
        return ChangedFiles::unknown(format!("the payload lists {} of {all} commits", commits.count));
    }
    commits.changed_files()
}

/// A tag that is deleted arrives as a push too, which counts.
fn delete(body: &DeleteBody<'_>) -> Result<GitEvent, PayloadError> {
    let repository = RepositoryBody::required(body.repository.as_ref())?;
    let kind = match Text::required(body.ref_type.as_ref(), "ref_type")? {
        BRANCH => {
            let branch = Branch::parse(Text::required(body.reference.as_ref(), "ref")?);
            GitEventKind::BranchDeleted { branch: branch.map_err(|_| PayloadError::Field("ref"))? }
        }
        _ => GitEventKind::Other { name: DELETE.to_owned() },
    };
    Ok(event(repository, body.sender.as_ref(), kind))
}
