//! Payloads of strangers. Nothing panics, and no message quotes the payload.

use super::*;
use crate::testing::{assert_refused, not_json, unexpected};

const HOOKS: [&str; 5] = ["Push Hook", "Tag Push Hook", "Merge Request Hook", "Note Hook", "System Hook"];

/// Both stages that read JSON, for every known event and an unknown one.
fn check_all(json: &str, expected: impl Fn(&PayloadError) -> bool) {
    assert_refused(&GitLab, &HOOKS.map(headers), json, expected);
}

#[test]
fn texts_that_are_no_json_object_are_refused() {
    for json in ["", " ", "{", "nonsense", "{'a':1}", "\u{feff}{}", "{}{}"] {
        check_all(json, not_json);
    }
    for json in ["null", "1", r#""x""#, "[]", r#"["push","push","a"]"#] {
        check_all(json, unexpected);
    }
}

#[test]
fn wrong_types_are_refused() {
    for json in [
        r#"{"object_kind":1}"#,
        r#"{"object_kind":["push"]}"#,
        r#"{"project":1}"#,
        r#"{"project":"https://gl.acme.example/acme/web"}"#,
        r#"{"project":{"web_url":1}}"#,
        r#"{"project":{"web_url":"\ud800"}}"#,
        r#"{"project":{"web_url":{"a":1}}}"#,
    ] {
        check_all(json, unexpected);
    }
    for (old, new) in [
        (r#""iid": 7"#, r#""iid": "7""#),
        (r#""iid": 7"#, r#""iid": -7"#),
        (r#""iid": 7"#, r#""iid": 99999999999999999999"#),
        (r#""source_project_id": 15"#, r#""source_project_id": 1.5"#),
        (r#""changes": {}"#, r#""changes": {"draft": {"previous": "true"}}"#),
        (r#""changes": {}"#, r#""changes": {"title": "Draft: a"}"#),
    ] {
        let error = read("Merge Request Hook", &edited(fixtures::MERGE_REQUEST, &[(old, new)])).unwrap_err();
        assert!(unexpected(&error), "{new}: {error:?}");
    }
}

#[test]
fn fields_that_occur_twice_are_refused() {
    for json in [
        r#"{"object_kind":"push","object_kind":"note"}"#,
        r#"{"object_kind":"push","object\u005fkind":"note"}"#,
        r#"{"project":{"web_url":"https://a/o/r","web_url":"https://b/o/r"}}"#,
        r#"{"project":{"web_url":"https://a/o/r"},"project":{"web_url":"https://b/o/r"}}"#,
    ] {
        check_all(json, unexpected);
    }
    for (event, json, twice) in [
        ("Push Hook", fixtures::PUSH, r#""ref": "refs/heads/dev""#),
        ("Push Hook", fixtures::PUSH, r#""after": "1111111111111111111111111111111111111111""#),
        ("Tag Push Hook", fixtures::TAG, r#""checkout_sha": null"#),
        ("Merge Request Hook", fixtures::MERGE_REQUEST, r#""changes": {"labels": {}}"#),
    ] {
        let json = json.replacen('{', &format!("{{{twice},"), 1);
        assert!(read(event, &json).is_err_and(|error| unexpected(&error)), "{twice}");
    }
    let json = edited(fixtures::MERGE_REQUEST, &[(r#""iid": 7,"#, r#""iid": 7, "source": null,"#)]);
    assert!(read("Merge Request Hook", &json).is_err_and(|error| unexpected(&error)));
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    check_all(&deep, unexpected);
    check_all(&format!(r#"{{"project":{deep}}}"#), unexpected);
    check_all(&format!(r#"{{"project":{{"web_url":{deep}}}}}"#), unexpected);
    check_all(&r#"{"project":"#.repeat(10_000), |error| not_json(error) || unexpected(error));
    // Fields that are not read are skipped without recursion, as are the values of a change.
    let skipped = fixtures::PUSH.replacen('{', &format!(r#"{{"push_options_of_tomorrow":{deep},"#), 1);
    assert!(read("Push Hook", &skipped).is_ok());
    let labels = format!(r#""changes": {{"labels": {deep}}}"#);
    let labels = edited(fixtures::MERGE_REQUEST, &[(r#""changes": {}"#, &labels)]);
    assert!(read("Merge Request Hook", &labels).is_ok());
}

#[test]
fn sizes_are_bounded() {
    let long = "a".repeat(10_000_000);
    let only = format!(r#"{{"object_kind":"push","project":{{"web_url":"https://a/{long}"}}}}"#);
    assert_eq!(select("Push Hook", &only), Err(PayloadError::NoRepository));
    let reference = edited(fixtures::PUSH, &[("refs/heads/main", &format!("refs/heads/{long}"))]);
    assert_eq!(read("Push Hook", &reference), Err(PayloadError::Field("ref")));
    let action = edited(fixtures::MERGE_REQUEST, &[(r#""open""#, &format!(r#""{long}""#))]);
    assert_eq!(read("Merge Request Hook", &action), Err(PayloadError::Field("object_attributes.action")));
    let name = format!(r#"{{"event_name":"{long}"}}"#);
    assert_eq!(read("System Hook", &name).unwrap().kind.name(), "System Hook");
}

#[test]
fn fields_that_are_missing_or_malformed_are_named() {
    let (push, tag, merge_request) = (fixtures::PUSH, fixtures::TAG, fixtures::MERGE_REQUEST);
    let head = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
    let after = r#""after": "5f00cfffe0307177686c0bec53a2f218fc96c9c7""#;
    for (event, json, field, (old, new)) in [
        ("Push Hook", push, "ref", ("refs/heads/main", "refs/heads/a b")),
        ("Push Hook", push, "ref", (r#""ref":"#, r#""reference":"#)),
        ("Push Hook", push, "after", (after, r#""after": "abc""#)),
        ("Push Hook", push, "after", (after, r#""after": "--upload-pack=x""#)),
        ("Push Hook", push, "after", (after, r#""x": 1"#)),
        ("Tag Push Hook", tag, "checkout_sha", ("5f00cfffe0307177686c0bec53a2f218fc96c9c7", "5f00cfffe0")),
        ("Merge Request Hook", merge_request, "object_attributes", (r#""object_attributes":"#, r#""x":"#)),
        ("Merge Request Hook", merge_request, "object_attributes.iid", (r#""iid": 7"#, r#""iid": null"#)),
        ("Merge Request Hook", merge_request, "object_attributes.action", (r#""open""#, r#""a\nb""#)),
        (
            "Merge Request Hook",
            merge_request,
            "object_attributes.target_branch",
            (r#""target_branch": "main""#, r#""target_branch": "a b""#),
        ),
        ("Merge Request Hook", merge_request, "object_attributes.source_branch", ("feature/cart", "a..b")),
        (
            "Merge Request Hook",
            merge_request,
            "object_attributes.last_commit.id",
            (&format!(r#""id": "{head}""#), r#""id": "HEAD""#),
        ),
    ] {
        assert_eq!(read(event, &edited(json, &[(old, new)])), Err(PayloadError::Field(field)), "{new}");
    }
    for (event, json) in [
        ("Push Hook", push),
        ("Tag Push Hook", tag),
        ("Merge Request Hook", merge_request),
        ("System Hook", push),
    ] {
        let elsewhere = edited(json, &[(r#""project":"#, r#""elsewhere":"#)]);
        assert_eq!(read(event, &elsewhere), Err(PayloadError::NoRepository), "{event}");
        assert_eq!(select(event, &elsewhere), Err(PayloadError::NoRepository), "{event}");
    }
}

#[test]
fn messages_do_not_quote_the_payload() {
    for json in [
        r#"{"object_kind":"s3cr3t","project":"s3cr3t"}"#,
        r#"{"object_kind":"push","project":{"web_url":"https://u:s3cr3t@/"}}"#,
        r#"{"s3cr3t":1,"project":{"s3cr3t":1}}"#,
        "s3cr3t",
    ] {
        let error = select("Push Hook", json).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    }
}
