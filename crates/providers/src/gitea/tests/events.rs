use trigger_core::{ChangedFiles, Commit, FileList, PushMark, Repository, Tag};

use super::*;

const BEFORE: &str = "6d0e30fa5337d301203f72682e1eaafb973330c1";
const AFTER: &str = "5f00cfffe0307177686c0bec53a2f218fc96c9c7";
const TAG_OBJECT: &str = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";

fn tag(name: &str) -> Tag {
    Tag::parse(name).unwrap()
}

fn files(paths: &[&str]) -> ChangedFiles {
    let mut files = FileList::default();
    for path in paths {
        files.insert(path).unwrap();
    }
    ChangedFiles::Known(files)
}

/// A fixture with a field set to a value.
fn with_field(json: &str, field: &str, value: serde_json::Value) -> String {
    let mut json: serde_json::Value = serde_json::from_str(json).unwrap();
    json[field] = value;
    json.to_string()
}

#[test]
fn a_push_is_read() {
    let expected = GitEvent {
        repository: Repository { names: vec![web()], default_branch: Some(branch("main")) },
        sender: Some("carol".to_owned()),
        kind: GitEventKind::Push { branch: branch("main"), commit: commit(AFTER) },
        push: Some(PushMark { before: Commit::parse(BEFORE).ok(), at: None }),
        changed_files: files(&["art/w\u{e4}gen.svg", "src/cart.rs", "src/list.rs"]),
    };
    assert_eq!(read("push", fixtures::PUSH), Ok(expected));
    assert_eq!(select("push", fixtures::PUSH), Ok(Selector { names: vec![web()], is_ping: false }));
}

#[test]
fn the_files_of_a_push_are_known_if_all_its_commits_are_listed() {
    let before = format!(r#""before": "{BEFORE}","#);
    let zeros = format!(r#""before": "{ZERO}","#);
    let total = r#""total_commits": 2"#;
    let head = format!(r#""id": "{AFTER}","#);
    for (edit, why) in [
        ((total, r#""total_commits": 60"#), "lists 2 of 60 commits"),
        ((total, r#""total_commits": 1"#), "lists 2 of 1 commits"),
        ((total, r#""total_commits": -2"#), "no list of commits"),
        ((total, r#""total_commits": "2""#), "no list of commits"),
        ((total, r#""total": 2"#), "no list of commits"),
        ((r#""commits": ["#, r#""others": ["#), "no list of commits"),
        ((r#""removed": []"#, r#""removed": null"#), "no list of commits"),
        ((r#""removed": []"#, r#""gone": []"#), "lists no files"),
        ((&*before, &*zeros), "the branch is new"),
        ((&*before, ""), "no commit before the push"),
        ((&*before, r#""before": 7,"#), "no commit before the push"),
        ((&*head, r#""id": "1111111111111111111111111111111111111111","#), "does not list the last commit"),
    ] {
        let event = read("push", &edited(fixtures::PUSH, &[edit])).unwrap();
        let ChangedFiles::Unknown(found) = &event.changed_files else { panic!("{why}: {event:?}") };
        assert!(found.contains(why), "{found}");
        assert!(matches!(event.kind, GitEventKind::Push { .. }), "it is a push all the same");
    }
    let none = with_field(fixtures::PUSH, "commits", serde_json::json!([]));
    let none = with_field(&none, "total_commits", 0.into());
    let ChangedFiles::Unknown(found) = read("push", &none).unwrap().changed_files else { panic!("{none}") };
    assert!(found.contains("lists no commits"), "{found}");
}

#[test]
fn refs_and_zeros_decide_the_kind_of_a_push() {
    let push = |reference: &str, before: &str, after: &str| {
        let json = with_field(fixtures::PUSH, "ref", reference.into());
        let json = with_field(&json, "before", before.into());
        kind("push", &with_field(&json, "after", after.into()))
    };
    let pushed = |name: &str| GitEventKind::Push { branch: branch(name), commit: commit(AFTER) };
    let tagged = |name: &str| GitEventKind::Tag { tag: tag(name), commit: commit(AFTER) };
    for (reference, before, after, expected) in [
        ("refs/heads/main", BEFORE, AFTER, pushed("main")),
        ("refs/heads/feature/cart", ZERO, AFTER, pushed("feature/cart")),
        ("refs/heads/refs/tags/v1", ZERO, AFTER, pushed("refs/tags/v1")),
        ("refs/tags/v1", ZERO, AFTER, tagged("v1")),
        ("refs/tags/main", BEFORE, AFTER, tagged("main")),
        ("refs/tags/v1", BEFORE, ZERO, GitEventKind::TagDeleted { tag: tag("v1") }),
        ("refs/heads/main", BEFORE, ZERO, GitEventKind::BranchDeleted { branch: branch("main") }),
        ("refs/notes/x", BEFORE, AFTER, other("push")),
        ("refs/for/main", BEFORE, AFTER, other("push")),
        ("main", BEFORE, AFTER, other("push")),
    ] {
        assert_eq!(push(reference, before, after), expected, "{reference} {before} {after}");
    }
}

#[test]
fn an_annotated_tag_stands_for_its_commit() {
    let expected = GitEventKind::Tag { tag: tag("v1.0.0"), commit: commit(AFTER) };
    assert_eq!(kind("push", fixtures::TAG), expected);
    assert_eq!(read("push", fixtures::TAG).unwrap().changed_files, ChangedFiles::NOT_LISTED);
    // A tag of a file has no commit.
    for head in [serde_json::Value::Null, serde_json::json!({"id": "x"}), 7.into()] {
        let expected = GitEventKind::Tag { tag: tag("v1.0.0"), commit: commit(TAG_OBJECT) };
        assert_eq!(kind("push", &with_field(fixtures::TAG, "head_commit", head)), expected);
    }
}

#[test]
fn a_test_of_the_hook_builds_nothing_whatever_its_ref() {
    let test = with_field(fixtures::PUSH, "before", AFTER.into());
    for reference in ["refs/heads/main", "refs/tags/v1", "v1.1.0", "main", "a b"] {
        let json = with_field(&test, "ref", reference.into());
        let event = read("push", &json).unwrap();
        assert_eq!((event.kind, event.push), (other("push_test"), None), "{reference}");
        assert_eq!(event.repository.names, [web()]);
    }
    let without = edited(fixtures::PUSH, &[("\"ref\":", "\"reference\":"), (BEFORE, &AFTER.to_uppercase())]);
    assert_eq!(kind("push", &without), other("push_test"));
    let nowhere = edited(&test, &[("\"repository\":", "\"elsewhere\":")]);
    assert_eq!(read("push", &nowhere), Err(PayloadError::NoRepository));
}

#[test]
fn a_deletion_counts_once() {
    let deleted = GitEventKind::BranchDeleted { branch: branch("feature/cart") };
    let event = read("delete", fixtures::DELETE).unwrap();
    assert_eq!((event.kind, event.push), (deleted, None));
    assert_eq!((event.repository.names, event.sender.as_deref()), (vec![web()], Some("carol")));
    // A push of the tag to no commit arrives beside it.
    for (ref_type, name) in [("tag", "v1"), ("tag", "a b"), ("", "v1"), ("Branch", "v1")] {
        let json = with_field(fixtures::DELETE, "ref_type", ref_type.into());
        assert_eq!(kind("delete", &with_field(&json, "ref", name.into())), other("delete"), "{ref_type}");
    }
    let push = with_field(&with_field(fixtures::TAG, "after", ZERO.into()), "before", TAG_OBJECT.into());
    let push = with_field(&push, "head_commit", serde_json::Value::Null);
    assert_eq!(kind("push", &push), GitEventKind::TagDeleted { tag: tag("v1.0.0") });
}

#[test]
fn other_events_are_kept_and_start_nothing() {
    let created = with_field(fixtures::DELETE, "sha", AFTER.into());
    let review = with_field(fixtures::PULL_REQUEST, "action", "reviewed".into());
    for (event, json, names) in [
        ("create", &*created, 1),
        ("issue_comment", fixtures::ISSUE_COMMENT, 1),
        ("pull_request_comment", &review, 1),
        ("pull_request_approved", &review, 1),
        ("release", r#"{"action":"published","release":{"tag_name":"v1"}}"#, 0),
        ("fork", r#"{"forkee":{"html_url":"https://a/o/r"}}"#, 0),
        ("repository", r#"{"action":"created","repository":null}"#, 0),
        ("workflow_run", r#"{"repository":{"html_url":"nonsense"}}"#, 0),
    ] {
        let read = read(event, json).unwrap_or_else(|error| panic!("{event}: {error}"));
        assert_eq!(read.kind, other(event), "{event}");
        assert_eq!(read.repository.names.len(), names, "{event}");
        let selector = select(event, json).unwrap();
        assert_eq!((selector.names, selector.is_ping), (read.repository.names, false), "{event}");
    }
}

#[test]
fn an_event_under_the_name_of_another_is_refused() {
    for (event, json, field) in [
        ("push", fixtures::DELETE, "after"),
        ("push", fixtures::PULL_REQUEST, "after"),
        ("push", fixtures::ISSUE_COMMENT, "after"),
        ("delete", fixtures::PUSH, "ref_type"),
        ("delete", fixtures::PULL_REQUEST, "ref_type"),
        ("pull_request", fixtures::PUSH, "pull_request"),
        ("pull_request", fixtures::TAG, "pull_request"),
        ("pull_request", fixtures::DELETE, "pull_request"),
        ("pull_request", fixtures::ISSUE_COMMENT, "pull_request"),
    ] {
        assert_eq!(read(event, json), Err(PayloadError::Field(field)), "{event}");
    }
}

#[test]
fn repositories_are_named_by_every_good_address() {
    let names = |fields: &str| {
        let selector = select("push", &format!(r#"{{"repository":{{{fields}}}}}"#));
        selector.map(|selector| selector.names.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    for (fields, expected) in [
        (
            r#""html_url":"https://Codeberg.org/Acme/Web","clone_url":"https://codeberg.org/acme/web.git","ssh_url":"ssh://git@codeberg.org/Acme/Web.git""#,
            vec!["codeberg.org/acme/web"],
        ),
        (
            r#""html_url":"http://git.acme.example:3000/acme/web","clone_url":"http://git.acme.example:3000/acme/web.git","ssh_url":"ssh://git@git.acme.example:2222/acme/web.git""#,
            vec!["git.acme.example:3000/acme/web", "git.acme.example/acme/web"],
        ),
        // A server below a path, whose SSH server knows nothing of it.
        (
            r#""html_url":"https://acme.example/git/Acme/Web","clone_url":"https://acme.example/git/Acme/Web.git","ssh_url":"git@acme.example:Acme/Web.git""#,
            vec!["acme.example/git/acme/web", "acme.example/acme/web"],
        ),
        (
            r#""html_url":"https://git.acme.example/acme/web","ssh_url":"forgejo@ssh.acme.example:acme/web.git""#,
            vec!["git.acme.example/acme/web", "ssh.acme.example/acme/web"],
        ),
        (r#""html_url":"http://[::1]:3000/acme/web.git/""#, vec!["[::1]:3000/acme/web"]),
        (r#""html_url":"","ssh_url":"/local","clone_url":"https://a/o/r.git""#, vec!["a/o/r"]),
        (r#""ssh_url":"git@a:o/r","url":"https://a/api/v1/repos/o/r""#, vec!["a/o/r"]),
    ] {
        assert_eq!(names(fields), Ok(expected.into_iter().map(str::to_owned).collect()), "{fields}");
    }
    for none in [
        "",
        r#""html_url":null,"full_name":"acme/web""#,
        r#""html_url":"nonsense""#,
        r#""url":"https://git.acme.example/api/v1/repos/acme/web""#,
    ] {
        assert_eq!(names(none), Err(PayloadError::NoRepository), "{none}");
    }
}

#[test]
fn default_branches_and_senders_are_read_if_they_can_be() {
    for (edit, branch_name, login) in [
        (("main\"", "main\""), Some("main"), Some("carol")),
        (("\"default_branch\": \"main\"", "\"default_branch\": \"a b\""), None, Some("carol")),
        (("\"default_branch\": \"main\"", "\"default_branch\": \"\""), None, Some("carol")),
        (("\"login\": \"carol\"", "\"login\": \"Carol Smith\""), Some("main"), None),
        (("\"login\": \"carol\"", "\"login\": \"\\u202eab\""), Some("main"), None),
        (("\"sender\":", "\"by\":"), Some("main"), None),
    ] {
        let event = read("delete", &edited(fixtures::DELETE, &[edit])).unwrap();
        assert_eq!(event.repository.default_branch, branch_name.map(branch), "{edit:?}");
        assert_eq!(event.sender.as_deref(), login, "{edit:?}");
    }
}
