use jiff::Timestamp;
use trigger_core::{Delivery, Event};

use super::*;
use crate::{DeliveryIdentity, RequestPayload};

fn payload<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Result<RequestPayload<'a>, PayloadError> {
    GitLab.payload(headers, body)
}

#[test]
fn the_body_is_json() {
    for (content_type, accepted) in [
        ("application/json", true),
        ("application/json; charset=utf-8", true),
        ("APPLICATION/JSON;x=y", true),
        ("application/x-www-form-urlencoded", false),
        ("text/plain", false),
        ("application/json, text/plain", false),
        ("", false),
    ] {
        let headers = with(&[("content-type", content_type), ("x-gitlab-event", "Push Hook")]);
        let expected = if accepted { Ok("{}") } else { Err(PayloadError::UnsupportedMediaType) };
        let json = payload(&headers, b"{}").map(|payload| payload.json);
        assert_eq!(json.as_deref(), expected.as_deref(), "{content_type}");
    }
    assert_eq!(payload(&headers("Push Hook"), b"\xff"), Err(PayloadError::NotText));
}

#[test]
fn headers_that_two_readers_could_read_differently_are_refused() {
    const EVENT: &str = "x-gitlab-event";
    let json = ("content-type", "application/json");
    let long = "a".repeat(65);
    for (headers, expected) in [
        (vec![json], PayloadError::MissingHeader(EVENT)),
        (vec![json, (EVENT, "Push Hook"), (EVENT, "Push Hook")], PayloadError::RepeatedHeader(EVENT)),
        (vec![json, json, (EVENT, "Push Hook")], PayloadError::RepeatedHeader("content-type")),
        (vec![json, (EVENT, "")], PayloadError::MalformedHeader(EVENT)),
        (vec![json, (EVENT, "Push  Hook")], PayloadError::MalformedHeader(EVENT)),
        (vec![json, (EVENT, "Push Hook ")], PayloadError::MalformedHeader(EVENT)),
        (vec![json, (EVENT, "Push\tHook")], PayloadError::MalformedHeader(EVENT)),
        (vec![json, (EVENT, "Push{Hook")], PayloadError::MalformedHeader(EVENT)),
        (vec![json, (EVENT, &long)], PayloadError::MalformedHeader(EVENT)),
    ] {
        assert_eq!(payload(&with(&headers), b"{}"), Err(expected), "{headers:?}");
    }
    assert_eq!(payload(&headers("Tag Push Hook"), b"{}").unwrap().event, "Tag Push Hook");
}

#[test]
fn the_id_that_a_signature_covers_comes_first() {
    let long = "a".repeat(129);
    for (ids, expected) in [
        (vec![("webhook-id", "a"), ("idempotency-key", "b"), ("x-gitlab-event-uuid", "c")], Some("a")),
        (vec![("idempotency-key", "b"), ("x-gitlab-event-uuid", "c")], Some("b")),
        (vec![("x-gitlab-event-uuid", "c")], Some("c")),
        (vec![("idempotency-key", ""), ("x-gitlab-event-uuid", "c")], Some("c")),
        (vec![("idempotency-key", "a b")], None),
        (vec![("idempotency-key", long.as_str())], None),
        (vec![("idempotency-key", "a"), ("idempotency-key", "b")], None),
        (vec![("x-gitlab-webhook-uuid", "d")], None),
        (vec![], None),
    ] {
        let mut headers = with(&[("content-type", "application/json"), ("x-gitlab-event", "Push Hook")]);
        headers.extend(with(&[]));
        for (name, value) in &ids {
            headers.append(*name, value.parse().unwrap());
        }
        assert_eq!(payload(&headers, b"{}").unwrap().delivery, expected, "{ids:?}");
    }
}

#[test]
fn equal_bodies_under_two_ids_are_two_deliveries() {
    let identity = GitLab.delivery_identity();
    assert_eq!(identity, DeliveryIdentity::BodyAndId);
    let id = |id| identity.key("/hooks/gitlab", id, b"{}").id();
    assert_eq!(id(Some("a")), id(Some("a")));
    assert_ne!(id(Some("a")), id(Some("b")));
    assert_ne!(id(Some("a")), id(None));
}

#[test]
fn the_kept_headers_are_enough_to_read_the_event_again() {
    let mut headers = headers("Push Hook");
    for secret in ["x-gitlab-token", "webhook-signature", "cookie", "authorization"] {
        headers.insert(secret, "hidden".parse().unwrap());
    }
    headers.insert("user-agent", "GitLab/19.0.0".parse().unwrap());
    headers.insert("x-gitlab-instance", "https://gl.acme.example".parse().unwrap());
    headers.insert("x-gitlab-webhook-uuid", "x".repeat(2000).parse().unwrap());
    let kept = GitLab.keep(&headers);
    assert!(kept.iter().all(|(_, value)| value != "hidden"), "{kept:?}");
    let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["content-type", "x-gitlab-event", "idempotency-key", "x-gitlab-instance", "user-agent"]
    );

    let body = fixtures::PUSH.as_bytes();
    let delivery = Delivery {
        id: GitLab.delivery_identity().key("/hooks/gitlab", Some(ID), body).id(),
        source: "gitlab".into(),
        path: "/hooks/gitlab".into(),
        provider_id: Some(ID.to_owned()),
        event: "Push Hook".to_owned(),
        repository: Some(web()),
        received_at: Timestamp::UNIX_EPOCH,
        headers: kept,
        body: body.to_vec().into(),
        replay: None,
    };
    assert_eq!(
        GitLab.read(&delivery),
        read("Push Hook", fixtures::PUSH).map(|event| Event::Git(event).into())
    );
}
