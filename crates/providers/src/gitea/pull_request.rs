//! Pull requests, and the meaning of the action `edited`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use trigger_core::{Branch, Commit, GitEvent, GitEventKind, Origin, PullRequest, PullRequestAction};

use super::event::{PULL_REQUEST, event};
use super::repository::{RepositoryBody, SenderBody};
use crate::PayloadError;
use crate::header::is_name;
use crate::json::Text;
use crate::labels::labels;

/// The beginnings of a title that make a draft of a pull request, in any case of letters, unless the server is set up
/// otherwise (`[repository.pull-request] WORK_IN_PROGRESS_PREFIXES`).
pub(super) const DRAFTS: [&str; 2] = ["wip:", "[wip]"];

/// The payload of the header `pull_request`. Its `number` beside the pull request is the same once more.
#[derive(Deserialize)]
pub(super) struct PullRequestBody<'a> {
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    pull_request: Option<PullRequestObject<'a>>,
    #[serde(borrow)]
    changes: Option<Changes<'a>>,
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
    #[serde(borrow)]
    sender: Option<SenderBody<'a>>,
}

#[derive(Deserialize)]
struct PullRequestObject<'a> {
    number: Option<u64>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    /// Absent in older versions, where the title decides.
    draft: Option<bool>,
    merged: Option<bool>,
    /// Any JSON: labels that cannot be read are unknown.
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    head: Option<Side<'a>>,
    #[serde(borrow)]
    base: Option<Side<'a>>,
}

#[derive(Deserialize)]
struct Side<'a> {
    #[serde(borrow, rename = "ref")]
    branch: Option<Text<'a>>,
    #[serde(borrow)]
    sha: Option<Text<'a>>,
    /// Negative once the repository has been deleted.
    repo_id: Option<i64>,
    /// Null once the repository has been deleted.
    #[serde(borrow)]
    repo: Option<RepositoryBody<'a>>,
}

/// The fields that were edited, with their former values. Some versions give the new branch as the former one, so that
/// only its presence counts.
#[derive(Deserialize)]
struct Changes<'a> {
    #[serde(rename = "ref")]
    base: Option<IgnoredAny>,
    #[serde(borrow)]
    title: Option<TitleChange<'a>>,
}

#[derive(Deserialize)]
struct TitleChange<'a> {
    #[serde(borrow)]
    from: Option<Text<'a>>,
}

/// The event of a pull request. One whose commit the server does not know any more is an event that no rule can name.
pub(super) fn read(body: &PullRequestBody<'_>) -> Result<GitEvent, PayloadError> {
    const HEAD: &str = "pull_request.head";
    let pull_request = body.pull_request.as_ref().ok_or(PayloadError::Field(PULL_REQUEST))?;
    let head = pull_request.head.as_ref().ok_or(PayloadError::Field(HEAD))?;
    let kind = if head.sha.as_ref().is_some_and(|sha| sha.0.is_empty()) {
        GitEventKind::Other { name: PULL_REQUEST.to_owned() }
    } else {
        GitEventKind::PullRequest(meaning(body, pull_request, head)?)
    };
    Ok(event(RepositoryBody::required(body.repository.as_ref())?, body.sender.as_ref(), kind))
}

fn meaning(
    body: &PullRequestBody<'_>,
    pull_request: &PullRequestObject<'_>,
    head: &Side<'_>,
) -> Result<PullRequest, PayloadError> {
    const COMMIT: &str = "pull_request.head.sha";
    let base = pull_request.base.as_ref().ok_or(PayloadError::Field("pull_request.base"))?;
    Ok(PullRequest {
        number: pull_request.number.ok_or(PayloadError::Field("pull_request.number"))?,
        action: action(body, pull_request)?,
        base: base.branch("pull_request.base.ref")?,
        head: head.branch("pull_request.head.ref")?,
        commit: Commit::parse(Text::required(head.sha.as_ref(), COMMIT)?)
            .map_err(|_| PayloadError::Field(COMMIT))?
            .into(),
        origin: origin(head, base),
        labels: labels(pull_request.labels, "name"),
    })
}

impl Side<'_> {
    fn branch(&self, field: &'static str) -> Result<Branch, PayloadError> {
        Branch::parse(Text::required(self.branch.as_ref(), field)?).map_err(|_| PayloadError::Field(field))
    }
}

/// A change of labels names none of them: `label_updated` stands for one that is added and one that is removed.
fn action(
    body: &PullRequestBody<'_>,
    pull_request: &PullRequestObject<'_>,
) -> Result<PullRequestAction, PayloadError> {
    let other = |name: &str| PullRequestAction::Other(name.to_owned());
    Ok(match Text::required(body.action.as_ref(), "action")? {
        "opened" => PullRequestAction::Opened,
        "synchronized" => PullRequestAction::Synchronize,
        "reopened" => PullRequestAction::Reopened,
        "edited" => edited(body.changes.as_ref(), pull_request),
        "closed" if pull_request.merged == Some(true) => other("merged"),
        "label_updated" => other("labeled"),
        "label_cleared" => other("unlabeled"),
        name if is_name(name) => other(name),
        _ => return Err(PayloadError::Field("action")),
    })
}

/// A new base counts before the end of a draft: both start a build.
fn edited(changes: Option<&Changes<'_>>, pull_request: &PullRequestObject<'_>) -> PullRequestAction {
    if changes.is_some_and(|changes| changes.base.is_some()) {
        return PullRequestAction::BaseChanged;
    }
    let before = changes.and_then(|changes| changes.title.as_ref()).and_then(|title| title.from.as_ref());
    let was_draft = before.map(|title| is_draft(&title.0));
    let title = pull_request.title.as_ref().map(|title| is_draft(&title.0));
    match (was_draft, pull_request.draft.or(title)) {
        (Some(true), Some(false)) => PullRequestAction::ReadyForReview,
        (Some(false), Some(true)) => PullRequestAction::Other("converted_to_draft".to_owned()),
        _ => PullRequestAction::Other("edited".to_owned()),
    }
}

fn is_draft(title: &str) -> bool {
    DRAFTS.iter().any(|word| title.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}

/// In doubt, the change comes from a fork: forks are trusted less.
fn origin(head: &Side<'_>, base: &Side<'_>) -> Origin {
    let Some(source) = &head.repo else { return Origin::Fork(None) };
    match (head.repo_id, base.repo_id) {
        (Some(head), Some(base)) if head == base => Origin::SameRepository,
        _ => Origin::Fork(source.names().into_iter().next()),
    }
}
