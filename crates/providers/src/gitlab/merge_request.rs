//! Merge requests, and the meaning of their action `update`.
//! Source: <https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events>.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use trigger_core::{Branch, Commit, GitEvent, GitEventKind, Origin, PullRequest, PullRequestAction};

use super::kind::{MERGE_REQUEST_HOOK, kind};
use super::repository::ProjectBody;
use crate::PayloadError;
use crate::header::is_name;
use crate::json::{Text, login};
use crate::labels::labels;

/// The action of an event that names none, such as the sample of older versions.
const NO_ACTION: &str = "unnamed";

/// The field of a label that holds its name.
const LABEL: &str = "title";

/// The beginnings of a title that make a draft of a merge request, in any case of letters. `WIP` was the word before
/// GitLab 14.
const DRAFTS: [&str; 5] = ["draft:", "[draft]", "(draft)", "wip:", "[wip]"];

/// Every field is optional, see the body of a push.
#[derive(Deserialize)]
pub(super) struct MergeRequestBody<'a> {
    #[serde(borrow)]
    object_kind: Option<Text<'a>>,
    #[serde(borrow)]
    object_attributes: Option<Attributes<'a>>,
    #[serde(borrow)]
    changes: Option<Changes<'a>>,
    #[serde(borrow)]
    project: Option<ProjectBody<'a>>,
    #[serde(borrow)]
    user: Option<UserBody<'a>>,
    /// Any JSON: labels that cannot be read are unknown.
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Attributes<'a> {
    iid: Option<u64>,
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    source_branch: Option<Text<'a>>,
    #[serde(borrow)]
    target_branch: Option<Text<'a>>,
    source_project_id: Option<u64>,
    target_project_id: Option<u64>,
    /// The project of the change; null once that has been deleted.
    #[serde(borrow)]
    source: Option<ProjectBody<'a>>,
    #[serde(borrow)]
    last_commit: Option<LastCommit<'a>>,
    /// The last commit before a push; absent if the commits did not change.
    #[serde(borrow)]
    oldrev: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct LastCommit<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

/// The fields that an `update` changed.
#[derive(Deserialize)]
struct Changes<'a> {
    target_branch: Option<IgnoredAny>,
    draft: Option<Change<bool>>,
    #[serde(borrow)]
    title: Option<Change<Text<'a>>>,
    /// The labels before and after, as lists or, with templates of old versions, anything.
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Change<T> {
    previous: Option<T>,
    current: Option<T>,
}

/// The labels before and after an `update`.
#[derive(Deserialize)]
struct LabelChange<'a> {
    #[serde(borrow)]
    previous: Option<&'a RawValue>,
    #[serde(borrow)]
    current: Option<&'a RawValue>,
}

/// The person who caused an event.
#[derive(Deserialize)]
pub(super) struct UserBody<'a> {
    #[serde(borrow)]
    username: Option<Text<'a>>,
}

impl UserBody<'_> {
    pub(super) fn login(&self) -> Option<String> {
        login(&self.username.as_ref()?.0)
    }
}

/// The event of a merge request. One without commits is an event that no rule can name.
pub(super) fn read(header: &str, body: &MergeRequestBody<'_>) -> Result<GitEvent, PayloadError> {
    kind(header, body.object_kind.as_ref(), None)?;
    let attributes = body.object_attributes.as_ref().ok_or(PayloadError::Field("object_attributes"))?;
    let kind = match &attributes.last_commit {
        Some(commit) => GitEventKind::PullRequest(pull_request(body, attributes, commit)?),
        None => GitEventKind::Other { name: MERGE_REQUEST_HOOK.to_owned() },
    };
    let sender = body.user.as_ref().and_then(UserBody::login);
    Ok(GitEvent::without_push(ProjectBody::required(body.project.as_ref())?, sender, kind))
}

fn pull_request(
    body: &MergeRequestBody<'_>,
    attributes: &Attributes<'_>,
    commit: &LastCommit<'_>,
) -> Result<PullRequest, PayloadError> {
    const BASE: &str = "object_attributes.target_branch";
    const HEAD: &str = "object_attributes.source_branch";
    const COMMIT: &str = "object_attributes.last_commit.id";
    Ok(PullRequest {
        number: attributes.iid.ok_or(PayloadError::Field("object_attributes.iid"))?,
        action: action(attributes, body.changes.as_ref())?,
        base: Branch::parse(Text::required(attributes.target_branch.as_ref(), BASE)?)
            .map_err(|_| PayloadError::Field(BASE))?,
        head: Branch::parse(Text::required(attributes.source_branch.as_ref(), HEAD)?)
            .map_err(|_| PayloadError::Field(HEAD))?,
        commit: Commit::parse(Text::required(commit.id.as_ref(), COMMIT)?)
            .map_err(|_| PayloadError::Field(COMMIT))?
            .into(),
        origin: origin(attributes),
        labels: labels(body.labels, LABEL),
    })
}

/// Approvals, also those that a push resets, are actions of their own and leave the code as it is.
fn action(
    attributes: &Attributes<'_>,
    changes: Option<&Changes<'_>>,
) -> Result<PullRequestAction, PayloadError> {
    let other = |name: &str| PullRequestAction::Other(name.to_owned());
    Ok(match attributes.action.as_ref().map(|action| action.0.as_ref()) {
        None => other(NO_ACTION),
        Some("open") => PullRequestAction::Opened,
        Some("reopen") => PullRequestAction::Reopened,
        Some("close") => other("closed"),
        Some("merge") => other("merged"),
        Some("update") => update(attributes, changes),
        Some(name) if is_name(name) => other(name),
        Some(_) => return Err(PayloadError::Field("object_attributes.action")),
    })
}

/// One `update` can change several fields. New commits count before all else, since they are built in any case; then
/// the other changes that lead to a build.
fn update(attributes: &Attributes<'_>, changes: Option<&Changes<'_>>) -> PullRequestAction {
    if attributes.oldrev.as_ref().is_some_and(|oldrev| !oldrev.0.is_empty()) {
        return PullRequestAction::Synchronize;
    }
    match changes {
        Some(changes) if changes.target_branch.is_some() => PullRequestAction::BaseChanged,
        Some(changes) if changes.make_ready() => PullRequestAction::ReadyForReview,
        Some(changes) if changes.make_draft() => PullRequestAction::Other("converted_to_draft".to_owned()),
        Some(changes) if changes.labels.is_some() => {
            let action = if changes.only_remove_labels() { "unlabeled" } else { "labeled" };
            PullRequestAction::Other(action.to_owned())
        }
        _ => PullRequestAction::Other("edited".to_owned()),
    }
}

impl Changes<'_> {
    /// Whether the merge request is a draft no longer: by `draft`, else by the title, as versions before it tell.
    fn make_ready(&self) -> bool {
        self.draft_before_and_after() == (Some(true), Some(false))
    }

    /// Whether the merge request is a draft now and was none before.
    fn make_draft(&self) -> bool {
        self.draft_before_and_after() == (Some(false), Some(true))
    }

    fn draft_before_and_after(&self) -> (Option<bool>, Option<bool>) {
        if let Some(draft) = &self.draft {
            return (draft.previous, draft.current);
        }
        let is_draft = |title: Option<&Text<'_>>| title.map(|title| is_draft(&title.0));
        let title = self.title.as_ref();
        title.map_or((None, None), |title| {
            (is_draft(title.previous.as_ref()), is_draft(title.current.as_ref()))
        })
    }

    /// Whether every label of now was there before. In doubt a label was added.
    fn only_remove_labels(&self) -> bool {
        let change: Option<LabelChange<'_>> =
            self.labels.and_then(|labels| serde_json::from_str(labels.get()).ok());
        let Some(LabelChange { previous, current }) = change else { return false };
        let (Some(before), Some(now)) = (labels(previous, LABEL), labels(current, LABEL)) else {
            return false;
        };
        now.iter().all(|label| before.contains(label))
    }
}

fn is_draft(title: &str) -> bool {
    DRAFTS.iter().any(|word| title.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}

/// In doubt, the change comes from a fork: forks are trusted less.
fn origin(attributes: &Attributes<'_>) -> Origin {
    let Some(source) = &attributes.source else { return Origin::Fork(None) };
    match (attributes.source_project_id, attributes.target_project_id) {
        (Some(source), Some(target)) if source == target => Origin::SameRepository,
        _ => Origin::Fork(source.names().into_iter().next()),
    }
}
