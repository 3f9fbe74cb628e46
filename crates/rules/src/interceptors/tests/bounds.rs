//! The bounds of chains.

use serde_json::json;

use super::*;
use crate::limits::{
    LARGEST_ANSWER, LARGEST_BODY, LARGEST_EXTENSIONS, LARGEST_PARAMS, LARGEST_WEBHOOK_ANSWER, LONGEST_ERROR,
    MOST_EXPRESSIONS, MOST_INTERCEPTORS, MOST_WEBHOOK_HEADERS,
};

const URL: &str = "http://lint.test/";

fn remote() -> Value {
    json!({"ref": {"name": "lint", "address": URL}})
}

#[test]
fn interceptors_parameters_headers_and_expressions_are_bounded() {
    let many = |count: usize, one: &Value| Value::Array(vec![one.clone(); count]);
    let header = json!({"name": "X-Y", "value": "v"});
    let overlays = |count| json!([{"ref": {"name": "cel"}, "params": {"overlays": many(count, &json!({"key": "a", "expression": "1"}))}}]);
    let filters = |count| many(count, &json!({"ref": {"name": "cel"}, "params": {"filter": "true"}}));
    let webhook = |count| json!([{"webhook": {"url": URL, "header": many(count, &header)}}]);
    let large =
        |length| json!([{"ref": {"name": "lint", "address": URL}, "params": {"a": "x".repeat(length)}}]);
    for (within, beyond, expected) in [
        (
            many(MOST_INTERCEPTORS, &remote()),
            many(MOST_INTERCEPTORS + 1, &remote()),
            "33 interceptors, at most 32 are allowed; merge some of them",
        ),
        (
            large(LARGEST_PARAMS - 8),
            large(LARGEST_PARAMS - 7),
            "interceptor 0 `lint`: the parameters have 131073 bytes as JSON, at most 131072 are allowed; shorten them",
        ),
        (
            webhook(MOST_WEBHOOK_HEADERS),
            webhook(MOST_WEBHOOK_HEADERS + 1),
            "interceptor 0 `webhook`: 33 headers of the webhook, at most 32 are allowed; use fewer",
        ),
        (
            overlays(MOST_EXPRESSIONS),
            overlays(MOST_EXPRESSIONS + 1),
            "65 filters and overlays of CEL, at most 64 are allowed; merge some of them",
        ),
        (
            filters(32),
            json!([overlays(33)[0], filters(32)[0], overlays(31)[0]]),
            "65 filters and overlays of CEL, at most 64 are allowed; merge some of them",
        ),
    ] {
        assert!(compile(&within).is_ok(), "{expected}");
        assert_eq!(compile(&beyond).unwrap_err().to_string(), expected);
    }
}

#[test]
fn answers_extensions_and_messages_are_bounded() {
    let padded = |length: usize, start: &str, end: &str| {
        format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
    };
    let (start, end) = (r#"{"continue":true,"extensions":{"a":""#, r#""}}"#);
    let found = result(
        &json!([remote()]),
        &[],
        "{}",
        &mut World::with_server(URL, &padded(LARGEST_ANSWER, start, end)),
    );
    assert!(found.starts_with("passed"), "{found:.100}");
    let found = result(
        &json!([remote()]),
        &[],
        "{}",
        &mut World::with_server(URL, &padded(LARGEST_ANSWER + 1, start, end)),
    );
    assert_eq!(found, "failed the answer of the interceptor has more than 1048576 bytes; answer with less");
    // Two answers that are large enough together.
    let half = padded(LARGEST_EXTENSIONS / 2 + 100, start, end);
    let other = half.replace("\"a\"", "\"b\"");
    let mut world =
        World { servers: [(URL, ok(&half)), ("http://b.test/", ok(&other))].into(), ..World::default() };
    let chain = json!([remote(), {"ref": {"name": "b", "address": "http://b.test/"}}]);
    let found = result(&chain, &[], "{}", &mut world);
    assert_eq!(
        found,
        "failed the extensions of the chain have more than 1048576 bytes as JSON; add less to them"
    );
    // Characters of several bytes count as such, and a byte that is no UTF-8 as one.
    let padding = |length: usize, character: &str| {
        character.repeat((length - start.len() - end.len()) / character.len())
    };
    let umlauts = format!("{start}{}{end}", padding(LARGEST_ANSWER + 10, "ü"));
    let found = result(&json!([remote()]), &[], "{}", &mut World::with_server(URL, &umlauts));
    assert_eq!(found, "failed the answer of the interceptor has more than 1048576 bytes; answer with less");
    let mut bytes = start.as_bytes().to_vec();
    bytes.extend(vec![0xff; LARGEST_ANSWER / 4]);
    bytes.extend(end.as_bytes());
    let answer = WireResponse::new(200, "OK", Headers::new(), &bytes);
    let mut world = World { servers: [(URL, answer)].into(), ..World::default() };
    assert!(result(&json!([remote()]), &[], "{}", &mut world).starts_with("passed"));
    let webhook = json!([{"webhook": {"url": URL}}]);
    for (length, expected) in [
        (LARGEST_WEBHOOK_ANSWER, "passed"),
        (
            LARGEST_WEBHOOK_ANSWER + 1,
            "failed the answer of the interceptor has more than 4194304 bytes; answer with less",
        ),
    ] {
        assert_eq!(result(&webhook, &[], "{}", &mut World::with_server(URL, &" ".repeat(length))), expected);
    }
    let long = format!(r#"{{"status":{{"code":9,"message":"{}"}}}}"#, "é".repeat(5000));
    let found = result(&json!([remote()]), &[], "{}", &mut World::with_server(URL, &long));
    assert!(found.len() <= LONGEST_ERROR + 2 && found.ends_with('…'), "{}", found.len());
    let name = "n".repeat(100_000);
    let gitlab = json!([{"ref": {"name": "gitlab"}, "params": {"eventTypes": []}}]);
    let found = result(&gitlab, &[("X-Gitlab-Event", &name)], "{}", &mut World::default());
    assert!(found.len() <= LONGEST_ERROR + 2, "{}", found.len());
}

#[test]
fn a_body_that_takes_too_much_memory_stops_at_what_reads_it() {
    let body = format!("[0{}]", ",0".repeat(LARGEST_BODY / 64));
    let cel = json!([{"ref": {"name": "cel"}, "params": {"filter": "true"}}]);
    let found = result(&cel, &[], &body, &mut World::default());
    let expected =
        "3 error making the evaluation context: failed to parse the body as JSON: the body takes 34 MiB";
    assert!(found.starts_with(expected), "{found}");
    let gitlab = json!([{"ref": {"name": "gitlab"}}]);
    assert_eq!(result(&gitlab, &[], &body, &mut World::default()), "passed");
}

#[test]
fn a_record_names_few_and_short_keys() {
    let keys: Map<String, Value> =
        (0..100).map(|place| (format!("{place:03}{}", "k".repeat(500)), json!(1))).collect();
    let answer = json!({"continue": true, "extensions": keys}).to_string();
    let chain = compile(&json!([remote()])).unwrap();
    let Step::Passed(course) = World::with_server(URL, &answer).take(&chain, event(&[], "{}")) else {
        panic!("it passes")
    };
    let RecordedVerdict::Passed { extensions } = &course.records()[0].verdict else { panic!("it passes") };
    assert_eq!(extensions.len(), 32);
    assert!(extensions.iter().all(|key| key.len() <= 128));
    assert_eq!(course.state().extensions().len(), 100);
}
