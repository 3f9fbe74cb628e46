//! The interceptor `cel`. The expressions themselves are tested where they are evaluated.

use serde_json::json;

use super::super::ask::configured_subject;
use super::*;
use crate::limits::LONGEST_SECRET_ENTRY;

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
        ("nope", format!("{PARSE}invalid character 'o' in literal null (expecting 'u')")),
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

#[test]
fn secrets_are_compared_by_questions() {
    let world = || World {
        secrets: [("team-a/hook/token", b"s3cret".as_slice()), ("team-b/other/token", b"s3cret".as_slice())]
            .into(),
        ..World::default()
    };
    let missing = |key: &str, name: &str, reason: &str, filter: &str| {
        format!(
            "3 error evaluating cel expression: expression {filter:?} failed to evaluate: failed to find secret \
             'v1beta1.SecretRef{{SecretKey:{key:?}, SecretName:{name:?}}}' in compareSecret: {reason}"
        )
    };
    let no = |filter: &str| format!("9 expression {filter} did not return true");
    for (filter, expected, asked) in [
        ("body.tok.compareSecret('token', 'hook')", Ok(()), 1),
        ("header.canonical('x-token').compareSecret('token', 'hook')", Ok(()), 1),
        ("'wrong'.compareSecret('token', 'hook')", Err(None), 1),
        // The namespace is always that of the trigger.
        ("body.tok.compareSecret('token', 'hook', 'team-b')", Ok(()), 1),
        (
            "body.tok.compareSecret('token', 'other', 'team-b')",
            Err(Some(("token", "other", "secrets \"other\" not found"))),
            1,
        ),
        (
            "body.tok.compareSecret('none', 'hook')",
            Err(Some(("none", "hook", "cannot find none key in secret team-a/hook"))),
            1,
        ),
        (
            "body.tok.compareSecret('', 'hook')",
            Err(Some(("", "hook", "cannot find  key in secret team-a/hook"))),
            0,
        ),
        (
            "body.tok.compareSecret('no entry', 'hook')",
            Err(Some(("no entry", "hook", "cannot find no entry key in secret team-a/hook"))),
            0,
        ),
        (
            "body.tok.compareSecret('k', 'No Name')",
            Err(Some(("k", "No Name", "secrets \"No Name\" not found"))),
            0,
        ),
        ("body.n == 2 && body.tok.compareSecret('token', 'hook')", Err(None), 0),
        ("'a'.compareSecret('token', 'hook') || body.tok.compareSecret('token', 'hook')", Ok(()), 2),
        ("body.all.exists(x, x.compareSecret('token', 'hook'))", Ok(()), 3),
    ] {
        let mut world = world();
        let body = r#"{"tok":"s3cret","n":1,"all":["a","b","s3cret"]}"#;
        let found = result(&cel(&json!({"filter": filter})), &[("X-Token", "s3cret")], body, &mut world);
        let expected = match expected {
            Ok(()) => "passed".to_owned(),
            Err(None) => no(filter),
            Err(Some((key, name, reason))) => missing(key, name, reason, filter),
        };
        assert_eq!((found, world.asked.len()), (expected, asked), "{filter}");
    }
    let many = json!({"tok": "x", "all": vec!["x"; 20]}).to_string();
    let filter = "body.all.exists(x, x.compareSecret('token', 'hook'))";
    let mut world = world();
    let found = result(&cel(&json!({"filter": filter})), &[], &many, &mut world);
    assert!(found.ends_with("at most 8 comparisons are allowed in an expression"), "{found}");
    assert_eq!(world.asked.len(), 8);
}

#[test]
fn an_entry_of_a_secret_that_the_body_names_is_bounded() {
    let params = json!({"filter": "'s3cret'.compareSecret(body.entry, 'hook')"});
    for (length, asked) in [(LONGEST_SECRET_ENTRY, 1), (LONGEST_SECRET_ENTRY + 1, 0)] {
        let mut world = World::with_secret();
        let body = json!({"entry": "e".repeat(length)}).to_string();
        let found = result(&cel(&params), &[], &body, &mut world);
        assert!(found.contains("cannot find eee"), "{found}");
        assert_eq!(world.asked.len(), asked, "{length}");
    }
}

#[test]
fn a_secret_of_an_overlay_has_a_question_of_its_own() {
    let (filter, overlay) =
        ("body.tok.compareSecret('token', 'hook')", "'other'.compareSecret('token', 'hook')");
    let params = json!({"filter": filter, "overlays": [{"key": "ok", "expression": overlay}]});
    let mut world = World::with_secret();
    let found = result(&cel(&params), &[], r#"{"tok":"s3cret"}"#, &mut world);
    assert_eq!(found, r#"passed {"ok":false}"#);
    let subjects: Vec<_> = world.asked.iter().map(|ask| ask.key.subject.as_str()).collect();
    let expected = [("filter", filter), ("overlay 0", overlay)].map(|(place, source)| {
        format!("compare 0 in {}: secret hook/token", configured_subject(place, source))
    });
    assert_eq!(subjects, expected);
}

#[test]
fn a_filter_that_is_not_true_is_explained_without_further_questions() {
    let operands = |filter: &str| {
        let chain = compile(&cel(&json!({"filter": filter}))).unwrap();
        let step = World::with_secret().take(&chain, event(&[], r#"{"ref":"refs/heads/dev","tok":"t0ken"}"#));
        let Step::Stopped(course) = step else { panic!("{}", describe(&step)) };
        let RecordedVerdict::Stopped { operands, .. } = course.records()[0].verdict.clone() else {
            panic!("it stops")
        };
        assert!(!format!("{operands:?}").contains("t0ken"), "{operands:?}");
        operands
            .into_iter()
            .map(|operand| (operand.text, format!("{:?}", operand.finding)))
            .collect::<Vec<_>>()
    };
    let found = operands("body.ref == 'refs/heads/main' && body.tok.compareSecret('token', 'hook')");
    assert_eq!(found[0], ("body.ref == 'refs/heads/main'".to_owned(), "False".to_owned()));
    // The comparisons are known, in any order.
    let found = operands("body.tok.compareSecret('token', 'hook') || body.ref == 'x'");
    assert_eq!(found[0], ("body.tok.compareSecret('token', 'hook')".to_owned(), "False".to_owned()));
    let found = operands("body.missing == 'x' && true");
    assert!(found[0].1.starts_with("Failed("), "{found:?}");
}
