use jiff::Timestamp;
use trigger_core::{Delivery, Event};

use super::*;
use crate::{DeliveryIdentity, RequestPayload, sender};

fn payload<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Result<RequestPayload<'a>, PayloadError> {
    Gitea.payload(headers, body)
}

fn typed(content_type: &str) -> HeaderMap {
    with(&[("content-type", content_type), ("x-gitea-event", "push")])
}

#[test]
fn the_names_of_all_three_servers_count_and_have_to_agree() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    let long = "a".repeat(65);
    for (headers, expected) in [
        (vec![("x-gitea-event", "push")], Ok("push")),
        (vec![("x-forgejo-event", "push")], Ok("push")),
        (vec![("x-gogs-event", "push")], Ok("push")),
        (vec![("x-gogs-event", "push"), ("x-forgejo-event", "push"), ("x-gitea-event", "push")], Ok("push")),
        (vec![("x-gitea-event", "push"), ("x-github-event", "pull_request")], Ok("push")),
        (vec![("x-gitea-event", "push"), ("x-gitlab-event", "Tag Push Hook")], Ok("push")),
        (vec![("x-github-event", "push")], Err(PayloadError::MissingHeader("x-gitea-event"))),
        (vec![("x-gitea-event-type", "push")], Err(PayloadError::MissingHeader("x-gitea-event"))),
        (vec![], Err(PayloadError::MissingHeader("x-gitea-event"))),
        (
            vec![("x-gitea-event", "push"), ("x-gogs-event", "delete")],
            Err(PayloadError::MalformedHeader("x-gogs-event")),
        ),
        (
            vec![("x-gitea-event", "push"), ("x-forgejo-event", "Push")],
            Err(PayloadError::MalformedHeader("x-forgejo-event")),
        ),
        (
            vec![("x-gitea-event", "push"), ("x-gogs-event", "")],
            Err(PayloadError::MalformedHeader("x-gogs-event")),
        ),
        (
            vec![("x-gitea-event", "push"), ("x-gogs-event", "push"), ("x-gogs-event", "push")],
            Err(PayloadError::RepeatedHeader("x-gogs-event")),
        ),
        (vec![("x-gitea-event", "pu sh")], Err(PayloadError::MalformedHeader("x-gitea-event"))),
        (vec![("x-gitea-event", &long)], Err(PayloadError::MalformedHeader("x-gitea-event"))),
        (vec![("x-gitea-event", "push"), JSON], Err(PayloadError::RepeatedHeader("content-type"))),
    ] {
        let headers = with(&[&[JSON], &headers[..]].concat());
        assert_eq!(payload(&headers, b"{}").map(|payload| payload.event), expected, "{headers:?}");
    }
}

#[test]
fn a_request_with_the_headers_of_several_providers_is_of_the_one_that_sends_all() {
    for name in ["x-gitea-event", "x-forgejo-event", "x-gogs-event"] {
        let headers = with(&[("x-github-event", "push"), (name, "push")]);
        assert_eq!(sender(&headers).map(Provider::name), Some("gitea"), "{name}");
    }
    assert_eq!(sender(&headers("push")).map(Provider::name), Some("gitea"));
    assert_eq!(sender(&with(&[("x-github-event", "push")])).map(Provider::name), Some("github"));
}

#[test]
fn ids_of_deliveries_agree_and_an_odd_one_is_dropped() {
    let long = "a".repeat(129);
    for (ids, expected) in [
        (
            vec![("x-gitea-delivery", "a"), ("x-gogs-delivery", "a"), ("x-forgejo-delivery", "a")],
            Ok(Some("a")),
        ),
        (vec![("x-gogs-delivery", "b")], Ok(Some("b"))),
        (vec![("x-forgejo-delivery", "b"), ("x-gitea-delivery", "")], Ok(Some("b"))),
        (vec![("x-gitea-delivery", "a b")], Ok(None)),
        (vec![("x-gitea-delivery", long.as_str())], Ok(None)),
        (vec![("x-gitea-delivery", "a"), ("x-gitea-delivery", "b")], Ok(None)),
        (vec![("x-github-delivery", "a")], Ok(None)),
        (vec![], Ok(None)),
        (
            vec![("x-gitea-delivery", "a"), ("x-gogs-delivery", "b")],
            Err(PayloadError::MalformedHeader("x-gogs-delivery")),
        ),
    ] {
        let mut headers = typed("application/json");
        for (name, value) in &ids {
            headers.append(*name, value.parse().unwrap());
        }
        assert_eq!(payload(&headers, b"{}").map(|payload| payload.delivery), expected, "{ids:?}");
    }
}

#[test]
fn the_body_says_whether_it_is_a_form_and_the_type_of_a_form_takes_nothing_else() {
    let json = r#"{"zen":"1 + 1 = 2 & more, \u00fc and ü"}"#;
    let form = form(json);
    let malformed = Err(PayloadError::Form("payload"));
    for (content_type, body, expected) in [
        ("application/json", json, Ok(json)),
        ("APPLICATION/JSON; charset=utf-8", json, Ok(json)),
        ("application/x-www-form-urlencoded", &form, Ok(json)),
        ("application/x-www-form-urlencoded; charset=utf-8", &form, Ok(json)),
        ("application/json", &form, Ok(json)),
        ("application/x-www-form-urlencoded", json, malformed.clone()),
        ("application/x-www-form-urlencoded", r#"{"x":"&payload=%7B%7D"}"#, malformed.clone()),
        ("application/x-www-form-urlencoded", "", malformed.clone()),
        ("application/x-www-form-urlencoded", "payload=%7B%7D&payload=%7B%7D", malformed.clone()),
        ("application/x-www-form-urlencoded", "payload=%7B%7D&other=x", malformed.clone()),
        ("application/x-www-form-urlencoded", "other=x&payload=%7B%7D", malformed.clone()),
        ("application/json", "payload={}", malformed.clone()),
        ("application/json", "payload=%7B%7D&", malformed),
        ("application/json", "payload=%ff", Err(PayloadError::NotText)),
        ("text/plain", json, Err(PayloadError::UnsupportedMediaType)),
        ("", json, Err(PayloadError::UnsupportedMediaType)),
    ] {
        let headers = typed(content_type);
        let json = payload(&headers, body.as_bytes()).map(|payload| payload.json);
        assert_eq!(json.as_deref(), expected.as_deref(), "{content_type} {body}");
    }
    assert_eq!(payload(&headers("push"), b"\xff"), Err(PayloadError::NotText));
    let untyped = with(&[("x-gitea-event", "push")]);
    assert_eq!(payload(&untyped, b"{}"), Err(PayloadError::UnsupportedMediaType));
}

#[test]
fn any_spelling_of_a_body_under_any_id_is_one_delivery() {
    assert_eq!(Gitea.delivery_identity(), DeliveryIdentity::Body);
    let id = |id, body: &str| Gitea.delivery_id("/hooks/gitea", id, body.as_bytes());
    let expected = id(Some("a"), fixtures::PUSH);
    let form = form(fixtures::PUSH);
    for body in [fixtures::PUSH, &form, &form.replace('+', "%20"), &form.replace("%2F", "%2f")] {
        assert_eq!(id(Some("b"), body), expected, "{body:.80}");
        assert_eq!(id(None, body), expected, "{body:.80}");
    }
    assert_ne!(id(Some("a"), fixtures::TAG), expected);
    assert_ne!(id(Some("a"), &format!("{} ", fixtures::PUSH)), expected);
    assert_ne!(Gitea.delivery_id("/other", None, fixtures::PUSH.as_bytes()), expected);
}

fn delivery(kept: Vec<(String, String)>, body: &[u8]) -> Delivery {
    Delivery {
        id: Gitea.delivery_id("/hooks/gitea", Some(ID), body),
        source: "gitea".into(),
        path: "/hooks/gitea".into(),
        provider_id: Some(ID.to_owned()),
        event: "push".to_owned(),
        repository: Some(web()),
        received_at: Timestamp::UNIX_EPOCH,
        headers: kept,
        body: body.to_vec().into(),
        replay: None,
    }
}

#[test]
fn the_kept_headers_are_enough_to_read_the_event_again() {
    let mut headers = headers("push");
    for secret in ["x-gitea-signature", "x-gogs-signature", "x-hub-signature-256", "cookie", "authorization"]
    {
        headers.insert(secret, "hidden".parse().unwrap());
    }
    headers.insert("user-agent", "Go-http-client/1.1".parse().unwrap());
    headers.insert("x-gitea-hook-installation-target-type", "x".repeat(2000).parse().unwrap());
    let kept = Gitea.keep(&headers);
    assert!(kept.iter().all(|(_, value)| value != "hidden"), "{kept:?}");
    let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "content-type",
        "x-gitea-event",
        "x-gogs-event",
        "x-gitea-delivery",
        "x-gogs-delivery",
        "x-gitea-event-type",
        "user-agent",
    ];
    assert_eq!(names, expected);

    let event = read("push", fixtures::PUSH).map(|event| Event::Git(event).into());
    assert_eq!(Gitea.read(&delivery(kept, fixtures::PUSH.as_bytes())), event);
    // The journal may keep the headers of one arrival with the body of another.
    let form = form(fixtures::PUSH);
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        headers.insert("content-type", content_type.parse().unwrap());
        for body in [fixtures::PUSH, &form] {
            assert_eq!(Gitea.read(&delivery(Gitea.keep(&headers), body.as_bytes())), event, "{content_type}");
        }
    }
}
