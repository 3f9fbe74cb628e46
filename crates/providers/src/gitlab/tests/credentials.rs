use data_encoding::BASE64;
use jiff::Timestamp;
use trigger_core::{CredentialError, Credentials, KeyForm, sign};

use super::*;

/// The example of Standard Webhooks that its libraries test with.
/// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/index.test.ts>.
const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SIGNED_AT: i64 = 1_614_265_330;
const BODY: &[u8] = b"{\"test\": 2432232314}";
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// The headers of a signed request.
fn signed(signature: &str) -> HeaderMap {
    let timestamp = SIGNED_AT.to_string();
    with(&[("webhook-id", MESSAGE), ("webhook-timestamp", &timestamp), ("webhook-signature", signature)])
}

fn credentials(headers: &HeaderMap) -> Result<Credentials, CredentialError> {
    GitLab.credentials(headers, at(SIGNED_AT))
}

fn signature(key: &[u8], prefix: &str, body: &[u8]) -> String {
    let tag = sign(key, KeyForm::WebhookSecret, prefix.as_bytes(), body).unwrap();
    format!("v1,{}", BASE64.encode(&tag))
}

#[test]
fn the_documented_example_verifies() {
    let credentials = credentials(&signed(SIGNATURE)).unwrap();
    assert!(credentials.are_verified_by(SECRET, BODY));
    assert!(credentials.are_verified_by(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", BODY), "a line break");
    for (key, body) in [
        (SECRET, b"{\"test\": 2432232315}".as_slice()),
        (b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", BODY),
        (b"whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", BODY),
        (b"whsec_", BODY),
        (b"", BODY),
    ] {
        assert!(!credentials.are_verified_by(key, body), "{key:?} {body:?}");
    }
}

#[test]
fn id_and_timestamp_are_signed() {
    for (name, value) in [("webhook-id", "msg_other"), ("webhook-timestamp", "1614265331")] {
        let mut headers = signed(SIGNATURE);
        headers.insert(name, value.parse().unwrap());
        assert!(!credentials(&headers).unwrap().are_verified_by(SECRET, BODY), "{name}");
    }
}

#[test]
fn a_signature_holds_for_five_minutes_of_clock_skew_both_ways() {
    for (now, accepted) in [
        (SIGNED_AT, true),
        (SIGNED_AT + 300, true),
        (SIGNED_AT - 300, true),
        (SIGNED_AT + 301, false),
        (SIGNED_AT - 301, false),
        (0, false),
    ] {
        let expected = if accepted { Ok(()) } else { Err(CredentialError::Expired) };
        assert_eq!(GitLab.credentials(&signed(SIGNATURE), at(now)).map(drop), expected, "{now}");
    }
}

#[test]
fn one_of_several_signatures_is_enough_and_unknown_versions_are_ignored() {
    let other = signature(b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "x", BODY);
    for list in [
        format!("{other} {SIGNATURE}"),
        format!("{SIGNATURE} {other}"),
        format!("v1a,c2lnbmF0dXJl {SIGNATURE}"),
        format!("v2,not base64? {SIGNATURE}").replace(" base64?", ""),
    ] {
        assert!(credentials(&signed(&list)).unwrap().are_verified_by(SECRET, BODY), "{list}");
    }
    assert!(!credentials(&signed(&other)).unwrap().are_verified_by(SECRET, BODY));
    let many = [SIGNATURE; 9].join(" ");
    assert_eq!(credentials(&signed(&many)), Err(CredentialError::Repeated));
}

#[test]
fn malformed_signatures_are_rejected() {
    let short = format!("v1,{}", BASE64.encode(&[1; 31]));
    let long = format!("v1,{}", BASE64.encode(&[1; 33]));
    let endless = format!("{SIGNATURE} {}", "v2,x ".repeat(300)).trim_end().to_owned();
    for bad in [
        "",
        "v1",
        "v1,",
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",
        "v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        &format!("{SIGNATURE}  {SIGNATURE}"),
        &format!("{SIGNATURE},{SIGNATURE}"),
        &format!("{SIGNATURE} v1,AAAA"),
        &short,
        &long,
        &endless,
    ] {
        assert_eq!(credentials(&signed(bad)), Err(CredentialError::Malformed), "{bad:?}");
    }
    let long_id = "a".repeat(129);
    for (name, bad) in [
        ("webhook-id", ""),
        ("webhook-id", "a b"),
        ("webhook-id", "a.1"),
        ("webhook-id", &long_id),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "+1614265330"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "1614265330.0"),
        ("webhook-timestamp", "2021-02-25T15:02:10Z"),
        ("webhook-timestamp", "99999999999999999999"),
    ] {
        let mut headers = signed(SIGNATURE);
        headers.insert(name, bad.parse().unwrap());
        assert_eq!(credentials(&headers), Err(CredentialError::Malformed), "{name}: {bad}");
    }
    for name in ["webhook-id", "webhook-timestamp"] {
        let mut headers = signed(SIGNATURE);
        headers.remove(name);
        assert_eq!(credentials(&headers), Err(CredentialError::Malformed), "no {name}");
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = signed(SIGNATURE);
        let value = headers[name].clone();
        headers.append(name, value);
        assert_eq!(credentials(&headers), Err(CredentialError::Repeated), "{name} twice");
    }
}

#[test]
fn a_token_is_the_whole_text_of_the_key() {
    let token = |text: &str| credentials(&with(&[("x-gitlab-token", text)]));
    for key in ["correct horse", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a\u{fc}"] {
        let credentials = token(key).unwrap();
        assert!(credentials.are_verified_by(key.as_bytes(), BODY), "{key}");
        assert!(credentials.are_verified_by(key.as_bytes(), b"{}"), "{key}: a token covers no body");
        for wrong in [&key[1..], &key[..key.len() - 2], "", "other"] {
            assert!(!credentials.are_verified_by(wrong.as_bytes(), BODY), "{key} {wrong}");
        }
    }
    assert_eq!(token(""), Err(CredentialError::Malformed));
    assert_eq!(token(&"a".repeat(4097)), Err(CredentialError::Malformed));
    assert_eq!(credentials(&HeaderMap::new()), Err(CredentialError::Missing));
    let twice = with(&[("x-gitlab-token", "a"), ("x-gitlab-token", "a")]);
    assert_eq!(credentials(&twice), Err(CredentialError::Repeated));
}

#[test]
fn a_right_token_does_not_make_up_for_a_signature() {
    let token = std::str::from_utf8(SECRET).unwrap();
    let wrong = signature(SECRET, "x", BODY);
    for (signature, expected) in [
        (SIGNATURE, Ok(true)),
        (&wrong, Ok(false)),
        ("", Err(CredentialError::Malformed)),
        ("v2,x", Err(CredentialError::Malformed)),
    ] {
        let mut headers = signed(signature);
        headers.insert("x-gitlab-token", token.parse().unwrap());
        let verified = credentials(&headers).map(|credentials| credentials.are_verified_by(SECRET, BODY));
        assert_eq!(verified, expected, "{signature}");
    }
    let mut expired = signed(SIGNATURE);
    expired.insert("x-gitlab-token", token.parse().unwrap());
    assert_eq!(GitLab.credentials(&expired, at(0)), Err(CredentialError::Expired));
}

#[test]
fn a_key_that_signs_is_not_sent_along() {
    let headers = GitLab.sign("Push Hook", "id", BODY, Some(SECRET), at(SIGNED_AT));
    assert!(!headers.contains_key("x-gitlab-token"), "{headers:?}");
    assert!(credentials(&headers).unwrap().are_verified_by(SECRET, BODY));
    let headers = GitLab.sign("Push Hook", "id", BODY, Some(b"plain"), at(SIGNED_AT));
    assert_eq!(headers["x-gitlab-token"], "plain");
    assert!(!headers.contains_key("webhook-signature"), "{headers:?}");
}
