//! Legacy webhook interceptors.

use serde_json::json;

use super::*;

const URL: &str = "http://hook.team-a.svc/";

fn webhook(headers: &Value) -> Value {
    let object_ref = json!({"kind": "Service", "apiVersion": "v1", "name": "hook"});
    json!({"webhook": {"objectRef": object_ref, "header": headers}})
}

fn requests(world: &World) -> Vec<&WireRequest> {
    let calls = world.asked.iter().filter_map(|ask| match &ask.question {
        Question::Call(request) => Some(&**request),
        _ => None,
    });
    calls.collect()
}

fn sent(request: &WireRequest) -> Vec<String> {
    request.headers.iter().map(|(name, values)| format!("{name}: {}", values.join("|"))).collect()
}

#[test]
fn the_event_is_sent_with_its_headers_and_the_configured_ones() {
    let headers = json!([
        {"name": "X-Str", "value": "one"},
        {"name": "x-list", "value": ["a", "b"]},
        {"name": "X-Sent", "value": "replaced"},
        {"name": "X-Raw", "value": "$(body.n)"},
        {"name": "X-None", "value": []},
    ]);
    let mut world = World::with_server(URL, r#"{"n":2}"#);
    let event_headers = [
        ("Content-Type", "application/json"),
        ("X-Sent", "1"),
        ("X-Sent", "2"),
        ("X-None", "1"),
        ("User-Agent", "ua/1"),
        ("Content-Length", "7"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Accept-Encoding", "gzip"),
        ("Eventlistener-Request-Url", "/forged"),
    ];
    let chain = compile(&json!([webhook(&headers)])).unwrap();
    let step = world.take(&chain, event(&event_headers, "{\"n\":1}"));
    let Step::Passed(course) = step else { panic!("{}", describe(&step)) };
    assert_eq!(course.state().body().text(), "{\"n\":2}");
    let [request] = requests(&world)[..] else { panic!("one request") };
    assert_eq!(
        sent(request),
        [
            "Content-Type: application/json",
            "Eventlistener-Request-Url: /hook?a=1",
            "User-Agent: ua/1",
            "X-List: a|b",
            "X-None: ",
            "X-Raw: $(body.n)",
            "X-Sent: replaced",
            "X-Str: one",
        ]
    );
    assert_eq!(request.body, "{\"n\":1}");
    assert_eq!((request.timeout.as_secs(), request.redirects), (5, Redirects::RefuseBody));
}

#[test]
fn the_address_is_a_url_or_a_service() {
    let service = |namespace: &str| json!({"kind": "Service", "apiVersion": "v1", "name": "hook", "namespace": namespace});
    for (webhook, expected) in [
        (json!({"objectRef": service("")}), "http://hook.team-a.svc/"),
        (json!({"objectRef": service("team-b")}), "http://hook.team-b.svc/"),
        (json!({"url": "http://hook.test:8081/w/x?y=1"}), "http://hook.test:8081/w/x?y=1"),
        (json!({"url": "http://hook.test/", "objectRef": service("")}), "http://hook.test/"),
        (json!({"url": "", "objectRef": service("")}), "http://hook.team-a.svc/"),
    ] {
        let mut world = World::default();
        let found = result(&json!([{"webhook": webhook}]), &[], "{}", &mut world);
        assert_eq!(found, "failed connection refused");
        assert_eq!(&**requests(&world)[0].address.url(), expected, "{webhook}");
        assert_eq!(*requests(&world)[0].address.origin(), Origin::Namespace("team-a".into()), "{webhook}");
    }
}

#[test]
fn the_answer_takes_the_place_of_body_and_headers() {
    let value = |body: &str| {
        let mut answer = ok(body);
        answer.headers.append("x-made", "m1".to_owned());
        let mut world = World { servers: [(URL, answer)].into(), ..World::default() };
        let chain = compile(&json!([webhook(&json!([]))])).unwrap();
        let step = world.take(&chain, event(&[("X-Event", "push")], "{\"n\":1}"));
        let Step::Passed(course) = step else { panic!("{}", describe(&step)) };
        let state = course.state();
        assert_eq!((state.headers().first("X-Event"), state.headers().first("X-Made")), (None, Some("m1")));
        state.event_input().map(|input| input.body.clone()).ok()
    };
    for (body, expected) in [
        ("{\"n\":2}", Some(json!({"n": 2}))),
        ("[{\"a\":1}]", Some(json!([{"a": 1}]))),
        ("null", Some(json!(null))),
        ("", Some(json!(null))),
        ("just text", None),
    ] {
        assert_eq!(value(body), expected, "{body}");
    }
}

#[test]
fn another_status_stops_the_event() {
    let refused = WireResponse::new(403, "Forbidden", Headers::new(), b"not you");
    let mut world = World { servers: [(URL, refused)].into(), ..World::default() };
    let found = result(&json!([webhook(&json!([]))]), &[], "{}", &mut world);
    assert_eq!(found, "stopped request rejected; status: 403 Forbidden; message: not you");
    let found = result(&json!([webhook(&json!([]))]), &[], "{}", &mut World::default());
    assert_eq!(found, "failed connection refused");
}

#[test]
fn extensions_are_merged_into_the_body_that_is_sent() {
    let overlays = json!({"ref": {"name": "cel"}, "params": {"overlays": [
        {"key": "e", "expression": "'<E>'"}, {"key": "o.p", "expression": "'deep'"},
    ]}});
    let added = r#""extensions":{"e":"\u003cE\u003e","o":{"p":"deep"}}"#;
    for (body, expected) in [
        ("{ \"n\": 1 }", format!("{{ \"n\": 1 ,{added}}}")),
        ("{\"n\":1}\n", format!("{{\"n\":1,{added}}}")),
        ("{}", format!("{{{added}}}")),
        ("{ }", format!("{{ {added}}}")),
        ("{\"a\":{}}", format!("{{\"a\":{{}},{added}}}")),
        ("", format!("{{{added}}}")),
        ("null", format!("{{{added}}}")),
        (
            "{\"extensions\":{\"own\":1},\"n\":1}",
            r#"{"extensions":{"e":"\u003cE\u003e","o":{"p":"deep"},"own":1},"n":1}"#.to_owned(),
        ),
    ] {
        let mut world = World::with_server(URL, r#"{"n":2}"#);
        let chain = json!([overlays, webhook(&json!([]))]);
        let found = result(&chain, &[], body, &mut world);
        // The extensions stay for what follows.
        assert_eq!(found, r#"passed {"e":"<E>","o":{"p":"deep"}}"#, "{body}");
        let [request] = requests(&world)[..] else { panic!("one request") };
        assert_eq!(str::from_utf8(&request.body).unwrap(), expected, "{body}");
    }
    // Extensions of another interceptor do not ask for a JSON body.
    let remote = json!({"ref": {"name": "lint", "address": "http://lint.test/"}});
    for body in ["just text", "[]", "5"] {
        let answer = ok(r#"{"continue":true,"extensions":{"e":1}}"#);
        let mut world = World { servers: [("http://lint.test/", answer)].into(), ..World::default() };
        let found = result(&json!([remote, webhook(&json!([]))]), &[], body, &mut world);
        assert!(found.starts_with("failed could not merge extensions with body: "), "{found}");
    }
}

#[test]
fn a_chain_sees_what_a_webhook_made_of_the_event() {
    let second = "http://hook2.team-a.svc/";
    let mut answer = ok("{\"n\": \"first\"}");
    answer.headers.append("X-Made", "m1".to_owned());
    answer.headers.append("Content-Length", "14".to_owned());
    let mut world =
        World { servers: [(URL, answer), (second, ok(r#"{"n":"second"}"#))].into(), ..World::default() };
    let chain = json!([
        webhook(&json!([])),
        {"ref": {"name": "cel"}, "params": {"overlays": [{"key": "e", "expression": "body.n + header.canonical('X-Made')"}]}},
        {"webhook": {"url": second}},
    ]);
    let chain = compile(&chain).unwrap();
    let step = world.take(&chain, event(&[("User-Agent", "ua/1")], "{\"n\":1}"));
    assert_eq!(describe(&step), r#"passed {"e":"firstm1"}"#);
    let Step::Passed(course) = step else { panic!("it passed") };
    assert_eq!(course.state().body().text(), r#"{"n":"second"}"#);
    let [_, request] = requests(&world)[..] else { panic!("two requests") };
    assert_eq!(sent(request), ["Eventlistener-Request-Url: /hook?a=1", "X-Made: m1"]);
    assert_eq!(request.body, "{\"n\": \"first\",\"extensions\":{\"e\":\"firstm1\"}}");
}
