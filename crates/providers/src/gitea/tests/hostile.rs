//! Payloads of strangers. Nothing panics, and no message quotes the payload.

use super::*;
use crate::testing::{assert_refused, not_json, unexpected};

const HOOKS: [&str; 4] = ["push", "delete", "pull_request", "issue_comment"];

/// Both stages that read JSON, for every known event and an unknown one.
fn check_all(json: &str, expected: impl Fn(&PayloadError) -> bool) {
    assert_refused(&Gitea, &HOOKS.map(headers), json, expected);
}

#[test]
fn texts_that_are_no_json_object_are_refused() {
    for json in ["", " ", "{", "nonsense", "{'a':1}", "\u{feff}{}", "{}{}"] {
        check_all(json, not_json);
    }
    for json in ["null", "1", r#""x""#, "[]", r#"["refs/heads/main","a"]"#] {
        check_all(json, unexpected);
    }
}

#[test]
fn wrong_types_are_refused() {
    for json in [
        r#"{"repository":1}"#,
        r#"{"repository":"https://git.acme.example/acme/web"}"#,
        r#"{"repository":{"html_url":1}}"#,
        r#"{"repository":{"html_url":"\ud800"}}"#,
        r#"{"repository":{"ssh_url":{"a":1}}}"#,
    ] {
        check_all(json, unexpected);
    }
    for (event, json, old, new) in [
        ("push", fixtures::PUSH, r#""ref": "refs/heads/main""#, r#""ref": ["refs/heads/main"]"#),
        ("push", fixtures::PUSH, r#""after": "5f00"#, r#""after": 5, "x": "5f00"#),
        ("push", fixtures::PUSH, r#""sender": {"#, r#""sender": 7, "by": {"#),
        ("delete", fixtures::DELETE, r#""ref_type": "branch""#, r#""ref_type": true"#),
        ("pull_request", fixtures::PULL_REQUEST, r#""number": 7,"#, r#""number": "7","#),
        ("pull_request", fixtures::PULL_REQUEST, r#""number": 7,"#, r#""number": -7,"#),
        ("pull_request", fixtures::PULL_REQUEST, r#""number": 7,"#, r#""number": 99999999999999999999,"#),
        ("pull_request", fixtures::PULL_REQUEST, r#""repo_id": 15"#, r#""repo_id": 1.5"#),
        ("pull_request", fixtures::PULL_REQUEST, r#""repo_id": 15"#, r#""repo_id": "15""#),
        ("pull_request", fixtures::PULL_REQUEST, r#""merged": false"#, r#""merged": "no""#),
        ("pull_request", fixtures::PULL_REQUEST, r#""draft": false"#, r#""draft": 0"#),
        (
            "pull_request",
            fixtures::PULL_REQUEST,
            r#""action": "opened","#,
            r#""action": "edited", "changes": 1,"#,
        ),
        (
            "pull_request",
            fixtures::PULL_REQUEST,
            r#""action": "opened","#,
            r#""action": "edited", "changes": {"title": "WIP: a"},"#,
        ),
    ] {
        let error = read(event, &edited(json, &[(old, new)])).unwrap_err();
        assert!(unexpected(&error), "{new}: {error:?}");
    }
}

#[test]
fn fields_that_occur_twice_are_refused() {
    for json in [
        r#"{"repository":{"html_url":"https://a/o/r","html_url":"https://b/o/r"}}"#,
        r#"{"repository":{"html_url":"https://a/o/r","html\u005furl":"https://b/o/r"}}"#,
        r#"{"repository":{"html_url":"https://a/o/r"},"repository":{"html_url":"https://b/o/r"}}"#,
    ] {
        check_all(json, unexpected);
    }
    for (event, json, twice) in [
        ("push", fixtures::PUSH, r#""ref": "refs/heads/dev""#),
        ("push", fixtures::PUSH, r#""before": null"#),
        ("push", fixtures::PUSH, r#""after": "1111111111111111111111111111111111111111""#),
        ("push", fixtures::PUSH, r#""total_commits": 2"#),
        ("delete", fixtures::DELETE, r#""ref_type": "tag""#),
        ("pull_request", fixtures::PULL_REQUEST, r#""action": "closed""#),
        ("pull_request", fixtures::PULL_REQUEST, r#""pull_request": null"#),
    ] {
        let json = json.replacen('{', &format!("{{{twice},"), 1);
        assert!(read(event, &json).is_err_and(|error| unexpected(&error)), "{twice}");
    }
    for twice in [r#""head": null,"#, r#""draft": true,"#, r#""title": "WIP: a","#] {
        let json =
            edited(fixtures::PULL_REQUEST, &[(r#""labels": [],"#, &format!(r#""labels": [], {twice}"#))]);
        assert!(read("pull_request", &json).is_err_and(|error| unexpected(&error)), "{twice}");
    }
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    check_all(&deep, unexpected);
    check_all(&format!(r#"{{"repository":{deep}}}"#), unexpected);
    check_all(&format!(r#"{{"repository":{{"html_url":{deep}}}}}"#), unexpected);
    check_all(&r#"{"repository":"#.repeat(10_000), |error| not_json(error) || unexpected(error));
    // Fields that are not read, or may hold anything, are skipped without recursion.
    for field in ["review", "before", "commits", "total_commits", "head_commit"] {
        let json: serde_json::Value = serde_json::from_str(fixtures::PUSH).unwrap();
        let mut json = json.as_object().unwrap().clone();
        json.remove(field);
        let json = serde_json::to_string(&json).unwrap();
        let json = json.replacen('{', &format!(r#"{{"{field}":{deep},"#), 1);
        assert!(matches!(kind("push", &json), GitEventKind::Push { .. }), "{field}");
    }
    let base = format!(r#""action": "edited", "changes": {{"ref": {deep}}},"#);
    let json = edited(fixtures::PULL_REQUEST, &[(r#""action": "opened","#, &base)]);
    assert!(read("pull_request", &json).is_ok());
}

#[test]
fn sizes_are_bounded() {
    let long = "a".repeat(10_000_000);
    let only = format!(r#"{{"repository":{{"html_url":"https://a/{long}"}}}}"#);
    for event in ["push", "delete", "pull_request"] {
        assert_eq!(select(event, &only), Err(PayloadError::NoRepository));
    }
    let reference = edited(fixtures::PUSH, &[("refs/heads/main", &format!("refs/heads/{long}"))]);
    assert_eq!(read("push", &reference), Err(PayloadError::Field("ref")));
    let action = edited(fixtures::PULL_REQUEST, &[(r#""opened""#, &format!(r#""{long}""#))]);
    assert_eq!(read("pull_request", &action), Err(PayloadError::Field("action")));
    let title = edited(fixtures::PULL_REQUEST, &[("Let the cart remember", &long)]);
    assert!(matches!(kind("pull_request", &title), GitEventKind::PullRequest(_)));
    let name = "a".repeat(65);
    let named = Gitea.payload(&headers(&name), b"{}").map(|payload| payload.event.len());
    assert_eq!(named, Err(PayloadError::MalformedHeader("x-gitea-event")));
}

#[test]
fn fields_that_are_missing_or_malformed_are_named() {
    let (push, delete, pull_request) = (fixtures::PUSH, fixtures::DELETE, fixtures::PULL_REQUEST);
    let after = r#""after": "5f00cfffe0307177686c0bec53a2f218fc96c9c7""#;
    let sha = r#""sha": "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334""#;
    for (event, json, field, (old, new)) in [
        ("push", push, "ref", (r#""ref":"#, r#""reference":"#)),
        ("push", push, "ref", ("refs/heads/main", "")),
        ("push", push, "ref", ("refs/heads/main", "refs/heads/a b")),
        ("push", push, "ref", ("refs/heads/main", "refs/heads/a..b")),
        ("push", push, "ref", ("refs/heads/main", "refs/heads/")),
        ("push", push, "ref", ("refs/heads/main", "refs/tags/v1.lock")),
        ("push", push, "ref", ("refs/heads/main", r"refs/heads/a\u0000b")),
        ("push", push, "ref", ("refs/heads/main", r"refs/heads/a\nb")),
        ("push", push, "after", (after, r#""x": 1"#)),
        ("push", push, "after", (after, r#""after": null"#)),
        ("push", push, "after", (after, r#""after": "abc""#)),
        ("push", push, "after", (after, r#""after": "--upload-pack=x""#)),
        ("delete", delete, "ref_type", (r#""ref_type":"#, r#""type":"#)),
        ("delete", delete, "ref", (r#""ref":"#, r#""reference":"#)),
        ("delete", delete, "ref", ("feature/cart", "feature cart")),
        ("delete", delete, "ref", ("feature/cart", "@{-1}")),
        ("pull_request", pull_request, "action", (r#""action":"#, r#""x":"#)),
        ("pull_request", pull_request, "action", (r#""opened""#, r#""""#)),
        ("pull_request", pull_request, "action", (r#""opened""#, r#""a\nb""#)),
        ("pull_request", pull_request, "pull_request", (r#""pull_request":"#, r#""pull":"#)),
        ("pull_request", pull_request, "pull_request.number", (r#""number": 7,"#, r#""no": 7,"#)),
        ("pull_request", pull_request, "pull_request.head", (r#""head":"#, r#""from":"#)),
        ("pull_request", pull_request, "pull_request.base", (r#""base":"#, r#""onto":"#)),
        ("pull_request", pull_request, "pull_request.base.ref", (r#""ref": "main""#, r#""ref": "a b""#)),
        (
            "pull_request",
            pull_request,
            "pull_request.head.ref",
            (r#""ref": "feature/cart""#, r#""ref": "-^""#),
        ),
        ("pull_request", pull_request, "pull_request.head.sha", (sha, r#""sha": "HEAD""#)),
        ("pull_request", pull_request, "pull_request.head.sha", (sha, r#""sha": "a1b2c3d4e5f6""#)),
        ("pull_request", pull_request, "pull_request.head.sha", (sha, r#""commit": "x""#)),
    ] {
        assert_eq!(read(event, &edited(json, &[(old, new)])), Err(PayloadError::Field(field)), "{new}");
    }
    for (event, json) in
        [("push", push), ("push", fixtures::TAG), ("delete", delete), ("pull_request", pull_request)]
    {
        let elsewhere = edited(json, &[(r#""repository":"#, r#""elsewhere":"#)]);
        assert_eq!(read(event, &elsewhere), Err(PayloadError::NoRepository), "{event}");
        assert_eq!(select(event, &elsewhere), Err(PayloadError::NoRepository), "{event}");
    }
}

#[test]
fn messages_do_not_quote_the_payload() {
    for json in [
        r#"{"repository":"s3cr3t"}"#,
        r#"{"repository":{"html_url":"https://u:s3cr3t@/"}}"#,
        r#"{"s3cr3t":1,"repository":{"s3cr3t":1}}"#,
        "s3cr3t",
    ] {
        let error = select("push", json).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    }
}
