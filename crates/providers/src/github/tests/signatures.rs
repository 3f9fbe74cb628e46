use aws_lc_rs::hmac;
use data_encoding::{HEXLOWER, HEXUPPER};
use jiff::Timestamp;
use trigger_core::{CredentialError, Credentials, Delivery, DeliveryKey, ObjectKey, Unsigned, Verifier};

use super::*;
use fixtures::push::push;

const KEY: &[u8] = b"correct horse battery staple";

pub(super) fn delivery(headers: Vec<(String, String)>, body: Vec<u8>) -> Delivery {
    Delivery {
        id: DeliveryKey { path: "/hooks/github", provider_id: None, body: &body }.id(),
        source: "github".into(),
        path: "/hooks/github".into(),
        provider_id: None,
        event: "push".into(),
        repository: Some(web()),
        received_at: Timestamp::UNIX_EPOCH,
        headers,
        body: body.into(),
        replay: None,
    }
}

fn sign(key: &[u8], body: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body).as_ref().to_vec()
}

fn signature(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", HEXLOWER.encode(&sign(key, body)))
}

fn credentials(headers: &HeaderMap) -> Result<Credentials, CredentialError> {
    GitHub.credentials(headers, Timestamp::UNIX_EPOCH)
}

/// Whether a request with these headers passes, by the only way there is to a verified delivery.
fn verifies(headers: &HeaderMap, body: &[u8], key: &[u8]) -> Result<bool, CredentialError> {
    let mut verifier = Verifier::new(delivery(Vec::new(), body.to_vec()), credentials(headers)?);
    let holds = verifier.try_key(&ObjectKey::new("team-a", "hook"), "github-token", key);
    assert_eq!(verifier.finish(Unsigned::No).is_ok(), holds);
    Ok(holds)
}

#[test]
fn only_the_right_signature_of_the_whole_body_verifies() {
    let body = push("refs/heads/main", 3).into_bytes();
    let right = signature(KEY, &body);
    let headers = with(&[("x-hub-signature-256", &right)]);
    assert_eq!(verifies(&headers, &body, KEY), Ok(true));
    assert_eq!(verifies(&headers, &body, b"another secret"), Ok(false), "wrong key");
    assert_eq!(verifies(&headers, &body, b""), Ok(false), "empty key");

    for at in [0, body.len() / 2, body.len() - 1] {
        let mut altered = body.clone();
        altered[at] ^= 1;
        assert_eq!(verifies(&headers, &altered, KEY), Ok(false), "byte {at}");
    }
    let wrong = with(&[("x-hub-signature-256", &signature(b"another secret", &body))]);
    assert_eq!(verifies(&wrong, &body, KEY), Ok(false), "wrong signature");
}

/// The example GitHub publishes for checking an implementation:
/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation>.
#[test]
fn the_documented_example_verifies() {
    let documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = with(&[("x-hub-signature-256", documented)]);
    assert_eq!(verifies(&headers, b"Hello, World!", b"It's a Secret to Everybody"), Ok(true));
}

#[test]
fn digits_may_be_upper_case() {
    let upper = format!("sha256={}", HEXUPPER.encode(&sign(KEY, b"{}")));
    assert_eq!(verifies(&with(&[("x-hub-signature-256", &upper)]), b"{}", KEY), Ok(true));
}

#[test]
fn a_form_is_signed_as_it_stands() {
    let json = r#"{"zen":"x"}"#;
    let form = "payload=%7B%22zen%22%3A%22x%22%7D";
    let signed = with(&[
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-github-event", "ping"),
        ("x-hub-signature-256", &signature(KEY, form.as_bytes())),
    ]);
    assert_eq!(verifies(&signed, form.as_bytes(), KEY), Ok(true));
    assert_eq!(GitHub.payload(&signed, form.as_bytes()).unwrap().json, json);
    let over_json = with(&[("x-hub-signature-256", &signature(KEY, json.as_bytes()))]);
    assert_eq!(verifies(&over_json, form.as_bytes(), KEY), Ok(false));
}

#[test]
fn malformed_and_missing_signatures_are_refused() {
    let right = signature(KEY, b"{}");
    let digits = right.trim_start_matches("sha256=");
    let sha1 = format!("sha1={}", "a".repeat(40));
    let check = |headers: &[(&'static str, &str)], expected| {
        assert_eq!(credentials(&with(headers)), Err(expected), "{headers:?}");
    };
    check(&[], CredentialError::Missing);
    check(&[("x-hub-signature", &sha1)], CredentialError::Weak);
    check(&[("x-hub-signature-256", &right), ("x-hub-signature-256", &right)], CredentialError::Repeated);
    for bad in [
        "",
        "sha256=",
        digits,
        &sha1,
        &format!("SHA256={digits}"),
        &format!("sha256= {digits}"),
        &format!("sha256={digits}00"),
        &format!("sha256={}", &digits[2..]),
        &format!("sha256={}zz", &digits[2..]),
        &format!("{right},{right}"),
    ] {
        check(&[("x-hub-signature-256", bad)], CredentialError::Malformed);
        check(&[("x-hub-signature-256", bad), ("x-hub-signature", &sha1)], CredentialError::Malformed);
    }
    let mut opaque = HeaderMap::new();
    opaque.insert("x-hub-signature-256", HeaderValue::from_bytes(&[b's', 0xff]).unwrap());
    assert_eq!(credentials(&opaque), Err(CredentialError::Malformed));
}

#[test]
fn sha1_beside_sha256_is_not_looked_at() {
    let headers =
        with(&[("x-hub-signature", "sha1=nonsense"), ("x-hub-signature-256", &signature(KEY, b"{}"))]);
    assert_eq!(verifies(&headers, b"{}", KEY), Ok(true));
}
