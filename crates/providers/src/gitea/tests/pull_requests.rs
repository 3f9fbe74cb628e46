use serde_json::{Value, json};
use trigger_core::{Labels, Origin, PullRequest, PullRequestAction, Repository};

use super::*;

const HEAD: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

/// The pull request of a fixture after a change.
fn changed(json: &str, change: impl FnOnce(&mut Value)) -> PullRequest {
    let mut json: Value = serde_json::from_str(json).unwrap();
    change(&mut json);
    match kind("pull_request", &json.to_string()) {
        GitEventKind::PullRequest(pull_request) => pull_request,
        other => panic!("{other:?} is no pull request"),
    }
}

#[test]
fn a_pull_request_is_read() {
    let expected = PullRequest {
        number: 7,
        action: PullRequestAction::Opened,
        base: branch("main"),
        head: branch("feature/cart"),
        commit: commit(HEAD),
        origin: Origin::SameRepository,
        labels: Labels::new([]),
    };
    let event = read("pull_request", fixtures::PULL_REQUEST).unwrap();
    assert_eq!(event.kind, GitEventKind::PullRequest(expected));
    assert_eq!(event.repository, Repository { names: vec![web()], default_branch: Some(branch("main")) });
    assert_eq!((event.sender.as_deref(), event.push), (Some("dave"), None));
    assert_eq!(select("pull_request", fixtures::PULL_REQUEST).unwrap().names, [web()]);
}

#[test]
fn actions_have_the_names_of_rules() {
    let other = |name: &str| PullRequestAction::Other(name.to_owned());
    for (name, merged, expected) in [
        ("opened", json!(false), PullRequestAction::Opened),
        ("synchronized", json!(false), PullRequestAction::Synchronize),
        ("reopened", json!(false), PullRequestAction::Reopened),
        ("closed", json!(false), other("closed")),
        ("closed", json!(null), other("closed")),
        ("closed", json!(true), other("merged")),
        ("edited", json!(false), other("edited")),
        ("label_updated", json!(false), other("labeled")),
        ("label_cleared", json!(false), other("unlabeled")),
        ("assigned", json!(false), other("assigned")),
        ("review_requested", json!(false), other("review_requested")),
        ("reviewed", json!(false), other("reviewed")),
        // Of GitHub: no such server sends it.
        ("synchronize", json!(false), other("synchronize")),
    ] {
        let read = changed(fixtures::PULL_REQUEST, |json| {
            json["action"] = name.into();
            json["pull_request"]["merged"] = merged.clone();
        });
        assert_eq!(read.action, expected, "{name} {merged}");
    }
}

/// The action of an `edited` pull request with this title and field `draft`.
fn edited_to(changes: &Value, title: &str, draft: &Value) -> PullRequestAction {
    let read = changed(fixtures::PULL_REQUEST, |json| {
        json["action"] = "edited".into();
        json["changes"] = changes.clone();
        json["pull_request"]["title"] = title.into();
        json["pull_request"]["draft"] = draft.clone();
    });
    read.action
}

#[test]
fn a_draft_ends_by_its_field_or_else_by_its_title() {
    let (ready, to_draft, edited) = (
        PullRequestAction::ReadyForReview,
        PullRequestAction::Other("converted_to_draft".to_owned()),
        PullRequestAction::Other("edited".to_owned()),
    );
    let from = |title: &str| json!({"title": {"from": title}});
    for (changes, title, draft, expected) in [
        (from("WIP: a"), "a", json!(null), &ready),
        (from("WIP: a"), "a", json!(false), &ready),
        (from("[WIP] a"), "b", json!(false), &ready),
        (from("wip: a"), "a", json!(null), &ready),
        // A server with other prefixes says that it is a draft still.
        (from("WIP: a"), "Draft: a", json!(true), &edited),
        (from("WIP: a"), "[wip] a", json!(null), &edited),
        (from("a"), "WIP: a", json!(null), &to_draft),
        (from("a"), "WIP: a", json!(true), &to_draft),
        (from("a"), "Draft: a", json!(true), &to_draft),
        (from("a"), "WIP: a", json!(false), &edited),
        (from("a"), "b", json!(null), &edited),
        (from("WIPs"), "a", json!(null), &edited),
        (from("\u{fc}\u{fc}\u{fc}"), "a", json!(null), &edited),
        (from(""), "", json!(null), &edited),
        (json!({"body": {"from": "x"}}), "a", json!(false), &edited),
        (json!({"title": {}}), "a", json!(false), &edited),
        (json!({"title": null}), "a", json!(false), &edited),
        (json!({}), "a", json!(false), &edited),
        (json!(null), "WIP: a", json!(true), &edited),
    ] {
        assert_eq!(edited_to(&changes, title, &draft), *expected, "{changes} {title} {draft}");
    }
}

/// The former branch may be the new one there.
#[test]
fn any_change_of_the_base_is_one() {
    for base in [json!({"from": "main"}), json!({"from": "dev"}), json!({}), json!(7)] {
        let changes = json!({"ref": base, "title": {"from": "WIP: a"}});
        assert_eq!(edited_to(&changes, "a", &json!(false)), PullRequestAction::BaseChanged, "{changes}");
    }
    let opened = changed(fixtures::PULL_REQUEST, |json| json["changes"] = json!({"ref": {"from": "dev"}}));
    assert_eq!(opened.action, PullRequestAction::Opened, "only an edit changes the base");
}

#[test]
fn forks_are_told_from_branches_by_the_ids_of_both_repositories() {
    let fork = Origin::Fork(Some(RepoId::parse("git.acme.example/dave/web").unwrap()));
    let origin = |change: fn(&mut Value)| {
        let read = changed(fixtures::PULL_REQUEST_FORK, |json| change(&mut json["pull_request"]));
        read.origin
    };
    assert_eq!(origin(|_| ()), fork);
    assert_eq!(origin(|it| it["head"]["repo"] = Value::Null), Origin::Fork(None), "the fork was deleted");
    let absent = origin(|it| drop(it["head"].as_object_mut().unwrap().remove("repo")));
    assert_eq!(absent, Origin::Fork(None));
    let both = origin(|it| {
        it["head"]["repo"] = Value::Null;
        it["head"]["repo_id"] = 15.into();
    });
    assert_eq!(both, Origin::Fork(None), "equal ids do not make up for a deleted repository");
    let gone =
        origin(|it| it["head"] = json!({"ref": "refs/pull/7/head", "sha": "a".repeat(40), "repo_id": -1}));
    assert_eq!(gone, Origin::Fork(None));
    assert_eq!(origin(|it| it["head"]["repo_id"] = Value::Null), fork, "nothing is known");
    assert_eq!(origin(|it| it["base"]["repo_id"] = Value::Null), fork, "nothing is known");
    let impostor = origin(|it| it["head"]["repo"] = it["base"]["repo"].clone());
    assert!(matches!(impostor, Origin::Fork(Some(_))), "other id, equal address");
    let not_marked = origin(|it| it["head"]["repo"]["fork"] = false.into());
    assert_eq!(not_marked, fork, "a repository may be a fork and not of this one");
    assert_eq!(origin(|it| it["head"]["repo_id"] = 15.into()), Origin::SameRepository);
    assert_eq!(origin(|it| it["head"]["repo"] = json!({})), Origin::Fork(None), "without an address");
}

#[test]
fn labels_are_read_or_unknown() {
    for (labels, expected) in [
        (json!([{"id": 1, "name": "size: m", "color": "00ff00"}]), Labels::new(["size: m"])),
        (json!([]), Labels::new([])),
        (json!(null), None),
        (json!(7), None),
        (json!([{"title": "ready"}]), None),
    ] {
        let read = changed(fixtures::PULL_REQUEST, |json| json["pull_request"]["labels"] = labels.clone());
        assert_eq!(read.labels, expected, "{labels}");
    }
}

#[test]
fn a_pull_request_without_a_commit_starts_nothing() {
    let mut json: Value = serde_json::from_str(fixtures::PULL_REQUEST).unwrap();
    json["pull_request"]["head"]["sha"] = "".into();
    let event = read("pull_request", &json.to_string()).unwrap();
    assert_eq!((event.kind, event.repository.names), (other("pull_request"), vec![web()]));
}
