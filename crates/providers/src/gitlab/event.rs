//! The event of a payload.

use serde::Deserialize;
use serde_json::value::RawValue;
use trigger_core::{ChangedFiles, Commit, GitEvent, GitEventKind, GitRef, PushMark, RepoId};

use super::kind::{Kind, MERGE_REQUEST_HOOK, PUSH_HOOK, SYSTEM_HOOK, TAG_PUSH_HOOK, kind};
use super::merge_request::{self, UserBody};
use super::moved::Paths;
use super::repository::ProjectBody;
use crate::header::is_name;
use crate::json::{self, Text, login, number, parse};
use crate::pushed_commits::{CommitFields, PushedCommits};
use crate::{PayloadError, RequestPayload};

const COMMIT_FIELDS: CommitFields = CommitFields { id: "id", files: ["added", "modified", "removed"] };

/// Reads the payload of an event.
pub(super) fn read(payload: &RequestPayload<'_>) -> Result<GitEvent, PayloadError> {
    let (header, json) = (payload.event, payload.json.as_ref());
    match header {
        PUSH_HOOK | TAG_PUSH_HOOK => push(header, &parse(json)?),
        MERGE_REQUEST_HOOK => merge_request::read(header, &parse(json)?),
        _ => {
            let body: OtherBody<'_> = parse(json)?;
            match body.kind(header)? {
                Kind::Push | Kind::TagPush => push(header, &parse(json)?),
                Kind::MergeRequest => merge_request::read(header, &parse(json)?),
                Kind::Other => Ok(body.event(header, payload.server)),
            }
        }
    }
}

/// The names of the project, by which rules are found. Empty if the event is not about one.
pub(super) fn names(payload: &RequestPayload<'_>) -> Result<Vec<RepoId>, PayloadError> {
    let header = payload.event;
    let body: SelectorBody<'_> = parse(&payload.json)?;
    if let Some(moved) = body.paths().moved(header, payload.server) {
        return Ok(moved.names());
    }
    let kind = kind(header, body.object_kind.as_ref(), body.event_name.as_ref())?;
    let names = body.project.map(|project| project.names()).unwrap_or_default();
    if names.is_empty() && kind != Kind::Other { Err(PayloadError::NoRepository) } else { Ok(names) }
}

#[derive(Deserialize)]
struct SelectorBody<'a> {
    #[serde(borrow)]
    object_kind: Option<Text<'a>>,
    #[serde(borrow)]
    event_name: Option<Text<'a>>,
    #[serde(borrow)]
    project: Option<ProjectBody<'a>>,
    #[serde(borrow)]
    path_with_namespace: Option<Text<'a>>,
    #[serde(borrow)]
    old_path_with_namespace: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct OtherBody<'a> {
    #[serde(borrow)]
    object_kind: Option<Text<'a>>,
    #[serde(borrow)]
    event_name: Option<Text<'a>>,
    #[serde(borrow)]
    project: Option<ProjectBody<'a>>,
    #[serde(borrow)]
    user: Option<UserBody<'a>>,
    #[serde(borrow)]
    path_with_namespace: Option<Text<'a>>,
    #[serde(borrow)]
    old_path_with_namespace: Option<Text<'a>>,
}

/// <https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events> and `#tag-events` there. Every field
/// is optional here, so that a body without a kind is rejected for that and not for the next missing field.
#[derive(Deserialize)]
struct PushBody<'a> {
    #[serde(borrow)]
    object_kind: Option<Text<'a>>,
    #[serde(borrow, rename = "ref")]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<Text<'a>>,
    #[serde(borrow)]
    checkout_sha: Option<Text<'a>>,
    #[serde(borrow)]
    user_username: Option<Text<'a>>,
    /// Any JSON: a list that cannot be read leaves the changed files unknown. It has the last 20 commits.
    #[serde(borrow)]
    commits: Option<&'a RawValue>,
    #[serde(borrow)]
    total_commits_count: Option<&'a RawValue>,
    #[serde(borrow)]
    project: Option<ProjectBody<'a>>,
}

impl PushBody<'_> {
    fn reference(&self) -> Result<GitRef, PayloadError> {
        GitRef::parse(Text::required(self.reference.as_ref(), "ref")?).map_err(|_| PayloadError::Field("ref"))
    }

    fn after(&self) -> Result<Commit, PayloadError> {
        Commit::parse(Text::required(self.after.as_ref(), "after")?).map_err(|_| PayloadError::Field("after"))
    }
}

impl SelectorBody<'_> {
    fn paths(&self) -> Paths<'_> {
        Paths {
            event: self.event_name.as_ref(),
            now: self.path_with_namespace.as_ref(),
            before: self.old_path_with_namespace.as_ref(),
        }
    }
}

impl OtherBody<'_> {
    fn paths(&self) -> Paths<'_> {
        Paths {
            event: self.event_name.as_ref(),
            now: self.path_with_namespace.as_ref(),
            before: self.old_path_with_namespace.as_ref(),
        }
    }

    fn kind(&self, header: &str) -> Result<Kind, PayloadError> {
        kind(header, self.object_kind.as_ref(), self.event_name.as_ref())
    }

    fn event(&self, header: &str, server: Option<&str>) -> GitEvent {
        if let Some(moved) = self.paths().moved(header, server) {
            return moved.into_event();
        }
        let repository = self.project.as_ref().map(ProjectBody::to_repository).unwrap_or_default();
        let sender = self.user.as_ref().and_then(UserBody::login);
        let own = self.event_name.as_ref().or(self.object_kind.as_ref()).map(|text| text.0.as_ref());
        let name = own.filter(|name| header == SYSTEM_HOOK && is_name(name)).unwrap_or(header);
        GitEvent::without_push(repository, sender, GitEventKind::Other { name: name.to_owned() })
    }
}

fn push(header: &str, body: &PushBody<'_>) -> Result<GitEvent, PayloadError> {
    let kind = match kind(header, body.object_kind.as_ref(), None)? {
        Kind::TagPush => moved_tag(body)?,
        Kind::Push => moved_branch(header, body)?,
        Kind::MergeRequest | Kind::Other => GitEventKind::Other { name: header.to_owned() },
    };
    let sender = body.user_username.as_ref().and_then(|name| login(&name.0));
    let push = Some(PushMark { before: json::commit(body.before), at: None });
    let changed_files = match &kind {
        GitEventKind::Push { commit, .. } => changed_files(body, commit.as_str()),
        _ => ChangedFiles::NOT_LISTED,
    };
    let repository = ProjectBody::required(body.project.as_ref())?;
    Ok(GitEvent { repository, sender, kind, push, changed_files })
}

/// The files of a push, if the payload lists all of its commits. It does not say whether commits were dropped.
fn changed_files(body: &PushBody<'_>, after: &str) -> ChangedFiles {
    match json::commit(body.before) {
        None => return ChangedFiles::unknown("the payload names no commit before the push"),
        Some(before) if before.is_zero() => return ChangedFiles::unknown("the branch is new"),
        Some(_) => {}
    }
    let commits = PushedCommits::read(body.commits, &COMMIT_FIELDS, after);
    let all = number(body.total_commits_count).and_then(|all| usize::try_from(all).ok());
    let (Some(commits), Some(all)) = (commits, all) else {
        return ChangedFiles::unknown("the payload has no list of commits");
    };
    if all > commits.count {
        return ChangedFiles::unknown(format!("the payload lists {} of {all} commits", commits.count));
    }
    commits.changed_files()
}

fn moved_branch(header: &str, body: &PushBody<'_>) -> Result<GitEventKind, PayloadError> {
    let after = body.after()?;
    match body.reference()? {
        GitRef::Branch(branch) if after.is_zero() => Ok(GitEventKind::BranchDeleted { branch }),
        GitRef::Branch(branch) => Ok(GitEventKind::Push { branch, commit: after.into() }),
        GitRef::Other(_) => Ok(GitEventKind::Other { name: header.to_owned() }),
        GitRef::Tag(_) => Err(PayloadError::Field("ref")),
    }
}

/// The `after` of an annotated tag is the tag object, and `checkout_sha` its commit; it is null for a tag of something
/// else than a commit.
fn moved_tag(body: &PushBody<'_>) -> Result<GitEventKind, PayloadError> {
    let after = body.after()?;
    let GitRef::Tag(tag) = body.reference()? else { return Err(PayloadError::Field("ref")) };
    if after.is_zero() {
        return Ok(GitEventKind::TagDeleted { tag });
    }
    let commit = body.checkout_sha.as_ref().map(|sha| Commit::parse(&sha.0)).transpose();
    let commit = commit.map_err(|_| PayloadError::Field("checkout_sha"))?.unwrap_or(after);
    Ok(GitEventKind::Tag { tag, commit: commit.into() })
}
