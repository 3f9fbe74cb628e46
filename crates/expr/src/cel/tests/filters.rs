use serde_json::json;

use super::super::{Code, NoSecrets, Program, Vocabulary};
use super::{Event, assert_failures, assert_values};

#[test]
fn a_filter_passes_only_if_it_is_true() {
    for (source, expected) in [
        ("true", true),
        ("false", false),
        ("'true'", false),
        ("body.size", false),
        ("body.ref == 'refs/heads/main'", true),
        ("body.ref == 'refs/heads/next'", false),
        ("has(body.missing)", false),
        ("!has(body.missing) && has(body.repository.owner)", true),
        ("body.before == null", true),
        ("has(body.before)", true),
        ("body['odd-name'].x == 1", true),
        ("body.size > 6 && body.size <= 7.0 && body.size >= 7u && body.size != 8", true),
        ("body.size in [1, 7]", true),
        ("'ref' in body && !('nope' in body)", true),
        ("body.labels[1] == 'green' && body.labels[1.0] == 'green' && body.labels[1u] == 'green'", true),
        ("body.repository.owner.login == 'ann' ? body.forced : true", false),
        ("body.missing == 1 || true", true),
        ("true || body.missing == 1", true),
        ("body.missing == 1 && false", false),
        ("requestURL.size() == 9 && extensions.git.branch == 'main'", true),
        ("header['X-Github-Event'][0] == 'push' && !('X-GitHub-Event' in header)", true),
        ("header['X-Twice'] == ['one', 'two, three']", true),
        ("[1, 2.0, 'a'] == [1.0, 2, 'a'] && {'a': 7, 'b': [1]} == {'b': [1], 'a': body.size}", true),
    ] {
        let program = Program::compile(source, Vocabulary::Interceptor).unwrap();
        let passes = program.is_true(&Event::push().variables(), &NoSecrets);
        assert_eq!(passes, Ok(expected), "{source}");
    }
}

#[test]
fn an_evaluation_that_fails_says_why_in_the_words_of_tekton() {
    let failing = |source: &str, reason: &str| {
        let program = Program::compile(source, Vocabulary::Interceptor).unwrap();
        let error = program.is_true(&Event::push().variables(), &NoSecrets).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        let expected =
            format!("error evaluating cel expression: expression \"{source}\" failed to evaluate: {reason}");
        assert_eq!(error.message(), expected);
    };
    failing("body.missing == 'x'", "no such key: missing");
    failing("body.ref.name == 'x'", "no such key: name");
    failing("header['x-github-event'][0] == 'push'", "no such key: x-github-event");
    failing("body.labels[2] == 'x'", "index out of bounds: 2");
    failing("body.labels['x'] == 'x'", "unsupported index type 'string' in list");
    failing("body.size + 1 == 8", "no such overload");
    failing("body.ref && true", "no such overload");
    failing("1 / 0 == 1", "division by zero");
    failing("9223372036854775807 + 1 == 0", "integer overflow");
}

#[test]
fn names_and_types_are_checked_before_any_event() {
    assert_failures(&[
        (
            "undeclared",
            "expression \"undeclared\" check failed: ERROR: <input>:1:1: undeclared \
             reference to 'undeclared' (in container '')\n | undeclared\n | ^",
        ),
        ("body.size * 2.0 == 84", "1:17: found no matching overload for '_==_' applied to '(double, int)'"),
        ("{'a': 1} == {'a': 1.0}", "'(map(string, int), map(string, double))'"),
        ("1 == 1.0", "found no matching overload for '_==_' applied to '(int, double)'"),
        ("'a' + 1", "found no matching overload for '_+_' applied to '(string, int)'"),
        ("requestURL.x", "type 'string' does not support field selection"),
        ("1 && true", "found no matching overload for '_&&_' applied to '(int, bool)'"),
        ("'a'.size(1)", "found no matching overload for 'size' applied to 'string.(int)'"),
        ("size()", "found no matching overload for 'size' applied to '()'"),
        ("body.decodeb64()", "undeclared reference to 'decodeb64' (in container '')"),
        ("event.kind", "undeclared reference to 'event'"),
        ("Pod{name: 'x'}", "undeclared reference to 'Pod'"),
        ("5.map(x, x)", "expression of type 'int' cannot be range of a comprehension"),
        ("[1].map(x.y, x)", "argument must be a simple name"),
        ("has(body)", "invalid argument to has() macro"),
        (
            "a ==\n  b",
            "1:1: undeclared reference to 'a' (in container '')\n | a ==\n | ^\nERROR: <input>:2:3: undecl",
        ),
    ]);
}

#[test]
fn a_text_outside_the_grammar_is_refused_with_its_place() {
    assert_failures(&[
        (
            "syntax error here",
            "failed to parse expression \"syntax error here\": ERROR: <input>:1:8: \
             Syntax error: mismatched input 'error' expecting <EOF>\n | syntax error here\n | .......^",
        ),
        ("", "mismatched input '<EOF>'"),
        ("'ü' + ]", "1:7: Syntax error"),
        ("body.?x", "unsupported syntax"),
        ("1 +", "Syntax error"),
        ("99999999999999999999", "invalid int literal"),
    ]);
}

#[test]
fn a_build_sees_its_own_vocabulary() {
    let event = json!({"kind": "push", "branch": "main"});
    let input = Event::push();
    let mut variables = input.variables();
    variables.event = &event;
    let program = Program::compile("event.branch == 'main' && body.size == 7", Vocabulary::Build).unwrap();
    assert_eq!(program.is_true(&variables, &NoSecrets), Ok(true));
    for unknown in ["extensions.git", "requestURL"] {
        assert!(Program::compile(unknown, Vocabulary::Build).is_err(), "{unknown}");
    }
}

#[test]
fn the_body_is_an_object_or_absent() {
    let program = Program::compile("body.size()", Vocabulary::Interceptor).unwrap();
    for (body, expected) in [
        (json!(null), Ok(json!(0))),
        (json!({"a": 1}), Ok(json!(1))),
        (json!([1]), Err("array")),
        (json!("x"), Err("string")),
        (json!(1), Err("number")),
        (json!(true), Err("bool")),
    ] {
        let event = Event { body, ..Event::push() };
        let value = program.evaluate(&event.variables(), &NoSecrets).map_err(|error| error.message());
        let expected = expected.map_err(|found| {
            format!(
                "error making the evaluation context: failed to parse the body as JSON: json: cannot unmarshal {found} \
                 into Go value of type map[string]interface {{}}"
            )
        });
        assert_eq!(value, expected);
    }
}

#[test]
fn values_become_json() {
    assert_values(&[
        (
            "body.repository",
            json!({"name": "shop", "owner": {"login": "ann"}, "topics": [["a"], ["b", ["c"]]]}),
        ),
        ("body.labels + ['blue']", json!(["red", "green", "blue"])),
        ("body.commits.exists(c, c.added.exists(f, f == 'docs/a.md'))", json!(true)),
        ("[1, 2, 3].filter(x, x > 1).map(x, x * 2)", json!([4, 6])),
    ]);
}
