//! Forms in place of JSON.

use serde_json::json;

use super::*;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn overlay(expression: &str) -> Value {
    json!({"ref": {"name": "cel"}, "params": {"overlays": [{"key": "e", "expression": expression}]}})
}

fn body_after(chain: &Value, headers: &[(&str, &str)], body: &str) -> String {
    let chain = compile(chain).unwrap();
    let mut world = World::with_server("http://hook.test/", "{}");
    match world.take(&chain, event(headers, body)) {
        Step::Passed(course) => course.state().body().text().into_owned(),
        other => describe(&other),
    }
}

#[test]
fn a_form_becomes_json_before_the_first_interceptor() {
    let any = json!([{"ref": {"name": "gitlab"}}]);
    let json_of = r#"{"a":["1"],"b":["2"]}"#;
    for (chain, header, body, expected) in [
        (&any, FORM, "a=1&b=2", json_of),
        // Without any interceptor it stays as it is.
        (&json!([]), FORM, "a=1&b=2", "a=1&b=2"),
        (&any, ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"), "a=1&b=2", "a=1&b=2"),
        (&any, ("Content-Type", "Application/x-www-form-urlencoded"), "a=1&b=2", "a=1&b=2"),
        (&any, ("Content-Type", "application/json"), "a=1&b=2", "a=1&b=2"),
        (&any, FORM, "a=1", "a=1"),
        (&any, FORM, r#"{"n":1}"#, r#"{"n":1}"#),
        (&any, FORM, r#"{"n":"a&b=c"}"#, r#"{"b":["c\"}"],"{\"n\":\"a":[""]}"#),
    ] {
        assert_eq!(body_after(chain, &[header], body), expected, "{chain} {header:?} {body}");
    }
    let found = result(&json!([overlay("body.b[0] + '!'")]), &[FORM], "a=1&b=x+y%26z", &mut World::default());
    assert_eq!(found, r#"passed {"e":"x y&z!"}"#);
}

#[test]
fn a_webhook_at_the_beginning_gets_the_form() {
    let webhook = json!({"webhook": {"url": "http://hook.test/"}});
    let sent = |chain: Value, state: State| {
        let mut world = World::with_server("http://hook.test/", "{}");
        world.take(&compile(&chain).unwrap(), state);
        let bodies = world.asked.iter().filter_map(|ask| match &ask.question {
            Question::Call(request) => Some(str::from_utf8(&request.body).unwrap().to_owned()),
            _ => None,
        });
        bodies.last().unwrap()
    };
    assert_eq!(sent(json!([webhook]), event(&[FORM], "a=1&b=2")), "a=1&b=2");
    let expected = r#"{"a":["1"],"b":["2"]}"#;
    assert_eq!(sent(json!([{"ref": {"name": "gitlab"}}, webhook]), event(&[FORM], "a=1&b=2")), expected);
    // With extensions of something before the chain, the form has become JSON.
    let mut state = event(&[FORM], "a=1&b=2");
    state.extend(json!({"x": 1}).as_object().cloned().unwrap());
    let expected = r#"{"a":["1"],"b":["2"],"extensions":{"x":1}}"#;
    assert_eq!(sent(json!([webhook]), state), expected);
}

#[test]
fn the_triggers_of_a_group_get_what_the_group_made_of_the_event() {
    let group = TriggerId { scope: ChainScope::Group, ..trigger() };
    let chain = json!([
        {"webhook": {"url": "http://hook.test/"}},
        overlay("'from the group'"),
    ]);
    let group = compile_for(group, &chain, &CallSettings::default()).unwrap();
    let trigger = compile(&json!([overlay("extensions.e + ' ' + body.n")])).unwrap();
    let mut world = World::with_server("http://hook.test/", r#"{"n":"new"}"#);
    let Step::Passed(course) = world.take(&group, event(&[], r#"{"n":"old"}"#)) else { panic!("it passes") };
    let (state, records) = course.into_parts();
    assert_eq!(records.len(), 2);
    assert_eq!(describe(&world.take(&trigger, state)), r#"passed {"e":"from the group new"}"#);
}

#[test]
fn a_form_is_read_once() {
    let group = TriggerId { scope: ChainScope::Group, ..trigger() };
    let group = compile_for(group, &json!([{"ref": {"name": "gitlab"}}]), &CallSettings::default()).unwrap();
    let Step::Passed(course) = World::default().take(&group, event(&[FORM], "a=1%26x=2&b=2")) else {
        panic!("it passes")
    };
    let trigger = compile(&json!([overlay("body.a[0]")])).unwrap();
    let step = World::default().take(&trigger, course.into_parts().0);
    assert_eq!(describe(&step), r#"passed {"e":"1&x=2"}"#);
}
