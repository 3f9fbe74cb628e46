//! The event of a payload.

use serde::Deserialize;
use serde_json::value::RawValue;
use trigger_core::{
    Branch, ChangedFiles, Commit, GitEvent, GitEventKind, GitRef, Origin, PullRequest, PullRequestAction,
    PushMark, Repository,
};

use super::repository::RepositoryBody;
use crate::header::is_name;
use crate::json::{self, Text, login, number, parse};
use crate::labels::labels;
use crate::pushed_commits::{CommitFields, PushedCommits};
use crate::request::named;
use crate::{EventNames, PayloadError};

pub(super) const PING: &str = "ping";
const PUSH: &str = "push";
const PULL_REQUEST: &str = "pull_request";

/// A push lists no more commits.
const MOST_COMMITS: usize = 2048;

const COMMIT_FIELDS: CommitFields = CommitFields { id: "id", files: ["added", "modified", "removed"] };

/// Tags arrive as pushes.
pub(super) const NAMES: &[EventNames] = &[
    EventNames { own: PUSH, rule: "Push" },
    EventNames { own: PULL_REQUEST, rule: "PullRequest" },
    EventNames { own: PING, rule: "Ping" },
];

/// Whether an event of this name is always about a repository.
pub(super) fn needs_repository(event: &str) -> bool {
    matches!(event, PUSH | PULL_REQUEST)
}

/// Reads the payload of an event called `event`.
pub(super) fn read(event: &str, json: &str) -> Result<GitEvent, PayloadError> {
    match event {
        PUSH => push(&parse(json)?),
        PULL_REQUEST => pull_request(&parse(json)?),
        PING => Ok(other(&parse(json)?, GitEventKind::Ping)),
        name => Ok(other(&parse(json)?, GitEventKind::Other { name: name.to_owned() })),
    }
}

#[derive(Deserialize)]
struct OtherBody<'a> {
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#push>. `after` is the commit, or the object
/// of an annotated tag; then `head_commit` is the commit.
#[derive(Deserialize)]
struct PushBody<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Text<'a>,
    /// Always sent. Payloads that are abridged for a page, as in SHIP-0031, lack it.
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<Text<'a>>,
    created: Option<bool>,
    deleted: Option<bool>,
    forced: Option<bool>,
    #[serde(borrow)]
    head_commit: Option<&'a RawValue>,
    /// Any JSON: a list that cannot be read leaves the changed files unknown.
    #[serde(borrow)]
    commits: Option<&'a RawValue>,
    /// The number of all commits. GitHub leaves both out; servers in its place send them.
    #[serde(borrow)]
    size: Option<&'a RawValue>,
    #[serde(borrow)]
    distinct_size: Option<&'a RawValue>,
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request>.
#[derive(Deserialize)]
struct PullRequestBody<'a> {
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    pull_request: PullRequestObject<'a>,
    #[serde(borrow)]
    changes: Option<Changes<'a>>,
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

#[derive(Deserialize)]
struct PullRequestObject<'a> {
    number: u64,
    #[serde(borrow)]
    head: Side<'a>,
    #[serde(borrow)]
    base: Side<'a>,
    merged: Option<bool>,
    /// Any JSON: labels that cannot be read are unknown.
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct HeadCommit<'a> {
    #[serde(borrow)]
    id: Text<'a>,
}

#[derive(Deserialize)]
struct Side<'a> {
    #[serde(borrow, rename = "ref")]
    branch: Text<'a>,
    #[serde(borrow)]
    sha: Text<'a>,
    #[serde(borrow)]
    repo: Option<RepositoryBody<'a>>,
}

/// The former values of an `edited` pull request.
#[derive(Deserialize)]
struct Changes<'a> {
    #[serde(borrow)]
    base: Option<BaseChange<'a>>,
}

#[derive(Deserialize)]
struct BaseChange<'a> {
    #[serde(borrow, rename = "ref")]
    branch: Option<Before<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Before<'a> {
    #[serde(borrow)]
    pub(super) from: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct SenderBody<'a> {
    #[serde(borrow)]
    pub(super) login: Option<Text<'a>>,
}

fn other(body: &OtherBody<'_>, kind: GitEventKind) -> GitEvent {
    let repository = body.repository.as_ref().map(RepositoryBody::to_repository).unwrap_or_default();
    GitEvent::without_push(repository, sender(body.sender.as_ref()), kind)
}

fn push(body: &PushBody<'_>) -> Result<GitEvent, PayloadError> {
    let commit = body.after.as_ref().and_then(|after| Commit::parse(&after.0).ok());
    let commit = commit.ok_or(PayloadError::Field("after"))?;
    let deleted = body.deleted == Some(true) || commit.is_zero();
    let kind = match GitRef::parse(&body.reference.0).map_err(|_| PayloadError::Field("ref"))? {
        GitRef::Branch(branch) if deleted => GitEventKind::BranchDeleted { branch },
        GitRef::Branch(branch) => GitEventKind::Push { branch, commit: commit.into() },
        GitRef::Tag(tag) if deleted => GitEventKind::TagDeleted { tag },
        GitRef::Tag(tag) => {
            let commit = tagged_commit(body).unwrap_or(commit);
            GitEventKind::Tag { tag, commit: commit.into() }
        }
        GitRef::Other(_) => GitEventKind::Other { name: PUSH.to_owned() },
    };
    let (object, repository) = required(body.repository.as_ref())?;
    let push = Some(PushMark { before: json::commit(body.before), at: object.pushed_at() });
    let changed_files = match &kind {
        GitEventKind::Push { commit, .. } => changed_files(body, commit.as_str()),
        _ => ChangedFiles::NOT_LISTED,
    };
    Ok(GitEvent { repository, sender: sender(body.sender.as_ref()), kind, push, changed_files })
}

/// The commit of an annotated tag, whose object is another.
fn tagged_commit(body: &PushBody<'_>) -> Option<Commit> {
    let head: HeadCommit<'_> = serde_json::from_str(body.head_commit?.get()).ok()?;
    Commit::parse(&head.id.0).ok()
}

/// The files of a push, if the payload lists all commits between the former and the present one.
fn changed_files(body: &PushBody<'_>, after: &str) -> ChangedFiles {
    if body.forced == Some(true) {
        return ChangedFiles::unknown("the push was forced, and dropped commits are not listed");
    }
    match json::commit(body.before) {
        None => return ChangedFiles::unknown("the payload names no commit before the push"),
        Some(before) if before.is_zero() || body.created == Some(true) => {
            return ChangedFiles::unknown("the branch is new");
        }
        Some(_) => {}
    }
    let Some(commits) = PushedCommits::read(body.commits, &COMMIT_FIELDS, after) else {
        return ChangedFiles::unknown("the payload has no list of commits");
    };
    if commits.count >= MOST_COMMITS {
        return ChangedFiles::unknown(format!("the payload may list the first {MOST_COMMITS} commits only"));
    }
    let sizes = [body.size, body.distinct_size].into_iter().filter_map(number);
    if let Some(all) =
        sizes.max().and_then(|all| usize::try_from(all).ok()).filter(|all| *all > commits.count)
    {
        return ChangedFiles::unknown(format!("the payload lists {} of {all} commits", commits.count));
    }
    commits.changed_files()
}

fn pull_request(body: &PullRequestBody<'_>) -> Result<GitEvent, PayloadError> {
    let (here, repository) = required(body.repository.as_ref())?;
    let PullRequestObject { number, head, base, labels: listed, .. } = &body.pull_request;
    let kind = GitEventKind::PullRequest(PullRequest {
        number: *number,
        action: action(body)?,
        base: Branch::parse(&base.branch.0).map_err(|_| PayloadError::Field("pull_request.base.ref"))?,
        head: Branch::parse(&head.branch.0).map_err(|_| PayloadError::Field("pull_request.head.ref"))?,
        commit: Commit::parse(&head.sha.0).map_err(|_| PayloadError::Field("pull_request.head.sha"))?.into(),
        origin: origin(here, head.repo.as_ref()),
        labels: labels(*listed, "name"),
    });
    Ok(GitEvent::without_push(repository, sender(body.sender.as_ref()), kind))
}

fn action(body: &PullRequestBody<'_>) -> Result<PullRequestAction, PayloadError> {
    Ok(match body.action.0.as_ref() {
        "opened" => PullRequestAction::Opened,
        "synchronize" => PullRequestAction::Synchronize,
        "reopened" => PullRequestAction::Reopened,
        "ready_for_review" => PullRequestAction::ReadyForReview,
        "edited" if base_changed(body.changes.as_ref()) => PullRequestAction::BaseChanged,
        "closed" if body.pull_request.merged == Some(true) => PullRequestAction::Other("merged".to_owned()),
        name if is_name(name) => PullRequestAction::Other(name.to_owned()),
        _ => return Err(PayloadError::Field("action")),
    })
}

/// `edited` is sent for titles and texts too; `changes` holds the fields that were edited.
fn base_changed(changes: Option<&Changes<'_>>) -> bool {
    let base = changes.and_then(|changes| changes.base.as_ref());
    base.and_then(|base| base.branch.as_ref()).is_some_and(|branch| branch.from.is_some())
}

/// The head repository is null once a fork has been deleted. In doubt, the change comes from a fork: forks
/// are trusted less.
fn origin(here: &RepositoryBody<'_>, head: Option<&RepositoryBody<'_>>) -> Origin {
    match head {
        Some(head) if head.is(here) => Origin::SameRepository,
        Some(head) => Origin::Fork(head.names().into_iter().next()),
        None => Origin::Fork(None),
    }
}

fn required<'a, 'b>(
    body: Option<&'a RepositoryBody<'b>>,
) -> Result<(&'a RepositoryBody<'b>, Repository), PayloadError> {
    let body = body.ok_or(PayloadError::NoRepository)?;
    Ok((body, named(Some(body.to_repository()))?))
}

pub(super) fn sender(body: Option<&SenderBody<'_>>) -> Option<String> {
    login(&body?.login.as_ref()?.0)
}
