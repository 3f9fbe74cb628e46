use serde_json::{Value, json};
use trigger_core::{ChangedFiles, GitEvent, GitEventKind, Labels, Origin, PullRequest};

/// The event as the variable `event` of filters holds it: each field is there, and one that the event does not have is
/// empty, zero or false.
pub(super) fn described(event: &GitEvent) -> Value {
    let repository = &event.repository;
    let names: Vec<_> = repository.names.iter().map(ToString::to_string).collect();
    let files: Vec<_> = match &event.changed_files {
        ChangedFiles::Known(files) => files.iter().collect(),
        ChangedFiles::Unknown(_) => Vec::new(),
    };
    let pull_request = PullRequestFields::of(event);
    let (branch, tag) = match &event.kind {
        GitEventKind::Push { branch, .. } | GitEventKind::BranchDeleted { branch } => (branch.as_str(), ""),
        GitEventKind::Tag { tag, .. } | GitEventKind::TagDeleted { tag } => ("", tag.as_str()),
        _ => ("", ""),
    };
    json!({
        "kind": event.kind.name(),
        "branch": branch,
        "tag": tag,
        "commit": event.commit().map_or("", |commit| commit.as_str()),
        "before": event.push.as_ref().and_then(|push| push.before.as_ref()).map_or("", |before| before.as_str()),
        "sender": event.sender.as_deref().unwrap_or_default(),
        "repository": names.first().map_or("", String::as_str),
        "repositories": names,
        "default_branch": repository.default_branch.as_ref().map_or("", |branch| branch.as_str()),
        "number": pull_request.number,
        "action": pull_request.action,
        "base": pull_request.base,
        "head": pull_request.head,
        "fork": pull_request.fork,
        "labels": pull_request.labels,
        "labels_known": pull_request.labels_known,
        "changed_files": files,
        "changed_files_known": matches!(event.changed_files, ChangedFiles::Known(_)),
    })
}

/// The fields that only pull requests have.
#[derive(Default)]
struct PullRequestFields<'a> {
    number: u64,
    action: &'a str,
    base: &'a str,
    head: &'a str,
    fork: bool,
    labels: Vec<&'a str>,
    labels_known: bool,
}

impl<'a> PullRequestFields<'a> {
    fn of(event: &'a GitEvent) -> Self {
        let GitEventKind::PullRequest(pull_request) = &event.kind else { return Self::default() };
        let PullRequest { number, action, base, head, origin, labels, .. } = pull_request;
        Self {
            number: *number,
            action: action.name(),
            base: base.as_str(),
            head: head.as_str(),
            fork: *origin != Origin::SameRepository,
            labels: labels.iter().flat_map(Labels::iter).collect(),
            labels_known: labels.is_some(),
        }
    }
}
