//! Interceptors behind ClusterInterceptor and Interceptor objects.

use serde_json::json;

use super::*;

const URL: &str = "http://ext.team-a.svc:8081/check";

fn remote() -> Value {
    json!({"ref": {"name": "lint", "address": URL}})
}

fn request(world: &World) -> &WireRequest {
    let calls = world.asked.iter().filter_map(|ask| match &ask.question {
        Question::Call(request) => Some(request),
        _ => None,
    });
    calls.last().unwrap()
}

#[test]
fn a_request_is_written_as_go_writes_it() {
    let chain = json!([
        {"ref": {"name": "cel"}, "params": {"overlays": [{"key": "before", "expression": "'B'"}]}},
        {
            "ref": {"name": "lint", "kind": "NamespacedInterceptor", "address": URL},
            "params": {"text": "a<b>&c", "object": {"z": [1, null, true]}, "null": null, "number": 1.5, "raw": "$(body.n)"},
        },
    ]);
    let body = "{ \"n\": 1,  \"s\": \"ü <&>\" }";
    let mut world =
        World::with_server(URL, r#"{"continue":true,"extensions":{"x":{"y":"Y"},"l":[1],"n":null}}"#);
    let headers =
        [("content-type", "application/json"), ("X-Two", "a"), ("x-two", "b"), ("Content-Length", "29")];
    let chain = compile(&chain).unwrap();
    let step = world.take(&chain, event_at("/some/path?q=1&r=%20", &headers, body.as_bytes()));
    assert_eq!(describe(&step), r#"passed {"before":"B","l":[1],"n":null,"x":{"y":"Y"}}"#);
    let request = request(&world);
    assert_eq!(&**request.address.url(), URL);
    let sent: Vec<_> = request.headers.iter().map(|(name, values)| (name, values.join(","))).collect();
    assert_eq!(sent, [("Content-Type", "application/json".to_owned())]);
    let expected = concat!(
        r#"{"body":"{ \"n\": 1,  \"s\": \"ü \u003c\u0026\u003e\" }","#,
        r#""header":{"Content-Length":["29"],"Content-Type":["application/json"],"X-Two":["a","b"]},"#,
        r#""extensions":{"before":"B"},"interceptor_params":{"null":null,"number":1.5,"object":{"z":[1,null,true]},"#,
        r#""raw":"$(body.n)","text":"a\u003cb\u003e\u0026c"},"context":{"event_url":"/some/path?q=1\u0026r=%20","#,
        r#""event_id":"event-1","trigger_id":"namespaces/team-a/triggers/push"}}"#,
    );
    assert_eq!(str::from_utf8(&request.body).unwrap(), expected);
    assert_eq!(
        (request.timeout.as_secs(), request.retries, request.redirects),
        (10, 2, Redirects::SendBodyAgain)
    );
}

#[test]
fn empty_parts_of_a_request_are_left_out() {
    let mut world = World::with_server(URL, r#"{"continue":true}"#);
    let group = TriggerId { scope: ChainScope::Group, ..trigger() };
    let chain = compile_for(group, &json!([remote()]), &CallSettings::default()).unwrap();
    world.take(&chain, event_at("/", &[], b""));
    let expected = r#"{"context":{"event_url":"/","event_id":"event-1","trigger_id":"namespaces/team-a/triggerGroups/push"}}"#;
    assert_eq!(str::from_utf8(&request(&world).body).unwrap(), expected);
    let mut world = World::with_server(URL, r#"{"continue":true}"#);
    world.take(&chain, event_at("/", &[], b"\xff{"));
    assert!(str::from_utf8(&request(&world).body).unwrap().starts_with("{\"body\":\"\u{fffd}{\","));
}

#[test]
fn an_answer_lets_the_event_pass_or_stops_it() {
    for (answer, expected) in [
        (r#"{"continue":true}"#, "passed"),
        (r#"{"Continue":true,"other":1}"#, "passed"),
        (r#"{"continue":true,"extensions":null}"#, "passed"),
        (r#"{"continue":true,"extensions":{"a":{"b":1}}}"#, r#"passed {"a":{"b":1}}"#),
        (r#"{"continue":true,"status":{"code":13,"message":"still fine"}}"#, "passed"),
        (r#"{"continue":false,"status":{"code":9,"message":"not today"}}"#, "9 not today"),
        (r#"{"continue":false,"status":{"code":"NOT_FOUND","message":"gone"}}"#, "5 gone"),
        (r#"{"continue":false,"extensions":{"a":1}}"#, "0 "),
        ("{}", "0 "),
        ("null", "0 "),
        (
            r#"{"continue":"true"}"#,
            "failed the answer of the interceptor has the wrong type at `continue`: true or false is expected",
        ),
        (
            r#"{"continue":true,"status":{"code":99}}"#,
            "failed the answer of the interceptor has an unknown status code: 0 to 16 or a name such as `INTERNAL` is \
             expected",
        ),
        (
            "{\"continue\":true} and more",
            "failed the answer of the interceptor is no JSON: trailing characters at line 1 column 19",
        ),
        ("", "failed the answer of the interceptor is no JSON: EOF while parsing a value at line 1 column 0"),
    ] {
        let found = result(&json!([remote()]), &[], "{}", &mut World::with_server(URL, answer));
        assert_eq!(found, expected, "{answer}");
    }
}

#[test]
fn a_call_without_a_good_answer_fails() {
    let with = |response| World { servers: [(URL, response)].into(), ..World::default() };
    let refused = WireResponse::new(503, "Service Unavailable", Headers::new(), b"busy");
    let redirect = WireResponse::new(302, "Found", Headers::new(), b"");
    for (mut world, expected) in [
        (with(refused), "failed interceptor response was not 200: busy"),
        (with(redirect), "failed interceptor response was not 200: "),
        (
            with(WireResponse::new(201, "", Headers::new(), br#"{"continue":true}"#)),
            "failed interceptor response was not 200: {\"continue\":true}",
        ),
        (World::default(), "failed connection refused"),
    ] {
        assert_eq!(result(&json!([remote()]), &[], "{}", &mut world), expected);
    }
}

#[test]
fn extensions_are_merged_key_by_key_and_the_last_counts() {
    let overlays = |list: Value| json!({"ref": {"name": "cel"}, "params": {"overlays": list}});
    for (chain, expected) in [
        (
            json!([
                overlays(json!([{"key": "a.one", "expression": "1"}, {"key": "keep", "expression": "'k'"}])),
                overlays(
                    json!([{"key": "a.two", "expression": "2"}, {"key": "new", "expression": "extensions.keep"}])
                ),
            ]),
            r#"passed {"a":{"two":2},"keep":"k","new":"k"}"#,
        ),
        (
            json!([
                overlays(json!([{"key": "x", "expression": "'old'"}, {"key": "y", "expression": "1"}])),
                remote()
            ]),
            r#"passed {"x":{"y":"Y"},"y":1}"#,
        ),
    ] {
        let answer = r#"{"continue":true,"extensions":{"x":{"y":"Y"}}}"#;
        let found = result(&chain, &[], "{}", &mut World::with_server(URL, answer));
        assert_eq!(found, expected, "{chain}");
    }
}

#[test]
fn annotations_set_the_time_and_the_retries_of_a_call() {
    let (settings, errors) =
        CallSettings::read(|key| Some(if key.ends_with("timeout") { "lint=30s,1s" } else { "own=4,0" }));
    assert!(errors.is_empty());
    for (interceptor, seconds, retries) in [
        (json!({"ref": {"name": "lint", "address": URL}}), 1, 0),
        (json!({"name": "own", "ref": {"name": "lint", "address": URL}}), 1, 0),
        (json!({"webhook": {"url": URL}}), 1, 0),
    ] {
        let chain = compile_for(trigger(), &json!([interceptor]), &settings).unwrap();
        let mut world = World::default();
        world.take(&chain, event(&[], "{}"));
        assert_eq!(
            (request(&world).timeout.as_secs(), request(&world).retries),
            (seconds, retries),
            "{interceptor}"
        );
    }
    let (settings, _) =
        CallSettings::read(|key| Some(if key.ends_with("timeout") { "1s,lint=30s" } else { "own=4" }));
    let chain = compile_for(trigger(), &json!([remote()]), &settings).unwrap();
    let mut world = World::default();
    world.take(&chain, event(&[], "{}"));
    assert_eq!((request(&world).timeout.as_secs(), request(&world).retries), (30, 2));
}
