use trigger_core::{
    Branch, ChangedFiles, Commit, CommitRef, FileList, GitEventKind, Labels, Origin, PullRequest,
    PullRequestAction, PushMark, Repository, Tag,
};

use super::*;
use fixtures::push::{AFTER, push};

const ZERO: &str = "0000000000000000000000000000000000000000";

fn branch(name: &str) -> Branch {
    Branch::parse(name).unwrap()
}

fn tag(name: &str) -> Tag {
    Tag::parse(name).unwrap()
}

fn after() -> CommitRef {
    Commit::parse(AFTER).unwrap().into()
}

#[test]
fn the_abridged_payload_of_ship_0031_lacks_the_commit_and_says_so() {
    let snippet = r#"{"ref": "refs/heads/main", "before": "before-commit-id", "repository": {
        "full_name": "acme/web", "html_url": "https://github.com/acme/web"}, "head_commit": {
        "message": "commit message", "author": {"name": "Author's Name"}, "id": "commit-id",
        "timestamp": "2022-02-18T11:02:02.635313+01:00"}}"#;
    assert_eq!(select("push", snippet).unwrap().names, [web()]);
    assert_eq!(read("push", snippet), Err(PayloadError::Field("after")));
    let with_after = format!(r#"before-commit-id", "after": "{AFTER}"#);
    let complete = edited(snippet, &[("before-commit-id", &with_after)]);
    let kind = GitEventKind::Push { branch: branch("main"), commit: after() };
    assert_eq!(read("push", &complete).unwrap().kind, kind);
}

#[test]
fn a_repository_that_moved_is_found_by_the_address_that_it_had() {
    let repository = r#""repository":{"html_url":"https://github.com/Acme/Web","default_branch":"main"}"#;
    let body = |action: &str, changes: &str| {
        format!(r#"{{"action":"{action}","changes":{changes},{repository},"sender":{{"login":"ada"}}}}"#)
    };
    for (json, before) in [
        (body("renamed", r#"{"repository":{"name":{"from":"Old"}}}"#), Some("github.com/acme/old")),
        (body("transferred", r#"{"owner":{"from":{"user":{"login":"Ada"}}}}"#), Some("github.com/ada/web")),
        (
            body("transferred", r#"{"owner":{"from":{"organization":{"login":"B"}}}}"#),
            Some("github.com/b/web"),
        ),
        (body("renamed", r#"{"repository":{"name":{"from":"../x"}}}"#), None),
        (body("renamed", "{}"), None),
        (body("edited", r#"{"description":{"from":"x"}}"#), None),
        (body("archived", "null"), None),
    ] {
        let event = read("repository", &json).unwrap();
        let names: Vec<_> = event.repository.names.iter().map(ToString::to_string).collect();
        let now = "github.com/acme/web";
        let expected: Vec<_> = before.into_iter().chain([now]).collect();
        assert_eq!(names, expected, "{json}");
        assert_eq!(select("repository", &json).unwrap().names, event.repository.names);
        let moved = matches!(&event.kind, GitEventKind::Moved { to } if to.as_str() == now);
        assert_eq!(moved, before.is_some(), "{json}");
    }
}

fn files(paths: impl IntoIterator<Item = String>) -> ChangedFiles {
    let mut files = FileList::default();
    for path in paths {
        files.insert(&path).unwrap();
    }
    ChangedFiles::Known(files)
}

#[test]
fn the_files_of_a_push_are_known_if_all_its_commits_are_listed() {
    let json = push("refs/heads/main", 2);
    let both = ["src/cart/item_1.rs", "src/cart/item_2.rs"].map(ToOwned::to_owned);
    assert_eq!(read("push", &json).unwrap().changed_files, files(both.clone()));
    let size = |size: &str| edited(&json, &[(r#""base_ref":null"#, &format!(r#""base_ref":null,{size}"#))]);
    assert_eq!(read("push", &size(r#""size":2,"distinct_size":1"#)).unwrap().changed_files, files(both));
    let before = r#""before":"6d0e30fa5337d301203f72682e1eaafb973330c1","#;
    let zeros = format!(r#""before":"{ZERO}","#);
    for (json, why) in [
        (edited(&json, &[(r#""forced":false"#, r#""forced":true"#)]), "the push was forced"),
        (edited(&json, &[(r#""created":false"#, r#""created":true"#)]), "the branch is new"),
        (edited(&json, &[(before, &zeros)]), "the branch is new"),
        (edited(&json, &[(before, "")]), "no commit before the push"),
        (edited(&json, &[(r#""commits":"#, r#""others":"#)]), "no list of commits"),
        (edited(&json, &[(r#""commits":"#, r#""commits":7,"others":"#)]), "no list of commits"),
        (size(r#""size":40"#), "lists 2 of 40 commits"),
        (size(r#""distinct_size":3"#), "lists 2 of 3 commits"),
        (push("refs/heads/main", 2048), "the first 2048 commits only"),
        (push("refs/heads/main", 0), "lists no commits"),
    ] {
        let event = read("push", &json).unwrap();
        let ChangedFiles::Unknown(found) = &event.changed_files else { panic!("{why}: {event:?}") };
        assert!(found.contains(why), "{found}");
        assert!(matches!(event.kind, GitEventKind::Push { .. }), "it is a push all the same");
    }
    let event = read("pull_request", fixtures::PULL_REQUEST).unwrap();
    assert_eq!(event.changed_files, ChangedFiles::NOT_LISTED);
}

#[test]
fn an_annotated_tag_stands_for_its_commit() {
    let json = push("refs/tags/v1", 1);
    let object = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";
    let moved = (&*format!(r#""after":"{AFTER}""#), &*format!(r#""after":"{object}""#));
    let kind = read("push", &edited(&json, &[moved])).unwrap().kind;
    assert_eq!(kind, GitEventKind::Tag { tag: tag("v1"), commit: after() });
    // A tag of a file has no commit.
    let (start, _) = json.split_once(r#""head_commit":"#).unwrap();
    for head in ["null", r#"{"id":"x"}"#, "7"] {
        let json = edited(&format!(r#"{start}"head_commit":{head}}}"#), &[moved]);
        let commit = Commit::parse(object).unwrap().into();
        assert_eq!(read("push", &json).unwrap().kind, GitEventKind::Tag { tag: tag("v1"), commit }, "{head}");
    }
}

#[test]
fn labels_are_read_and_a_merge_is_told_from_a_refusal() {
    let labels = (r#""labels": []"#, r#""labels": [{"id": 1, "name": "ready"}, {"name": "size: m"}]"#);
    let json = edited(fixtures::PULL_REQUEST, &[labels]);
    assert_eq!(pull_request(&json).labels, Labels::new(["ready", "size: m"]));
    let json = edited(fixtures::PULL_REQUEST, &[(r#""labels": []"#, r#""labels": 7"#)]);
    assert_eq!(pull_request(&json).labels, None);
    let closed = (r#""action": "opened""#, r#""action": "closed""#);
    for (merged, expected) in [("true", "merged"), ("false", "closed"), ("null", "closed")] {
        let merged = format!(r#""merged": {merged}"#);
        let json = edited(fixtures::PULL_REQUEST, &[closed, (r#""merged": false"#, &merged)]);
        assert_eq!(pull_request(&json).action.name(), expected);
    }
}

#[test]
fn a_push_is_read() {
    let json = push("refs/heads/feature/a", 20);
    assert!((10_000..16_000).contains(&json.len()), "{} bytes are no typical push", json.len());
    let expected = GitEvent {
        repository: Repository { names: vec![web()], default_branch: Some(branch("main")) },
        sender: Some("carol".to_owned()),
        kind: GitEventKind::Push { branch: branch("feature/a"), commit: after() },
        push: Some(PushMark {
            before: Commit::parse("6d0e30fa5337d301203f72682e1eaafb973330c1").ok(),
            at: Some(1_790_000_000),
        }),
        changed_files: files((1..=20).map(|number| format!("src/cart/item_{number}.rs"))),
    };
    assert_eq!(read("push", &json), Ok(expected));
}

#[test]
fn refs_and_deletions_decide_the_kind_of_a_push() {
    let deleted = (r#""deleted":false"#, r#""deleted":true"#);
    let zeros = (AFTER, ZERO);
    let other = || GitEventKind::Other { name: "push".to_owned() };
    for (reference, edits, expected) in [
        ("refs/heads/main", vec![], GitEventKind::Push { branch: branch("main"), commit: after() }),
        ("refs/tags/v1", vec![], GitEventKind::Tag { tag: tag("v1"), commit: after() }),
        ("refs/tags/main", vec![], GitEventKind::Tag { tag: tag("main"), commit: after() }),
        ("refs/heads/main", vec![deleted, zeros], GitEventKind::BranchDeleted { branch: branch("main") }),
        ("refs/heads/main", vec![deleted], GitEventKind::BranchDeleted { branch: branch("main") }),
        ("refs/heads/main", vec![zeros], GitEventKind::BranchDeleted { branch: branch("main") }),
        ("refs/tags/v1", vec![deleted, zeros], GitEventKind::TagDeleted { tag: tag("v1") }),
        ("refs/notes/x", vec![], other()),
        ("refs/pull/7/head", vec![], other()),
    ] {
        let json = edited(&push(reference, 1), &edits);
        assert_eq!(read("push", &json).map(|event| event.kind), Ok(expected), "{reference} {edits:?}");
    }
    let head = push("refs/heads/main", 1);
    let (start, _) = head.split_once(r#""head_commit":"#).unwrap();
    let json = format!(r#"{start}"head_commit":null}}"#);
    assert!(
        matches!(read("push", &json).unwrap().kind, GitEventKind::Push { .. }),
        "head_commit is not needed"
    );
}

#[test]
fn a_pull_request_is_read() {
    let expected = PullRequest {
        number: 7,
        action: PullRequestAction::Opened,
        base: branch("main"),
        head: branch("feature/cart"),
        commit: Commit::parse("a1b2c3d4e5f60718293a4b5c6d7e8f9001122334").unwrap().into(),
        origin: Origin::SameRepository,
        labels: Labels::new([]),
    };
    let event = read("pull_request", fixtures::PULL_REQUEST).unwrap();
    assert_eq!(event.kind, GitEventKind::PullRequest(expected));
    assert_eq!(event.repository, Repository { names: vec![web()], default_branch: Some(branch("main")) });
    assert_eq!(event.sender.as_deref(), Some("dave"));
}

fn pull_request(json: &str) -> PullRequest {
    match read("pull_request", json).unwrap().kind {
        GitEventKind::PullRequest(pull_request) => pull_request,
        other => panic!("{other:?} is no pull request"),
    }
}

#[test]
fn actions_are_told_apart() {
    let base = r#"{"base": {"ref": {"from": "dev"}, "sha": {"from": "x"}}}"#;
    let title = r#"{"title": {"from": "Old"}, "body": {"from": null}}"#;
    for (action, changes, expected, changes_code) in [
        ("opened", "null", PullRequestAction::Opened, true),
        ("synchronize", "null", PullRequestAction::Synchronize, true),
        ("reopened", "null", PullRequestAction::Reopened, true),
        ("ready_for_review", "null", PullRequestAction::ReadyForReview, true),
        ("edited", base, PullRequestAction::BaseChanged, true),
        ("edited", title, PullRequestAction::Other("edited".into()), false),
        ("edited", r#"{"base": {"ref": {}}}"#, PullRequestAction::Other("edited".into()), false),
        ("edited", "null", PullRequestAction::Other("edited".into()), false),
        ("labeled", base, PullRequestAction::Other("labeled".into()), false),
        ("closed", "null", PullRequestAction::Other("closed".into()), false),
    ] {
        let new = format!(r#""action": "{action}", "changes": {changes}"#);
        let json = edited(fixtures::PULL_REQUEST, &[(r#""action": "opened""#, &new)]);
        let action = pull_request(&json).action;
        assert_eq!(action, expected, "{action} {changes}");
        assert_eq!(action.changes_code(), changes_code, "{action} {changes}");
    }
}

/// The fixture of a fork with `head.repo` and the id of the base repository changed.
fn origin(head: Option<&str>, base_id: Option<&str>) -> Origin {
    let mut json: serde_json::Value = serde_json::from_str(fixtures::PULL_REQUEST_FORK).unwrap();
    if let Some(head) = head {
        json["pull_request"]["head"]["repo"] = serde_json::from_str(head).unwrap();
    }
    if let Some(id) = base_id {
        json["repository"]["id"] = serde_json::from_str(id).unwrap();
    }
    pull_request(&json.to_string()).origin
}

#[test]
fn forks_are_told_from_branches() {
    let fork = Origin::Fork(Some(RepoId::parse("github.com/dave/web").unwrap()));
    assert_eq!(origin(None, None), fork);
    assert_eq!(origin(Some("null"), None), Origin::Fork(None), "the fork was deleted");
    assert_eq!(origin(Some("{}"), None), Origin::Fork(None), "nothing is known");

    let here = r#"{"html_url": "https://github.com/acme/web"}"#;
    assert_eq!(origin(Some(here), None), Origin::SameRepository, "no id, equal address");
    let renamed = r#"{"id": 4711, "html_url": "https://github.com/acme/shop"}"#;
    assert_eq!(origin(Some(renamed), None), Origin::SameRepository, "equal id, other address");
    let impostor = r#"{"id": 4812, "html_url": "https://github.com/acme/web"}"#;
    assert!(matches!(origin(Some(impostor), None), Origin::Fork(Some(_))), "other id, equal address");
    let elsewhere = r#"{"id": 4711, "html_url": "https://github.com/dave/web"}"#;
    assert_eq!(origin(Some(elsewhere), Some("null")), fork, "no id here, other address");
}

#[test]
fn pings_and_unknown_events_need_no_repository() {
    assert_eq!(read("ping", fixtures::PING).unwrap().kind, GitEventKind::Ping);
    assert_eq!(read("ping", fixtures::PING).unwrap().repository.names, [web()]);
    let star = read("star", fixtures::STAR).unwrap();
    assert_eq!(star.kind, GitEventKind::Other { name: "star".into() });
    assert_eq!((star.repository.names, star.sender.as_deref()), (vec![web()], Some("dave")));

    for json in [r#"{"zen":"x"}"#, r#"{"repository":null}"#, r#"{"repository":{"html_url":"nonsense"}}"#] {
        for event in ["ping", "star", "create", "organization"] {
            let selector = select(event, json).unwrap();
            assert_eq!((selector.names.len(), selector.is_ping), (0, event == "ping"), "{event} {json}");
            assert!(read(event, json).unwrap().repository.names.is_empty(), "{event} {json}");
        }
    }
}

#[test]
fn repositories_are_named_by_every_good_address() {
    let names = |fields: &str| {
        let selector = select("push", &format!(r#"{{"repository":{{{fields}}}}}"#));
        selector.map(|selector| selector.names.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let enterprise = r#""html_url":"https://ghe.acme.example:8443/acme/web","ssh_url":"git@ssh.acme.example:acme/web.git",
        "clone_url":"https://ghe.acme.example:8443/acme/web.git","url":"https://ghe.acme.example/api/v3/repos/acme/web""#;
    for (fields, expected) in [
        (
            r#""html_url":"https://github.com/acme/web","git_url":"git://github.com/acme/web.git""#,
            vec!["github.com/acme/web"],
        ),
        (enterprise, vec!["ghe.acme.example:8443/acme/web", "ssh.acme.example/acme/web"]),
        (r#""ssh_url":"git@b:o/r","html_url":"https://a/o/r""#, vec!["a/o/r", "b/o/r"]),
        (r#""html_url":"","ssh_url":"/local","clone_url":"https://a/o/r""#, vec!["a/o/r"]),
        (r#""html_url":"https:\/\/a\/o\/r""#, vec!["a/o/r"]),
        (r#""url":"https://github.com/acme/web""#, vec!["github.com/acme/web"]),
        (r#""html_url":null,"url":"https://ghe.acme.example/acme/web""#, vec!["ghe.acme.example/acme/web"]),
    ] {
        assert_eq!(names(fields), Ok(expected.into_iter().map(str::to_owned).collect()), "{fields}");
    }
    for none in [
        "",
        r#""html_url":"""#,
        r#""html_url":"nonsense""#,
        r#""url":"https://api.github.com/repos/acme/web""#,
        r#""url":"https://ghe.acme.example/api/v3/repos/acme/web""#,
        r#""url":"https://api.acme.ghe.com/repos/acme/web""#,
    ] {
        assert_eq!(names(none), Err(PayloadError::NoRepository), "{none}");
    }
}

#[test]
fn the_default_branch_is_the_one_the_payload_tells() {
    let default = |fields: &str| {
        let json = format!(r#"{{"repository":{{"html_url":"https://a/o/r"{fields}}}}}"#);
        read("star", &json).unwrap().repository.default_branch
    };
    assert_eq!(default(""), None);
    assert_eq!(default(r#","default_branch":"main","master_branch":"old""#), Some(branch("main")));
    assert_eq!(default(r#","master_branch":"old""#), Some(branch("old")));
    assert_eq!(default(r#","default_branch":"not a branch""#), None);
}

#[test]
fn senders_are_shown_only_if_they_look_like_logins() {
    let sender = |json: &str| read("star", &format!(r#"{{"sender":{json}}}"#)).unwrap().sender;
    assert_eq!(sender(r#"{"login":"dependabot[bot]"}"#).as_deref(), Some("dependabot[bot]"));
    let long = format!(r#"{{"login":"{}"}}"#, "a".repeat(101));
    for odd in [
        "null",
        "{}",
        r#"{"login":null}"#,
        r#"{"login":""}"#,
        r#"{"login":"a\nb"}"#,
        r#"{"login":"\u202eab"}"#,
        &long,
    ] {
        assert_eq!(sender(odd), None, "{odd}");
    }
}
