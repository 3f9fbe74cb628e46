//! Interceptors that verify what a sender presents.

use serde_json::json;
use trigger_core::{KeyForm, sign};

use super::*;

/// The payload that senders sign here.
pub(super) const BODY: &str = r#"{"ref":"refs/heads/main","by":"Zoë"}"#;

/// HMACs of [`BODY`] with the key `s3cret`, made with the module `hmac` of Python.
const SHA1: &str = "9aa26760e11877283d003dcd1877714896d25732";
const SHA512: &str = "5d112123048265085d59efc9192253419357b21c17ca7bb52c17a49a16062b96d03fdb45780776524b57fd609176e5d30db38aa1619a1b9e93bb520f78fe2ef6";

/// The HMAC-SHA-256 of `prefix` and `body` in hexadecimal digits.
pub(super) fn hex(key: &[u8], prefix: &str, body: &[u8]) -> String {
    let tag = sign(key, KeyForm::Raw, prefix.as_bytes(), body).unwrap();
    tag.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

pub(super) fn hub(key: &str, body: &str) -> String {
    format!("sha256={}", hex(key.as_bytes(), "", body.as_bytes()))
}

fn secret_ref() -> Value {
    json!({"secretName": "hook", "secretKey": "token"})
}

#[test]
fn github_compares_the_event_and_then_the_signature() {
    const REFUSED: &str = "9 payload signature check failed";
    let both = json!({"eventTypes": ["push", "pull_request"], "secretRef": secret_ref()});
    let signed = json!({"secretRef": secret_ref()});
    let good = hub("s3cret", BODY);
    let upper = format!("sha256={}", good["sha256=".len()..].to_uppercase());
    let (sha1, sha512) = (format!("sha1={SHA1}"), format!("sha512={SHA512}"));
    let long = format!("{}={}", "t0ken".repeat(10), "ab".repeat(32));
    for (params, headers, expected) in [
        (json!({}), vec![], "passed"),
        (json!({"eventTypes": null}), vec![], "passed"),
        (json!({"eventTypes": []}), vec![("X-GitHub-Event", "push")], "9 event type push is not allowed"),
        (json!({"eventTypes": ["push"]}), vec![("x-github-event", "push")], "passed"),
        (json!({"EventTypes": ["push"], "unknown": 1}), vec![("X-GitHub-Event", "push")], "passed"),
        (
            json!({"eventTypes": ["push"]}),
            vec![("X-GitHub-Event", "Push")],
            "9 event type Push is not allowed",
        ),
        (
            json!({"eventTypes": ["push"]}),
            vec![("X-GitHub-Event", "ping")],
            "9 event type ping is not allowed",
        ),
        (json!({"eventTypes": ["push"]}), vec![], "9 event type  is not allowed"),
        (signed.clone(), vec![("X-Hub-Signature-256", &*good)], "passed"),
        (signed.clone(), vec![("X-Hub-Signature-256", &*upper)], "passed"),
        (signed.clone(), vec![("X-Hub-Signature-256", &*sha1)], "passed"),
        (signed.clone(), vec![("X-Hub-Signature-256", &*sha512)], "passed"),
        (signed.clone(), vec![("X-Hub-Signature-256", &hub("other", BODY))], REFUSED),
        (signed.clone(), vec![("X-Hub-Signature-256", &hub("s3cret", "{}"))], REFUSED),
        (signed.clone(), vec![("X-Hub-Signature-256", &hub("s3cret\n", BODY))], REFUSED),
        (signed.clone(), vec![("X-Hub-Signature-256", "sha256=00")], REFUSED),
        (signed.clone(), vec![("X-Hub-Signature-256", &*good.replace("sha256", "sha1"))], REFUSED),
        (signed.clone(), vec![], "9 no X-Hub-Signature-256 header set"),
        (signed.clone(), vec![("X-Hub-Signature-256", "")], "9 no X-Hub-Signature-256 header set"),
        (signed.clone(), vec![("X-Hub-Signature", &*sha1)], "9 no X-Hub-Signature-256 header set"),
        (
            signed.clone(),
            vec![("X-Hub-Signature-256", &good["sha256=".len()..])],
            "9 error parsing signature: no prefix such as `sha256=`",
        ),
        (
            signed.clone(),
            vec![("X-Hub-Signature-256", &*long)],
            "9 error parsing signature: no prefix such as `sha256=`",
        ),
        (signed.clone(), vec![("X-Hub-Signature-256", "md5=0000")], "9 unknown hash type prefix: \"md5\""),
        (
            signed.clone(),
            vec![("X-Hub-Signature-256", &*good.replace("sha", "SHA"))],
            "9 unknown hash type prefix: \"SHA256\"",
        ),
        (
            signed.clone(),
            vec![("X-Hub-Signature-256", "sha256=zz")],
            "9 error decoding signature: hexadecimal digits are expected",
        ),
        (
            signed.clone(),
            vec![("X-Hub-Signature-256", "sha256=abc")],
            "9 error decoding signature: hexadecimal digits are expected",
        ),
        // The first value counts, as Go reads it.
        (signed.clone(), vec![("X-Hub-Signature-256", &*good), ("X-Hub-Signature-256", "no")], "passed"),
        (
            both.clone(),
            vec![("X-GitHub-Event", "issues"), ("X-Hub-Signature-256", "sha256=00")],
            "9 event type issues is not allowed",
        ),
        (both.clone(), vec![("X-GitHub-Event", "push"), ("X-Hub-Signature-256", "sha256=00")], REFUSED),
        (both.clone(), vec![("X-GitHub-Event", "push"), ("X-Hub-Signature-256", &*good)], "passed"),
        (
            both.clone(),
            vec![("X-GitHub-Event", "issues"), ("Content-Type", "application/x-www-form-urlencoded")],
            "3 form parameter encoding not supported, please change the hook to send JSON payloads",
        ),
        (
            signed.clone(),
            vec![("Content-Type", "application/json; charset=utf-8"), ("X-Hub-Signature-256", &*good)],
            "passed",
        ),
    ] {
        let interceptors = json!([{"ref": {"name": "github"}, "params": params}]);
        let found = result(&interceptors, &headers, BODY, &mut World::with_secret());
        assert_eq!(found, expected, "{params} {headers:?}");
    }
}

#[test]
fn gitlab_compares_the_token_itself() {
    const NONE: &str = "3 no X-Gitlab-Token header set";
    let token = json!({"secretRef": secret_ref()});
    let missing = json!({"secretRef": {"secretName": "hook", "secretKey": "other"}});
    let empty = json!({"secretRef": {"secretName": "hook"}});
    for (params, headers, expected) in [
        (json!({}), vec![], "passed"),
        (token.clone(), vec![("X-Gitlab-Token", "s3cret")], "passed"),
        (token.clone(), vec![("x-gitlab-token", "s3cret")], "passed"),
        (token.clone(), vec![("X-Gitlab-Token", "S3cret")], "3 Invalid X-GitLab-Token"),
        (token.clone(), vec![("X-Gitlab-Token", "s3cret ")], "3 Invalid X-GitLab-Token"),
        (token.clone(), vec![("X-Gitlab-Token", "")], NONE),
        (token.clone(), vec![], NONE),
        (json!({"eventTypes": ["Push Hook"]}), vec![("X-Gitlab-Event", "Push Hook")], "passed"),
        (json!({"eventTypes": ["Push Hook"]}), vec![], "9 event type  is not allowed"),
        (
            json!({"eventTypes": ["Push Hook"], "secretRef": secret_ref()}),
            vec![("X-Gitlab-Event", "Tag Push Hook"), ("X-Gitlab-Token", "s3cret")],
            "9 event type Tag Push Hook is not allowed",
        ),
        // The header is missed before the Secret is read.
        (missing.clone(), vec![], NONE),
        (
            missing.clone(),
            vec![("X-Gitlab-Token", "s3cret")],
            "9 error getting secret: cannot find other key in secret team-a/hook",
        ),
        (empty.clone(), vec![], "9 gitlab interceptor secretRef.secretKey is empty"),
        (
            empty.clone(),
            vec![("X-Gitlab-Token", "s3cret")],
            "9 gitlab interceptor secretRef.secretKey is empty",
        ),
        (json!({"secretRef": null}), vec![], "passed"),
    ] {
        let interceptors = json!([{"ref": {"name": "gitlab"}, "params": params}]);
        let found = result(&interceptors, &headers, BODY, &mut World::with_secret());
        assert_eq!(found, expected, "{params} {headers:?}");
    }
}

#[test]
fn bitbucket_compares_the_signature_in_the_older_header() {
    let signed = json!({"eventTypes": ["repo:push"], "secretRef": secret_ref()});
    let push = ("X-Event-Key", "repo:push");
    let (good, sha1) = (hub("s3cret", BODY), format!("sha1={SHA1}"));
    for (headers, expected) in [
        (vec![push, ("X-Hub-Signature", &*good)], "passed"),
        (vec![push, ("X-Hub-Signature", &*sha1)], "passed"),
        (
            vec![push, ("X-Hub-Signature", &hub("other", BODY))],
            "9 error validating signature: payload signature check failed",
        ),
        (
            vec![push, ("X-Hub-Signature", "sha256=0")],
            "9 error validating signature: error decoding signature: hexadecimal digits are expected",
        ),
        (vec![push], "3 no X-Hub-Signature header set"),
        (vec![push, ("X-Hub-Signature-256", &*good)], "3 no X-Hub-Signature header set"),
        (
            vec![("X-Event-Key", "repo:fork"), ("X-Hub-Signature", &*good)],
            "9 event type repo:fork is not allowed",
        ),
        (vec![("X-Hub-Signature", &*good)], "9 event type  is not allowed"),
    ] {
        let interceptors = json!([{"ref": {"name": "bitbucket"}, "params": signed}]);
        let found = result(&interceptors, &headers, BODY, &mut World::with_secret());
        assert_eq!(found, expected, "{headers:?}");
    }
    let empty = json!([{"ref": {"name": "bitbucket"}, "params": {"secretRef": {}}}]);
    let found = result(&empty, &[], BODY, &mut World::default());
    assert_eq!(found, "9 bitbucket interceptor secretRef.secretKey is empty");
}

#[test]
fn slack_takes_fields_and_verifies_the_form_as_it_was_received() {
    const FORM: &str = "command=%2Fdeploy&text=to+prod&text=again&user=";
    const FIELDS: &str = r#"passed {"command":["/deploy"],"text":["to prod","again"]}"#;
    const REFUSED: &str = "9 error validating signature: payload signature check failed";
    const EXPIRED: &str = "9 error validating signature: the X-Slack-Request-Timestamp header is more than 300 s from \
                           the clock here; compare both clocks";
    const NO_FORM: &str = "3 missing header in payload: ContentType application/x-www-form-urlencoded";
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let at = |time: i64, key: &[u8]| {
        let signature = format!("v0={}", hex(key, &format!("v0:{time}:"), FORM.as_bytes()));
        vec![
            ("X-Slack-Signature".to_owned(), signature),
            ("X-Slack-Request-Timestamp".to_owned(), time.to_string()),
        ]
    };
    let with = |signature: &str, time: &str| {
        vec![
            ("X-Slack-Signature".to_owned(), signature.to_owned()),
            ("X-Slack-Request-Timestamp".to_owned(), time.to_owned()),
        ]
    };
    let fields = json!({"requestedFields": ["command", "text"]});
    let signed = json!({"requestedFields": ["command", "text"], "secretRef": secret_ref()});
    let good = at(NOW, b"s3cret")[0].1.clone();
    for (params, headers, expected) in [
        // Without a Secret, as with Tekton: any signature will do.
        (fields.clone(), with("v0=forged", ""), FIELDS),
        (fields.clone(), with("", ""), NO_FORM),
        (json!({}), with("v0=x", ""), "5 missing requested field definition"),
        (json!({"requestedFields": []}), with("v0=x", ""), "passed"),
        (
            json!({"requestedFields": ["command", "nope"]}),
            with("v0=x", ""),
            "5 requested field does not exists in payload: \"nope\"",
        ),
        (json!({"requestedFields": ["user"]}), with("v0=x", ""), r#"passed {"user":[""]}"#),
        (signed.clone(), at(NOW, b"s3cret"), FIELDS),
        (signed.clone(), at(NOW + 300, b"s3cret"), FIELDS),
        (signed.clone(), at(NOW - 300, b"s3cret"), FIELDS),
        (signed.clone(), at(NOW + 301, b"s3cret"), EXPIRED),
        (signed.clone(), at(NOW - 301, b"s3cret"), EXPIRED),
        (signed.clone(), at(NOW, b"other"), REFUSED),
        // The time is signed too.
        (signed.clone(), with(&good, &(NOW + 1).to_string()), REFUSED),
        (signed.clone(), with(&good, ""), "3 no X-Slack-Request-Timestamp header set"),
        (
            signed.clone(),
            with(&good, "+1700000000"),
            "9 error validating signature: the X-Slack-Request-Timestamp header is no number of seconds",
        ),
        (
            signed.clone(),
            with(&good, "99999999999999999999"),
            "9 error validating signature: the X-Slack-Request-Timestamp header is no number of seconds",
        ),
        (
            signed.clone(),
            with("v1=00", "1700000000"),
            "9 error validating signature: error parsing signature: no prefix such as `sha256=`",
        ),
        (signed.clone(), with("v0=00", "1700000000"), REFUSED),
        (
            signed.clone(),
            with("v0=zz", "1700000000"),
            "9 error validating signature: error decoding signature: hexadecimal digits are expected",
        ),
    ] {
        let interceptors = json!([{"ref": {"name": "slack"}, "params": params}]);
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<_> = std::iter::once(form).chain(headers).collect();
        let found = result(&interceptors, &headers, FORM, &mut World::with_secret());
        assert_eq!(found, expected, "{params} {headers:?}");
    }
    let interceptors = json!([{"ref": {"name": "slack"}, "params": fields}]);
    for (headers, body, expected) in [
        (vec![("X-Slack-Signature", "v0=x")], FORM, NO_FORM),
        (vec![("X-Slack-Signature", "v0=x"), ("Content-Type", "application/json")], "{}", NO_FORM),
        (
            vec![("X-Slack-Signature", "v0=x"), form],
            "",
            "3 failed to unmarshl slack payload: unexpected end of JSON input",
        ),
        (
            vec![("X-Slack-Signature", "v0=x"), form],
            "command=x",
            "3 failed to unmarshl slack payload: invalid character 'c' looking for beginning of value",
        ),
        (
            vec![("X-Slack-Signature", "v0=x"), form],
            r#"{"command":"x"}"#,
            "3 failed to unmarshl slack payload: a form with at least two fields is expected",
        ),
    ] {
        assert_eq!(
            result(&interceptors, &headers, body, &mut World::default()),
            expected,
            "{headers:?} {body}"
        );
    }
}

#[test]
fn secrets_are_used_as_they_are_and_missing_ones_are_named() {
    let hook = json!([{"ref": {"name": "github"}, "params": {"secretRef": secret_ref()}}]);
    let good = hub("s3cret", BODY);
    let mut with_break =
        World { secrets: [("team-a/hook/token", b"s3cret\n".as_slice())].into(), ..World::default() };
    let found = result(&hook, &[("X-Hub-Signature-256", &good)], BODY, &mut with_break);
    assert_eq!(found, "9 payload signature check failed");
    let found = result(&hook, &[("X-Hub-Signature-256", &hub("s3cret\n", BODY))], BODY, &mut with_break);
    assert_eq!(found, "passed");
    let found = result(&hook, &[("X-Hub-Signature-256", &good)], BODY, &mut World::default());
    assert_eq!(found, "9 error getting secret: secrets \"hook\" not found");
    // An empty value verifies nothing, not even its own signature.
    let mut empty = World { secrets: [("team-a/hook/token", b"".as_slice())].into(), ..World::default() };
    let by_nothing = "sha256=d95196b9c70492bad3a1324769d62b6c5fb1c635ea6ac79058c2e1695a9e8b9b";
    let found = result(&hook, &[("X-Hub-Signature-256", by_nothing)], BODY, &mut empty);
    assert_eq!(found, "9 payload signature check failed");
    // The Secret of another namespace has the same name.
    let mut other =
        World { secrets: [("team-b/hook/token", b"s3cret".as_slice())].into(), ..World::default() };
    let found = result(&hook, &[("X-Hub-Signature-256", &good)], BODY, &mut other);
    assert_eq!(found, "9 error getting secret: secrets \"hook\" not found");
}

#[test]
fn a_signature_covers_the_exact_bytes() {
    let body = b"{\"s\":\"a\xff\"}";
    let signature = format!("sha256={}", hex(b"s3cret", "", body));
    let chain = json!([{"ref": {"name": "github"}, "params": {"secretRef": secret_ref()}}]);
    let state = event_at("/", &[("X-Hub-Signature-256", &signature)], body);
    let step = World::with_secret().take(&compile(&chain).unwrap(), state);
    assert_eq!(describe(&step), "passed");
}
