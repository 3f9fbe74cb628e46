use super::*;
use crate::RequestPayload;
use fixtures::push::push;

fn payload<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Result<RequestPayload<'a>, PayloadError> {
    GitHub.payload(headers, body)
}

#[test]
fn upstream_conformance_lines_w1_to_w4() {
    let push = push("refs/heads/main", 1);
    let unnamed = with(&[("content-type", "application/json")]);
    assert_eq!(payload(&unnamed, push.as_bytes()), Err(PayloadError::MissingHeader("x-github-event")), "W1");

    // W2: upstream's selector of a ping is empty. This one names the repository too, so that the hook of an unknown
    // repository is answered differently from the hook of a known one.
    assert_eq!(select("ping", fixtures::PING), Ok(Selector { names: vec![web()], is_ping: true }), "W2");
    let event = headers("ping");
    assert_eq!(payload(&event, fixtures::PING.as_bytes()).unwrap().json, fixtures::PING, "W2");

    assert_eq!(select("push", &push), Ok(Selector { names: vec![web()], is_ping: false }), "W3");
    assert_eq!(read("push", &push).unwrap().kind.name(), "Push", "W3");

    // W4: upstream refuses events it does not know. Here they are kept, with the explanation that nothing can be
    // built, because a provider that is refused often switches the hook off.
    assert_eq!(read("unsupported", &push).unwrap().kind.name(), "unsupported", "W4");
    assert!(read("un supported", &push).is_err(), "W4");
}

#[test]
fn content_types_are_json_and_form_with_any_parameters() {
    let json = r#"{"zen":"1 + 1 = 2 & more"}"#;
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish();
    for (content_type, body, expected) in [
        ("application/json", json, Ok(json)),
        ("application/json; charset=utf-8", json, Ok(json)),
        ("APPLICATION/JSON;x=y", json, Ok(json)),
        ("application/x-www-form-urlencoded", &form, Ok(json)),
        ("application/x-www-form-urlencoded; charset=utf-8", &form, Ok(json)),
        ("text/plain", json, Err(PayloadError::UnsupportedMediaType)),
        ("application/json, text/plain", json, Err(PayloadError::UnsupportedMediaType)),
        ("", json, Err(PayloadError::UnsupportedMediaType)),
    ] {
        let headers = with(&[("content-type", content_type), ("x-github-event", "ping")]);
        let json = payload(&headers, body.as_bytes()).map(|payload| payload.json);
        assert_eq!(json.as_deref(), expected.as_deref(), "{content_type}");
    }
    let untyped = with(&[("x-github-event", "ping")]);
    assert_eq!(payload(&untyped, b"{}"), Err(PayloadError::UnsupportedMediaType));
    let endless = with(&[("content-type", &"application/json;".repeat(100)), ("x-github-event", "ping")]);
    assert_eq!(payload(&endless, b"{}"), Err(PayloadError::UnsupportedMediaType));
}

#[test]
fn a_form_is_the_one_field_payload_and_nothing_else() {
    let form = |body: &[u8]| {
        let headers =
            with(&[("content-type", "application/x-www-form-urlencoded"), ("x-github-event", "ping")]);
        payload(&headers, body).map(|payload| payload.json.into_owned())
    };
    for (body, expected) in [
        ("payload=%7b%7D", "{}"),
        ("payload=", ""),
        ("payload=a+%2B%20%26%3d~-._*!'()", "a + &=~-._*!'()"),
        ("payload=%C3%A9", "é"),
    ] {
        assert_eq!(form(body.as_bytes()).as_deref(), Ok(expected), "{body}");
    }
    for body in [
        "",
        "payload",
        r#"{"a":"b"}"#,
        // A signed JSON body of which an unsigned content type says that it is a form.
        r#"{"title":"&payload=%7B%7D"}"#,
        r#"{"title":"&payload=%7B%7D&"}"#,
        "&payload=1",
        " payload=1",
        "payload=1&",
        "payload=1&payload=2",
        "payload=1&other=x",
        "other=x&payload=1",
        "payload=1;other=x",
        "payload=a=b",
        "payload={}",
        "payload=a b",
        "payload=1\r\n",
        "payload=%",
        "payload=%4",
        "payload=%4g",
        "payload=%+4",
        "Payload=1",
        "payload[]=1",
        "p%61yload=1",
    ] {
        assert_eq!(form(body.as_bytes()), Err(PayloadError::Form("payload")), "{body}");
    }
    assert_eq!(form("payload=é".as_bytes()), Err(PayloadError::Form("payload")));
    assert_eq!(form(b"payload=%ff"), Err(PayloadError::NotText));
}

#[test]
fn headers_that_two_readers_could_read_differently_are_refused() {
    let json = ("content-type", "application/json");
    let ping = ("x-github-event", "ping");
    for (headers, expected) in [
        (vec![json, ping, ("x-github-event", "push")], PayloadError::RepeatedHeader("x-github-event")),
        (vec![json, ping, json], PayloadError::RepeatedHeader("content-type")),
        (vec![json, ("x-github-event", "")], PayloadError::MalformedHeader("x-github-event")),
        (vec![json, ("x-github-event", "a b")], PayloadError::MalformedHeader("x-github-event")),
        (vec![json, ("x-github-event", &"a".repeat(65))], PayloadError::MalformedHeader("x-github-event")),
    ] {
        assert_eq!(payload(&with(&headers), b"{}"), Err(expected), "{headers:?}");
    }
}

#[test]
fn a_delivery_id_that_is_odd_is_dropped() {
    let long = "a".repeat(129);
    for (ids, expected) in [
        (vec!["72d3162e-cc78-11e3-81ab-4c9367dc0958"], Some("72d3162e-cc78-11e3-81ab-4c9367dc0958")),
        (vec![], None),
        (vec![""], None),
        (vec!["a b"], None),
        (vec![long.as_str()], None),
        (vec!["a", "b"], None),
    ] {
        let mut headers = with(&[("content-type", "application/json"), ("x-github-event", "ping")]);
        for id in &ids {
            headers.append("x-github-delivery", id.parse().unwrap());
        }
        assert_eq!(payload(&headers, b"{}").unwrap().delivery, expected, "{ids:?}");
    }
}

#[test]
fn an_unsupported_media_type_is_415_and_all_else_400() {
    assert_eq!(PayloadError::UnsupportedMediaType.status(), 415);
    for error in
        [PayloadError::MissingHeader("x-github-event"), PayloadError::NotText, PayloadError::NoRepository]
    {
        assert_eq!(error.status(), 400, "{error}");
    }
}

#[test]
fn the_kept_headers_are_enough_to_read_the_event_again() {
    let body = push("refs/heads/main", 2);
    let mut headers = headers("push");
    for secret in ["x-hub-signature-256", "x-hub-signature", "cookie", "authorization"] {
        headers.insert(secret, "hidden".parse().unwrap());
    }
    headers.insert("user-agent", "GitHub-Hookshot/1".parse().unwrap());
    headers.insert("x-github-hook-id", "x".repeat(2000).parse().unwrap());
    headers.append("x-github-enterprise-host", "a.example".parse().unwrap());
    headers.append("x-github-enterprise-host", "b.example".parse().unwrap());
    let kept = GitHub.keep(&headers);
    assert!(kept.iter().all(|(_, value)| value != "hidden"), "{kept:?}");
    let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "x-github-event", "x-github-delivery", "user-agent"]);

    let delivery = signatures::delivery(kept, body.clone().into_bytes());
    assert_eq!(GitHub.read(&delivery), read("push", &body).map(|event| Event::Git(event).into()));
}
