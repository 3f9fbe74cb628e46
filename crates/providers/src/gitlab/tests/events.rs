use trigger_core::{ChangedFiles, FileList, GitEventKind, Repository, Tag};

use super::*;

const ZERO: &str = "0000000000000000000000000000000000000000";
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

#[test]
fn the_files_of_a_push_are_known_if_all_its_commits_are_listed() {
    let before = r#""before": "6d0e30fa5337d301203f72682e1eaafb973330c1","#;
    let zeros = format!(r#""before": "{ZERO}","#);
    for (edit, why) in [
        ((r#""total_commits_count": 1"#, r#""total_commits_count": 45"#), "lists 1 of 45 commits"),
        ((r#""total_commits_count": 1"#, r#""total_commits_count": null"#), "no list of commits"),
        ((r#""total_commits_count": 1,"#, ""), "no list of commits"),
        ((r#""commits": ["#, r#""others": ["#), "no list of commits"),
        ((before, &*zeros), "the branch is new"),
        ((before, ""), "no commit before the push"),
        ((r#""removed": []"#, r#""gone": []"#), "lists no files"),
    ] {
        let event = read("Push Hook", &edited(fixtures::PUSH, &[edit])).unwrap();
        let ChangedFiles::Unknown(found) = &event.changed_files else { panic!("{why}: {event:?}") };
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn a_push_is_read() {
    let expected = GitEvent {
        repository: Repository { names: vec![web()], default_branch: Some(branch("main")) },
        sender: Some("carol".to_owned()),
        kind: GitEventKind::Push { branch: branch("main"), commit: commit(AFTER) },
        push: Some(trigger_core::PushMark {
            before: trigger_core::Commit::parse("6d0e30fa5337d301203f72682e1eaafb973330c1").ok(),
            at: None,
        }),
        changed_files: files(&["src/cart.rs"]),
    };
    assert_eq!(read("Push Hook", fixtures::PUSH), Ok(expected.clone()));
    assert_eq!(read("System Hook", fixtures::PUSH), Ok(expected));
    assert_eq!(select("Push Hook", fixtures::PUSH), Ok(Selector { names: vec![web()], is_ping: false }));
}

#[test]
fn refs_and_zeros_decide_the_kind_of_a_push() {
    let zero = format!(r#""after": "{ZERO}""#);
    let after = format!(r#""after": "{AFTER}""#);
    let no_checkout = format!(r#""checkout_sha": "{AFTER}""#);
    let deleted = [(after.as_str(), zero.as_str()), (&no_checkout, r#""checkout_sha": null"#)];
    let reference = |name| (r#""refs/heads/main""#, name);
    for (edits, expected) in [
        (
            vec![reference(r#""refs/heads/a/b""#)],
            GitEventKind::Push { branch: branch("a/b"), commit: commit(AFTER) },
        ),
        (deleted.to_vec(), GitEventKind::BranchDeleted { branch: branch("main") }),
        (
            vec![(&no_checkout, r#""x": 1"#)],
            GitEventKind::Push { branch: branch("main"), commit: commit(AFTER) },
        ),
        (vec![reference(r#""refs/notes/x""#)], GitEventKind::Other { name: "Push Hook".to_owned() }),
        (
            vec![reference(r#""refs/merge-requests/7/head""#)],
            GitEventKind::Other { name: "Push Hook".to_owned() },
        ),
    ] {
        let json = edited(fixtures::PUSH, &edits);
        assert_eq!(read("Push Hook", &json).map(|event| event.kind), Ok(expected), "{edits:?}");
    }
}

#[test]
fn a_tag_names_the_commit_and_not_the_tag_object() {
    let checkout = format!(r#""checkout_sha": "{AFTER}""#);
    for (edits, expected) in [
        (vec![], GitEventKind::Tag { tag: tag("v1.0.0"), commit: commit(AFTER) }),
        (vec![(TAG_OBJECT, AFTER)], GitEventKind::Tag { tag: tag("v1.0.0"), commit: commit(AFTER) }),
        (
            vec![(checkout.as_str(), r#""checkout_sha": null"#)],
            GitEventKind::Tag { tag: tag("v1.0.0"), commit: commit(TAG_OBJECT) },
        ),
        (
            vec![(&checkout, r#""checkout_sha": null"#), (TAG_OBJECT, ZERO)],
            GitEventKind::TagDeleted { tag: tag("v1.0.0") },
        ),
    ] {
        for header in ["Tag Push Hook", "System Hook"] {
            let json = edited(fixtures::TAG, &edits);
            assert_eq!(
                read(header, &json).map(|event| event.kind),
                Ok(expected.clone()),
                "{header} {edits:?}"
            );
        }
    }
}

#[test]
fn other_events_are_kept_and_start_nothing() {
    let pipeline = r#"{"object_kind":"pipeline","object_attributes":{"source":"push"},"project":{"web_url":"https://gl.acme.example/acme/apps/web"}}"#;
    let member = r#"{"event_name":"user_add_to_group","group_name":"acme","user_username":"dave"}"#;
    let key = r#"{"event_name":"key_create","username":"dave","key":"ssh-ed25519 AAAA"}"#;
    let odd = r#"{"event_name":"a b","object_kind":"c d"}"#;
    for (header, json, name, names) in [
        ("Note Hook", fixtures::NOTE, "Note Hook", 1),
        ("Confidential Note Hook", fixtures::NOTE, "Confidential Note Hook", 1),
        ("Pipeline Hook", pipeline, "Pipeline Hook", 1),
        ("Release Hook", r#"{"object_kind":"release","tag":"v1"}"#, "Release Hook", 0),
        ("Member Hook", member, "Member Hook", 0),
        ("System Hook", fixtures::PROJECT_RENAME, "project_rename", 0),
        ("System Hook", key, "key_create", 0),
        ("System Hook", pipeline, "pipeline", 1),
        ("System Hook", odd, "System Hook", 0),
        // The sample of a tag that older versions send.
        ("Tag Push Hook", fixtures::PUSH, "Tag Push Hook", 1),
    ] {
        let event = read(header, json).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert_eq!(event.kind, GitEventKind::Other { name: name.to_owned() }, "{header}");
        assert_eq!(event.repository.names.len(), names, "{header}");
        let selector = select(header, json).unwrap();
        assert_eq!((selector.names, selector.is_ping), (event.repository.names, false), "{header}");
    }
    assert_eq!(read("Note Hook", fixtures::NOTE).unwrap().sender.as_deref(), Some("dave"));
}

#[test]
fn a_project_that_moved_is_found_by_the_address_that_it_had() {
    let transferred = edited(
        fixtures::PROJECT_RENAME,
        &[("project_rename", "project_transfer"), ("acme/apps/shop", "Other/shop")],
    );
    let other = edited(fixtures::PROJECT_RENAME, &[("project_rename", "project_update")]);
    let odd = edited(fixtures::PROJECT_RENAME, &[("acme/apps/web", "../web")]);
    let server = "https://gl.acme.example";
    let web = "gl.acme.example/acme/apps/web";
    for (header, server, json, expected) in [
        ("System Hook", server, fixtures::PROJECT_RENAME, Some((web, "gl.acme.example/acme/apps/shop"))),
        ("System Hook", "https://gl.acme.example/", &transferred, Some((web, "gl.acme.example/other/shop"))),
        (
            "System Hook",
            "http://acme.example:8080/git",
            &transferred,
            Some(("acme.example:8080/git/acme/apps/web", "acme.example:8080/git/other/shop")),
        ),
        ("System Hook", "", fixtures::PROJECT_RENAME, None),
        ("System Hook", "https://a@b.example", fixtures::PROJECT_RENAME, None),
        ("System Hook", server, &odd, None),
        ("System Hook", server, &other, None),
        ("Project Hook", server, fixtures::PROJECT_RENAME, None),
    ] {
        let mut headers = headers(header);
        headers.insert("x-gitlab-instance", server.parse().unwrap());
        let event = testing::read(&GitLab, &headers, json).unwrap();
        let names: Vec<_> = event.repository.names.iter().map(RepoId::as_str).collect();
        let kept = GitLab.keep(&headers);
        assert!(kept.iter().any(|(name, _)| name == "x-gitlab-instance"), "the dispatcher reads it again");
        match expected {
            Some((before, now)) => {
                assert_eq!(names, [before, now], "{server} {json}");
                assert!(matches!(&event.kind, GitEventKind::Moved { to } if to.as_str() == now), "{event:?}");
            }
            None => assert!(names.is_empty() && event.kind.name() != "RepositoryMoved", "{event:?}"),
        }
        assert_eq!(testing::select(&GitLab, &headers, json).unwrap().names, event.repository.names);
    }
}

#[test]
fn header_and_body_name_the_same_event() {
    for (header, json) in [
        ("Push Hook", fixtures::TAG),
        ("Push Hook", fixtures::MERGE_REQUEST),
        ("Push Hook", fixtures::NOTE),
        ("Tag Push Hook", fixtures::MERGE_REQUEST),
        ("Merge Request Hook", fixtures::PUSH),
        ("Merge Request Hook", fixtures::NOTE),
        ("Note Hook", fixtures::PUSH),
        ("Pipeline Hook", fixtures::MERGE_REQUEST),
        ("push", fixtures::PUSH),
    ] {
        assert_eq!(read(header, json), Err(PayloadError::Field("object_kind")), "{header}");
        assert_eq!(select(header, json), Err(PayloadError::Field("object_kind")), "{header}");
    }
    let tag = edited(fixtures::TAG, &[("refs/tags/v1.0.0", "refs/heads/v1")]);
    assert_eq!(read("Tag Push Hook", &tag), Err(PayloadError::Field("ref")));
    let push = edited(fixtures::PUSH, &[("refs/heads/main", "refs/tags/v1")]);
    assert_eq!(read("Push Hook", &push), Err(PayloadError::Field("ref")));
}

#[test]
fn a_body_without_a_kind_is_the_work_of_a_template() {
    for header in ["Push Hook", "Tag Push Hook", "Merge Request Hook", "Note Hook", "System Hook"] {
        for json in ["{}", r#"{"text":"a push"}"#, r#"{"object_kind":null}"#] {
            let expected = Err(PayloadError::NoKind("object_kind"));
            assert_eq!(read(header, json).map(drop), expected, "{header} {json}");
            assert_eq!(select(header, json).map(drop), expected, "{header} {json}");
        }
    }
}

#[test]
fn projects_are_named_by_every_good_address() {
    let names = |fields: &str| {
        let json = format!(r#"{{"object_kind":"push","project":{{{fields}}}}}"#);
        let selector = select("Push Hook", &json);
        selector.map(|selector| selector.names.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    for (fields, expected) in [
        (
            r#""web_url":"https://GitLab.com/Acme/Apps/Web","git_ssh_url":"git@gitlab.com:Acme/Apps/Web.git""#,
            vec!["gitlab.com/acme/apps/web"],
        ),
        (r#""git_ssh_url":"ssh://git@altssh.gitlab.com:443/acme/web.git""#, vec!["gitlab.com/acme/web"]),
        (
            r#""web_url":"https://gl.acme.example:8443/Acme/Web","git_ssh_url":"ssh://git@ssh.acme.example:2222/Acme/Web.git""#,
            vec!["gl.acme.example:8443/acme/web", "ssh.acme.example/acme/web"],
        ),
        (r#""web_url":"","git_ssh_url":"/local","git_http_url":"https://a/o/r.git""#, vec!["a/o/r"]),
    ] {
        assert_eq!(names(fields), Ok(expected.into_iter().map(str::to_owned).collect()), "{fields}");
    }
    for none in ["", r#""web_url":"nonsense""#, r#""web_url":null,"path_with_namespace":"acme/web""#] {
        assert_eq!(names(none), Err(PayloadError::NoRepository), "{none}");
    }
}

#[test]
fn senders_are_shown_only_if_they_look_like_logins() {
    for (json, expected) in [
        (r#""project_15_bot_a1b2""#, Some("project_15_bot_a1b2")),
        (r#""Carol Smith""#, None),
        (r#""\u202eab""#, None),
        (r#""""#, None),
        ("null", None),
    ] {
        let edited = edited(
            fixtures::PUSH,
            &[(r#""user_username": "carol""#, &format!(r#""user_username": {json}"#))],
        );
        assert_eq!(read("Push Hook", &edited).unwrap().sender.as_deref(), expected, "{json}");
    }
}
