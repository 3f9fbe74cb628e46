use trigger_core::{GitEventKind, Labels, Origin, PullRequest, PullRequestAction, Repository};

use super::*;

const HOOK: &str = "Merge Request Hook";
const HEAD: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

fn pull_request(json: &str) -> PullRequest {
    match read(HOOK, json).unwrap().kind {
        GitEventKind::PullRequest(pull_request) => pull_request,
        other => panic!("{other:?} is no pull request"),
    }
}

#[test]
fn a_merge_request_is_read() {
    let expected = PullRequest {
        number: 7,
        action: PullRequestAction::Opened,
        base: branch("main"),
        head: branch("feature/cart"),
        commit: commit(HEAD),
        origin: Origin::SameRepository,
        labels: Labels::new([]),
    };
    for header in [HOOK, "System Hook"] {
        let event = read(header, fixtures::MERGE_REQUEST).unwrap();
        assert_eq!(event.kind, GitEventKind::PullRequest(expected.clone()));
        assert_eq!(event.repository, Repository { names: vec![web()], default_branch: Some(branch("main")) });
        assert_eq!(event.sender.as_deref(), Some("dave"));
    }
}

#[test]
fn labels_are_read() {
    let labels = (
        "  \"labels\": [],\n  \"changes\"",
        "  \"labels\": [{\"id\": 1, \"title\": \"size: m\"}],\n  \"changes\"",
    );
    assert_eq!(pull_request(&edited(fixtures::MERGE_REQUEST, &[labels])).labels, Labels::new(["size: m"]));
}

/// The `changes` of an update from some labels to others.
fn change(before: &[&str], now: &[&str]) -> String {
    let list =
        |labels: &[&str]| labels.iter().map(|label| serde_json::json!({"title": label})).collect::<Vec<_>>();
    serde_json::json!({"labels": {"previous": list(before), "current": list(now)}}).to_string()
}

/// The action of a merge request whose `action` field is `action` (and what follows it), with these `changes`.
fn action(action: &str, changes: &str) -> PullRequestAction {
    let edits = [(r#""action": "open","#, action), (r#""changes": {}"#, &format!(r#""changes": {changes}"#))];
    pull_request(&edited(fixtures::MERGE_REQUEST, &edits)).action
}

#[test]
fn actions_are_told_apart() {
    let other = |name: &str| PullRequestAction::Other(name.to_owned());
    for (name, expected) in [
        (r#""action": "open","#, PullRequestAction::Opened),
        (r#""action": "reopen","#, PullRequestAction::Reopened),
        (r#""action": "close","#, other("closed")),
        (r#""action": "merge","#, other("merged")),
        (r#""action": "approved","#, other("approved")),
        (
            r#""action": "unapproval", "system": true, "system_action": "approvals_reset_on_push","#,
            other("unapproval"),
        ),
        (r#""action": "something_new","#, other("something_new")),
        (r#""action": null,"#, other("unnamed")),
        ("", other("unnamed")),
    ] {
        assert_eq!(action(name, "{}"), expected, "{name}");
    }
}

/// Every row after the first has all that decides the rows after it, and nothing that decides those before.
#[test]
fn the_first_change_that_leads_to_a_build_is_the_meaning_of_an_update() {
    let oldrev = r#""action": "update", "oldrev": "1111111111111111111111111111111111111111","#;
    let update = r#""action": "update","#;
    let target = r#""target_branch": {"previous": "dev", "current": "main"}"#;
    let ready = r#""draft": {"previous": true, "current": false}"#;
    let title = r#""title": {"previous": "Draft: Cart", "current": "Cart"}"#;
    let labels = r#""labels": {"previous": [], "current": [{"id": 1, "title": "urgent"}]}"#;
    let other = |name: &str| PullRequestAction::Other(name.to_owned());
    for (name, changes, expected) in [
        (oldrev, format!("{{{target}, {ready}, {title}, {labels}}}"), PullRequestAction::Synchronize),
        (oldrev, "{}".to_owned(), PullRequestAction::Synchronize),
        (update, format!("{{{target}, {ready}, {title}, {labels}}}"), PullRequestAction::BaseChanged),
        (update, format!("{{{ready}, {title}, {labels}}}"), PullRequestAction::ReadyForReview),
        (update, format!("{{{title}, {labels}}}"), PullRequestAction::ReadyForReview),
        (update, format!("{{{labels}}}"), other("labeled")),
        (update, change(&[], &["ready"]), other("labeled")),
        (update, change(&["old"], &["ready"]), other("labeled")),
        (update, change(&["old", "ready"], &["ready"]), other("unlabeled")),
        (update, r#"{"labels": 7}"#.to_owned(), other("labeled")),
        (
            update,
            r#"{"draft": {"previous": false, "current": true}}"#.to_owned(),
            other("converted_to_draft"),
        ),
        (update, "{}".to_owned(), other("edited")),
        (update, "null".to_owned(), other("edited")),
        (update, r#"{"target_branch": null, "draft": null, "labels": null}"#.to_owned(), other("edited")),
        (r#""action": "update", "oldrev": null,"#, "{}".to_owned(), other("edited")),
        (r#""action": "update", "oldrev": "","#, "{}".to_owned(), other("edited")),
    ] {
        assert_eq!(action(name, &changes), expected, "{name} {changes}");
    }
}

#[test]
fn a_draft_becomes_ready_by_its_field_or_else_by_its_title() {
    let update = r#""action": "update","#;
    for (changes, ready) in [
        (r#"{"draft": {"previous": true, "current": false}}"#, true),
        (r#"{"draft": {"previous": false, "current": true}}"#, false),
        (r#"{"draft": {}}"#, false),
        (
            r#"{"draft": {"previous": false, "current": true}, "title": {"previous": "WIP: a", "current": "a"}}"#,
            false,
        ),
        (r#"{"title": {"previous": "WIP: a", "current": "a"}}"#, true),
        (r#"{"title": {"previous": "[WIP] a", "current": "a"}}"#, true),
        (r#"{"title": {"previous": "draft: a", "current": "b"}}"#, true),
        (r#"{"title": {"previous": "(Draft) a", "current": "a"}}"#, true),
        (r#"{"title": {"previous": "WIP: a", "current": "Draft: a"}}"#, false),
        (r#"{"title": {"previous": "a", "current": "Draft: a"}}"#, false),
        (r#"{"title": {"previous": "Drafts", "current": "a"}}"#, false),
        (r#"{"title": {"previous": "\u00fc\u00fc\u00fc", "current": "a"}}"#, false),
        (r#"{"title": {"current": "a"}}"#, false),
    ] {
        assert_eq!(action(update, changes) == PullRequestAction::ReadyForReview, ready, "{changes}");
    }
}

#[test]
fn forks_are_told_from_branches() {
    let fork = Origin::Fork(Some(RepoId::parse("gl.acme.example/dave/web").unwrap()));
    let origin = |edit: fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_str(fixtures::MERGE_REQUEST_FORK).unwrap();
        edit(&mut json["object_attributes"]);
        pull_request(&json.to_string()).origin
    };
    let unchanged = origin(|_| ());
    assert_eq!(unchanged, fork);
    assert_eq!(
        origin(|mr| mr["source"] = serde_json::Value::Null),
        Origin::Fork(None),
        "the fork was deleted"
    );
    let absent = origin(|mr| drop(mr.as_object_mut().unwrap().remove("source")));
    assert_eq!(absent, Origin::Fork(None), "the fork was deleted");
    let both = origin(|mr| {
        mr["source"] = serde_json::Value::Null;
        mr["source_project_id"] = 15.into();
    });
    assert_eq!(both, Origin::Fork(None), "equal ids do not make up for a deleted project");
    assert_eq!(origin(|mr| mr["source_project_id"] = serde_json::Value::Null), fork, "nothing is known");
    let impostor = origin(|mr| mr["source"] = mr["target"].clone());
    assert!(matches!(impostor, Origin::Fork(Some(_))), "other id, equal address");
    assert_eq!(origin(|mr| mr["source_project_id"] = 15.into()), Origin::SameRepository);
}

#[test]
fn a_merge_request_without_commits_starts_nothing() {
    let mut json: serde_json::Value = serde_json::from_str(fixtures::MERGE_REQUEST).unwrap();
    json["object_attributes"]["last_commit"] = serde_json::Value::Null;
    let event = read(HOOK, &json.to_string()).unwrap();
    assert_eq!(event.kind, GitEventKind::Other { name: HOOK.to_owned() });
    assert_eq!(event.repository.names, [web()]);
}
