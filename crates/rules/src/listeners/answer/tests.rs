use trigger_core::ObjectKey;
use trigger_expr::Headers;

use super::*;

fn examine(target: &str, body: &[u8]) -> Examined {
    let listener = ObjectKey::new("depot", "front");
    let answering = Answering { listener: &listener, uid: "u-1", validates_payload: true };
    answering.examine(Arrival { target, headers: &Headers::new(), body }, "/listeners/depot/front")
}

fn error_of(body: &[u8]) -> Option<String> {
    match examine("/", body) {
        Examined::Event { .. } => None,
        Examined::Answered(answer) => {
            assert_eq!((answer.status, &*answer.headers), (400, &[json()][..]));
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["eventListenerUID"], "", "the listener is not looked up for a refusal");
            let message = body["errorMessage"].as_str().unwrap();
            Some(message.strip_prefix("Invalid event body format : ").unwrap().to_owned())
        }
    }
}

#[test]
fn a_payload_is_an_object_or_null_and_errors_are_in_the_words_of_go() {
    for body in [
        "{}",
        "null",
        " \t\r\n{} \n",
        "{\"a\":[],\"b\":[1,-0.5e+3,{}],\"c\":\"\\u00e9\\n\"}",
        "{\"a\":1e308}",
    ] {
        assert_eq!(error_of(body.as_bytes()), None, "{body}");
    }
    let no_object = |found: &str| {
        format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}")
    };
    let rows: &[(&[u8], String)] = &[
        (b"", UNEXPECTED.into()),
        (b"  ", UNEXPECTED.into()),
        (b"{\"a\"", UNEXPECTED.into()),
        (b"{\"a\":", UNEXPECTED.into()),
        (b"{\"a\":\"b", UNEXPECTED.into()),
        (b"{\"a\":\"\\", UNEXPECTED.into()),
        (b"{\"a\":1", UNEXPECTED.into()),
        (b"{\"a\":tru", UNEXPECTED.into()),
        (b"[1,", UNEXPECTED.into()),
        (b"[]", no_object("array")),
        (b"\"x\"", no_object("string")),
        (b"-7", no_object("number")),
        (b"false", no_object("bool")),
        (b"hello", "invalid character 'h' looking for beginning of value".into()),
        (b"tea", "invalid character 'e' in literal true (expecting 'r')".into()),
        (b"nul1", "invalid character '1' in literal null (expecting 'l')".into()),
        (b"{\"a\":1}x", "invalid character 'x' after top-level value".into()),
        (b"{} {}", "invalid character '{' after top-level value".into()),
        (b"{'a':1}", "invalid character '\\'' looking for beginning of object key string".into()),
        (b"{\"a\":1,}", "invalid character '}' looking for beginning of object key string".into()),
        (b"{\"a\" 1}", "invalid character '1' after object key".into()),
        (b"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair".into()),
        (b"{\"a\":[1 2]}", "invalid character '2' after array element".into()),
        (b"{\"a\":[1,]}", "invalid character ']' looking for beginning of value".into()),
        (b"{\"a\":01}", "invalid character '1' after object key:value pair".into()),
        (b"{\"a\":-x}", "invalid character 'x' in numeric literal".into()),
        (b"{\"a\":1.}", "invalid character '}' after decimal point in numeric literal".into()),
        (b"{\"a\":1e}", "invalid character '}' in exponent of numeric literal".into()),
        (b"{\"a\":\"x\ny\"}", "invalid character '\\n' in string literal".into()),
        (b"{\"a\":\"\\x\"}", "invalid character 'x' in string escape code".into()),
        (b"{\"a\":\"\\u00g0\"}", "invalid character 'g' in \\u hexadecimal character escape".into()),
        (b"\x1f\x8b\x08", "invalid character '\\x1f' looking for beginning of value".into()),
        (b"\xff{}", "invalid character '\\xff' looking for beginning of value".into()),
        ("\u{feff}{}".as_bytes(), "invalid character '\\ufeff' looking for beginning of value".into()),
        ("ü".as_bytes(), "invalid character 'ü' looking for beginning of value".into()),
        (
            b"{\"size\":1e999}",
            "json: cannot unmarshal number 1e999 into Go struct field .size of type float64".into(),
        ),
        (
            b"{\"a\":[0,{\"b\":-2e999}],\"c\":3e999}",
            "json: cannot unmarshal number -2e999 into Go struct field .a.1.b of type float64".into(),
        ),
    ];
    for (body, expected) in rows {
        assert_eq!(error_of(body).as_ref(), Some(expected), "{}", String::from_utf8_lossy(body));
    }
}

const UNEXPECTED: &str = "unexpected end of JSON input";

#[test]
fn the_depth_of_a_payload_is_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let deepest = crate::limits::DEEPEST_PAYLOAD;
    assert_eq!(error_of(nested(deepest).as_bytes()), None);
    assert!(serde_json::from_str::<serde_json::Value>(&nested(deepest)).is_ok(), "the parser reads as much");
    assert_eq!(error_of(nested(deepest + 1).as_bytes()).as_deref(), Some("exceeded max depth"));
    assert_eq!(error_of("[".repeat(1 << 20).as_bytes()).as_deref(), Some("exceeded max depth"));
}

#[test]
fn a_payload_that_is_not_checked_is_an_event() {
    let listener = ObjectKey::new("depot", "front");
    let answering = Answering { listener: &listener, uid: "u-1", validates_payload: false };
    let arrival = Arrival { target: "/", headers: &Headers::new(), body: b"token=x&text=y" };
    assert_eq!(answering.examine(arrival, ""), Examined::Event { request_url: "/".to_owned() });
}

#[test]
fn unclean_paths_are_redirected_and_the_probe_is_answered() {
    for (target, location) in [
        ("//", "/"),
        ("//ci", "/ci"),
        ("/ci//push?ref=a", "/ci/push?ref=a"),
        ("/ci/./push", "/ci/push"),
        ("/ci/../push?b=%2F", "/push?b=%2F"),
        ("/..", "/"),
        ("/ci/.", "/ci"),
        ("/ci/../", "/"),
        ("//ci//", "/ci/"),
        ("//live", "/live"),
    ] {
        let Examined::Answered(answer) = examine(target, b"{}") else { panic!("{target} is an event") };
        let headers = vec![("Location", format!("/listeners/depot/front{location}"))];
        assert_eq!(answer, Answer { status: 307, headers, body: Vec::new() }, "{target}");
    }
    for target in ["/live", "/live?verbose=1"] {
        let Examined::Answered(answer) = examine(target, b"no JSON") else { panic!("{target} is an event") };
        assert_eq!((answer.status, &*answer.body), (200, &b"ok"[..]));
    }
}

#[test]
fn interceptors_see_the_url_as_it_was_sent() {
    for (target, url) in [
        ("/", "/"),
        ("/live/", "/live/"),
        ("/LIVE", "/LIVE"),
        ("/ci?", "/ci?"),
        ("/%2e%2e/x", "/%2e%2e/x"),
        ("/%C3%A9?q=+&r=a//b", "/%C3%A9?q=+&r=a//b"),
        ("/é|x", "/%C3%A9%7Cx"),
        ("http://hooks.example/ci?u=1", "http://hooks.example/ci?u=1"),
        ("http://hooks.example", "http://hooks.example"),
    ] {
        assert_eq!(examine(target, b"{}"), Examined::Event { request_url: url.to_owned() }, "{target}");
    }
}

#[test]
fn an_event_is_answered_with_its_id_and_a_cloud_event_with_one() {
    let listener = ObjectKey::new("depot", "front");
    let answering = Answering { listener: &listener, uid: "u-1", validates_payload: true };
    let body = r#"{"eventListener":"front","namespace":"depot","eventListenerUID":"u-1","eventID":"e-1"}"#;
    let answer = |headers: &[(&str, &str)]| {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.append(name, (*value).to_owned());
        }
        answering.accepted(&all, "e-1")
    };
    let plain = Answer { status: 202, headers: vec![json()], body: format!("{body}\n").into_bytes() };
    for headers in [
        &[][..],
        &[("Ce-Type", "x"), ("Ce-Specversion", "")],
        &[("Ce-Specversion", "2.0")],
        &[("Content-Type", "application/cloudevents")],
    ] {
        assert_eq!(answer(headers), plain, "{headers:?}");
    }
    for headers in [
        &[("ce-specversion", "1.0")][..],
        &[("Ce-Specversion", "0.3")],
        &[("Content-Type", "Application/CloudEvents+JSON; charset=utf-8")],
        &[("Content-Type", "application/cloudevents-batch+json")],
    ] {
        let answer = answer(headers);
        assert_eq!((answer.status, &*answer.body), (202, body.as_bytes()), "{headers:?}");
        let cloud_event = [
            json(),
            ("Ce-Id", "e-1".to_owned()),
            ("Ce-Source", "front".to_owned()),
            ("Ce-Specversion", "1.0".to_owned()),
            ("Ce-Subject", "depot.front accepted e-1".to_owned()),
            ("Ce-Type", "dev.tekton.event.triggers.accepted.v1".to_owned()),
        ];
        assert_eq!(answer.headers, cloud_event);
    }
}

#[test]
fn a_request_is_printed_without_its_content() {
    let mut headers = Headers::new();
    headers.append("X-Gitlab-Token", "s3cret".to_owned());
    let arrival = Arrival { target: "/?a=1", headers: &headers, body: b"password" };
    let expected = r#"Arrival { target: "/?a=1", headers: {"X-Gitlab-Token"}, length: 8, .. }"#;
    assert_eq!(format!("{arrival:?}"), expected);
}
