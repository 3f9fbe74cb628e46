use data_encoding::{HEXLOWER, HEXUPPER};
use jiff::Timestamp;
use trigger_core::{CredentialError, Credentials, KeyForm, sign};

use super::*;

/// Secrets may have any characters, and count as UTF-8.
const KEY: &[u8] = "correct hörse".as_bytes();

fn tag(key: &[u8], json: &str) -> [u8; 32] {
    sign(key, KeyForm::Raw, b"", json.as_bytes()).unwrap()
}

fn signature(key: &[u8], json: &str) -> String {
    HEXLOWER.encode(&tag(key, json))
}

fn credentials(headers: &HeaderMap) -> Result<Credentials, CredentialError> {
    Gitea.credentials(headers, Timestamp::UNIX_EPOCH)
}

/// Whether a request with these headers and this body is verified by [`KEY`].
fn verifies(headers: &[(&'static str, &str)], body: &str) -> Result<bool, CredentialError> {
    let credentials = credentials(&with(headers))?;
    assert!(!credentials.are_verified_by(b"", body.as_bytes()) && !credentials.are_verified_by(b"x", b"{}"));
    Ok(credentials.are_verified_by(KEY, body.as_bytes()))
}

/// Made with the module `hmac` of Python.
#[test]
fn a_signature_is_the_hmac_of_the_body_without_a_prefix() {
    let known = "94d4dc56010b6297f5af3417bebc0ecf4acb39fc219c8ae751f1ab2fa9e8f4b0";
    assert_eq!(verifies(&[("x-gitea-signature", known)], r#"{"a":"ü"}"#), Ok(true));
    assert_eq!(verifies(&[("x-gitea-signature", known)], r#"{"a":"u"}"#), Ok(false));
}

#[test]
fn one_signature_under_each_of_its_names_verifies() {
    let (json, right) = (fixtures::PUSH, signature(KEY, fixtures::PUSH));
    let upper = HEXUPPER.encode(&tag(KEY, json));
    let wrong = signature(b"another secret", json);
    let hub = format!("sha256={right}");
    let (gitea, forgejo, gogs) = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature");
    for (headers, expected) in [
        (vec![(gitea, &*right)], Ok(true)),
        (vec![(forgejo, &right)], Ok(true)),
        (vec![(gogs, &right)], Ok(true)),
        (vec![(gogs, &right), (forgejo, &upper), (gitea, &right)], Ok(true)),
        (vec![(gogs, &right), (gitea, "")], Ok(true)),
        (vec![(gitea, &wrong)], Ok(false)),
        (vec![(gitea, &wrong), ("x-hub-signature-256", &hub)], Ok(false)),
        (vec![(gitea, &right), ("x-hub-signature-256", "sha256=00"), ("x-hub-signature", "sha1=")], Ok(true)),
        (vec![(gitea, &right), (gogs, &wrong)], Err(CredentialError::Malformed)),
        (vec![(gitea, &right), (forgejo, "00")], Err(CredentialError::Malformed)),
        (vec![(gitea, &right), (gitea, &right)], Err(CredentialError::Repeated)),
        (vec![(gitea, &right), (gogs, ""), (gogs, "")], Err(CredentialError::Repeated)),
        (vec![("x-hub-signature-256", &hub)], Err(CredentialError::Missing)),
        (vec![("authorization", &right)], Err(CredentialError::Missing)),
        (vec![("x-gitlab-token", "correct horse")], Err(CredentialError::Missing)),
        (vec![], Err(CredentialError::Missing)),
    ] {
        assert_eq!(verifies(&headers, json), expected, "{headers:?}");
    }
}

/// A hook without a secret signs with nothing and says so in each header.
#[test]
fn an_empty_signature_is_none() {
    let headers = with(&[
        ("x-gitea-signature", ""),
        ("x-gogs-signature", ""),
        ("x-hub-signature", "sha1="),
        ("x-hub-signature-256", "sha256="),
    ]);
    assert_eq!(credentials(&headers), Err(CredentialError::Missing));
}

#[test]
fn malformed_signatures_are_refused() {
    let right = signature(KEY, "{}");
    for bad in [
        " ",
        "sha256=",
        &format!("sha256={right}"),
        &right[2..],
        &format!("{right}00"),
        &format!("zz{}", &right[2..]),
        &format!("{right},{right}"),
        &"0".repeat(100_000),
    ] {
        let headers = with(&[("x-gitea-signature", bad)]);
        assert_eq!(credentials(&headers), Err(CredentialError::Malformed), "{bad:.80}");
    }
}

#[test]
fn the_json_in_a_form_is_signed_and_not_the_form() {
    let json = r#"{"a": "1 + 1 = 2 & ü"}"#;
    let form = form(json);
    let headers = |signature: &str| {
        let mut headers = headers("push");
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        headers.insert("x-gitea-signature", signature.parse().unwrap());
        headers
    };
    let over_json = credentials(&headers(&signature(KEY, json))).unwrap();
    assert!(over_json.are_verified_by(KEY, form.as_bytes()));
    assert!(over_json.are_verified_by(KEY, json.as_bytes()));
    assert!(!over_json.are_verified_by(b"another secret", form.as_bytes()));
    let altered = form.replace("%3D+2", "%3D+3");
    assert_ne!(altered, form);
    for other in [altered, format!("{form}&"), format!("{form}&payload=%7B%7D"), format!("a=b&{form}")] {
        assert!(!over_json.are_verified_by(KEY, other.as_bytes()), "{other}");
    }
    let over_form = credentials(&headers(&signature(KEY, &form))).unwrap();
    assert!(!over_form.are_verified_by(KEY, form.as_bytes()));
    let signed = Gitea.sign("push", ID, form.as_bytes(), Some(KEY), Timestamp::UNIX_EPOCH);
    assert!(credentials(&signed).unwrap().are_verified_by(KEY, form.as_bytes()));
}
