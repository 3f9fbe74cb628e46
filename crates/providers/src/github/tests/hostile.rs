//! Payloads of strangers. Nothing panics, and no message quotes the payload.

use super::*;
use crate::testing::{assert_refused, not_json, unexpected};
use fixtures::push::push;

const HOOKS: [&str; 4] = ["push", "pull_request", "ping", "star"];

/// Both stages that read JSON, for every known event and an unknown one.
fn check_all(json: &str, expected: impl Fn(&PayloadError) -> bool) {
    assert_refused(&GitHub, &HOOKS.map(headers), json, expected);
}

#[test]
fn what_is_not_json_is_refused() {
    for json in ["", " ", "{", "nonsense", "{'a':1}", "\u{feff}{}"] {
        check_all(json, not_json);
    }
    check_all("{}{}", |error| not_json(error) || unexpected(error));
    assert!(select("star", "{}{}").is_err_and(|error| not_json(&error)), "two documents are none");
}

#[test]
fn what_is_not_an_object_is_refused() {
    for json in
        ["null", "1", r#""x""#, "[]", r#"[{"html_url":"https://a/o/r"}]"#, "[null,null,null,null,null]"]
    {
        check_all(json, unexpected);
    }
}

#[test]
fn wrong_types_are_refused() {
    for json in [
        r#"{"repository":1}"#,
        r#"{"repository":"https://github.com/acme/web"}"#,
        r#"{"repository":[]}"#,
        r#"{"repository":{"html_url":1}}"#,
        r#"{"repository":{"html_url":"\ud800"}}"#,
        r#"{"repository":{"html_url":{"a":1}}}"#,
        r#"{"repository":{"id":"4711"}}"#,
        r#"{"repository":{"id":-1}}"#,
        r#"{"repository":{"id":1.5}}"#,
        r#"{"repository":{"id":18446744073709551616}}"#,
    ] {
        check_all(json, unexpected);
    }
    check_all(r#"{"repository":{"id":1e999}}"#, not_json);
}

#[test]
fn fields_that_occur_twice_are_refused() {
    for json in [
        r#"{"repository":{"html_url":"https://a/o/r","html_url":"https://b/o/r"}}"#,
        r#"{"repository":{"html_url":"https://a/o/r"},"repository":{"html_url":"https://b/o/r"}}"#,
        r#"{"repository":{"html_url":"https://a/o/r","html\u005furl":"https://b/o/r"}}"#,
    ] {
        check_all(json, unexpected);
    }
    let json = edited(&push("refs/heads/main", 1), &[(r#""before""#, r#""ref":"refs/heads/dev","before""#)]);
    assert!(read("push", &json).is_err_and(|error| unexpected(&error)));
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    check_all(&deep, unexpected);
    check_all(&format!(r#"{{"repository":{deep}}}"#), unexpected);
    check_all(&format!(r#"{{"repository":{{"html_url":{deep}}}}}"#), unexpected);
    check_all(&"[".repeat(10_000), |error| not_json(error) || unexpected(error));
    check_all(&r#"{"repository":"#.repeat(10_000), |error| not_json(error) || unexpected(error));
    // Fields that are not read are skipped without recursion: their depth is no reason to refuse a delivery.
    let skipped = format!(r#"{{"client_payload":{deep}}}"#);
    assert!(read("repository_dispatch", &skipped).is_ok());
    check_all(&format!(r#"{{"client_payload":{}"#, "[".repeat(10_000)), not_json);
}

#[test]
fn sizes_are_bounded() {
    let url = format!("https://github.com/{}", "a".repeat(10_000_000));
    let only = format!(r#"{{"repository":{{"html_url":"{url}"}}}}"#);
    assert_eq!(select("push", &only), Err(PayloadError::NoRepository));
    let beside = format!(r#"{{"repository":{{"html_url":"{url}","ssh_url":"git@github.com:acme/web"}}}}"#);
    assert_eq!(select("push", &beside).map(|selector| selector.names), Ok(vec![web()]));

    let long = "a".repeat(10_000_000);
    let push = push("refs/heads/main", 1);
    let reference = edited(&push, &[("refs/heads/main", &format!("refs/heads/{long}"))]);
    assert_eq!(read("push", &reference), Err(PayloadError::Field("ref")));
    let action = edited(fixtures::PULL_REQUEST, &[(r#""opened""#, &format!(r#""{long}""#))]);
    assert_eq!(read("pull_request", &action), Err(PayloadError::Field("action")));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let headers = headers("push");
    assert_eq!(GitHub.payload(&headers, b"{\"zen\":\"\xff\"}").err(), Some(PayloadError::NotText));
    assert_eq!(
        GitHub.payload(&headers, b"\xed\xa0\x80").err(),
        Some(PayloadError::NotText),
        "a lone surrogate"
    );
}

#[test]
fn a_push_or_pull_request_without_repository_is_refused() {
    for edit in
        [("\"repository\":", "\"elsewhere\":"), ("https://github.com/acme/web", "web"), ("github.com", "")]
    {
        let mut json = edited(&push("refs/heads/main", 1), &[edit]);
        json = json.replace("git@github.com:acme/web.git", "").replace("git://github.com/acme/web.git", "");
        assert_eq!(select("push", &json), Err(PayloadError::NoRepository), "{edit:?}");
        assert_eq!(read("push", &json), Err(PayloadError::NoRepository), "{edit:?}");
    }
    let json = edited(fixtures::PULL_REQUEST, &[(r#""repository":"#, r#""elsewhere":"#)]);
    assert_eq!(read("pull_request", &json), Err(PayloadError::NoRepository));
}

#[test]
fn fields_that_cannot_be_what_they_should_be_are_named() {
    let push = push("refs/heads/main", 1);
    let pull_request = fixtures::PULL_REQUEST;
    for (event, json, field, value) in [
        ("push", push.as_str(), "ref", ("refs/heads/main", "refs/heads/a b")),
        ("push", &push, "ref", ("refs/heads/main", "")),
        ("push", &push, "after", (fixtures::push::AFTER, "abc")),
        ("push", &push, "after", (fixtures::push::AFTER, "--upload-pack=x")),
        ("pull_request", pull_request, "action", (r#""opened""#, r#""""#)),
        ("pull_request", pull_request, "action", (r#""opened""#, r#""a\nb""#)),
        ("pull_request", pull_request, "pull_request.base.ref", (r#""ref": "main""#, r#""ref": "a b""#)),
        (
            "pull_request",
            pull_request,
            "pull_request.head.ref",
            (r#""ref": "feature/cart""#, r#""ref": "a..b""#),
        ),
        (
            "pull_request",
            pull_request,
            "pull_request.head.sha",
            ("a1b2c3d4e5f60718293a4b5c6d7e8f9001122334", "HEAD"),
        ),
    ] {
        let error = read(event, &edited(json, &[value])).unwrap_err();
        assert_eq!(error, PayloadError::Field(field), "{value:?}");
    }
    let huge = edited(pull_request, &[(r#""number": 7"#, r#""number": 99999999999999999999"#)]);
    assert!(unexpected(&read("pull_request", &huge).unwrap_err()));
}

#[test]
fn messages_do_not_quote_the_payload() {
    for json in [
        r#"{"repository":"s3cr3t"}"#,
        r#"{"repository":{"html_url":"https://u:s3cr3t@/"}}"#,
        r#"{"repository":{"id":"s3cr3t"}}"#,
        r#"{"s3cr3t":1,"repository":{"s3cr3t":1}}"#,
        "s3cr3t",
    ] {
        let error = select("push", json).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    }
}
