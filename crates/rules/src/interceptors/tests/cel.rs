//! The interceptor `cel`. The expressions themselves are tested where they are evaluated.

use serde_json::json;

use super::*;

fn cel(params: &Value) -> Value {
    json!([{"ref": {"name": "cel"}, "params": params}])
}

#[test]
fn a_filter_must_be_true() {
    const PARSE: &str = "3 error making the evaluation context: failed to parse the body as JSON: ";
    let body = r#"{"n":42,"s":"refs/heads/main","t":true}"#;
    for (filter, expected) in [
        ("true", "passed"),
        ("", "passed"),
        ("body.s == 'refs/heads/main'", "passed"),
        ("body.t", "passed"),
        ("!has(body.missing)", "passed"),
        ("header.canonical('x-event') == 'push'", "passed"),
        ("requestURL == '/hook?a=1'", "passed"),
        ("false", "9 expression false did not return true"),
        ("'text'", "9 expression 'text' did not return true"),
        ("body.n", "9 expression body.n did not return true"),
        (
            "body.missing == 'x'",
            "3 error evaluating cel expression: expression \"body.missing == 'x'\" failed to evaluate: no such key: missing",
        ),
    ] {
        let found =
            result(&cel(&json!({"filter": filter})), &[("X-Event", "push")], body, &mut World::default());
        assert_eq!(found, expected, "{filter}");
    }
    for (body, expected) in [
        ("", "passed".to_owned()),
        ("null", "passed".to_owned()),
        (
            "[]",
            format!("{PARSE}json: cannot unmarshal array into Go value of type map[string]interface {{}}"),
        ),
        (
            "\"s\"",
            format!("{PARSE}json: cannot unmarshal string into Go value of type map[string]interface {{}}"),
        ),
        (
            "5",
            format!("{PARSE}json: cannot unmarshal number into Go value of type map[string]interface {{}}"),
        ),
        ("nope", format!("{PARSE}expected ident at line 1 column 2")),
    ] {
        // Also without an expression, the body has to be an object.
        for params in [json!({}), json!({"filter": "true"})] {
            assert_eq!(result(&cel(&params), &[], body, &mut World::default()), expected, "{params} {body}");
        }
    }
}

#[test]
fn overlays_become_extensions_and_do_not_see_each_other() {
    let overlay = |key: &str, expression: &str| json!({"key": key, "expression": expression});
    for (params, expected) in [
        (
            json!({"overlays": [overlay("a", "body.n"), overlay("b.c", "'x'")]}),
            r#"passed {"a":1,"b":{"c":"x"}}"#,
        ),
        (json!({"overlays": [{"KEY": "a", "Expression": "1"}]}), r#"passed {"a":1}"#),
        (json!({"overlays": [overlay("a", "1"), overlay("a", "2")]}), r#"passed {"a":2}"#),
        (json!({"overlays": []}), "passed"),
        (json!({"overlays": null, "filter": null}), "passed"),
        (
            json!({"overlays": [overlay("a", "'A'"), overlay("b", "extensions.a")]}),
            "3 error evaluating cel expression: expression \"extensions.a\" failed to evaluate: no such key: a",
        ),
        (
            json!({"filter": "false", "overlays": [overlay("a", "body.missing")]}),
            "9 expression false did not return true",
        ),
    ] {
        assert_eq!(result(&cel(&params), &[], r#"{"n":1}"#, &mut World::default()), expected, "{params}");
    }
    let found = result(&cel(&json!({"overlays": [overlay("", "1")]})), &[], "{}", &mut World::default());
    assert!(found.starts_with("13 failed to sjson for key ''"), "{found}");
    let found = result(&cel(&json!({"overlays": [overlay("a", "null")]})), &[], "{}", &mut World::default());
    assert!(found.starts_with("13 failed to convert overlay result to type"), "{found}");
}
