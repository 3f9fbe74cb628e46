use serde_json::json;

use super::super::{Code, ComparedSecret, NoSecrets, Program, Vocabulary};
use super::{Event, assert_failures, assert_values};

#[test]
fn results_are_json_as_tekton_writes_it() {
    assert_values(&[
        ("'a<b'", json!("a<b")),
        ("7", json!(7)),
        ("1.5", json!(1.5)),
        ("2.0", json!(2)),
        ("body.size", json!(7)),
        ("-5", json!(-5)),
        ("[1, 'a', true, null]", json!([1, "a", true, null])),
        ("{'b': 1, 'a': [2]}", json!({"a": [2], "b": 1})),
        ("{'a': 1, 'a': 2}", json!({"a": 2})),
        ("b'hi'", json!("aGk=")),
        ("9007199254740991", json!(9_007_199_254_740_991_i64)),
        ("9007199254740993", json!("9007199254740993")),
        ("-9007199254740993", json!("-9007199254740993")),
        ("1e21", json!(1e21)),
        ("1e-7", json!(1e-7)),
        ("12345678901234567890.0", json!(12_345_678_901_234_567_890.0)),
        ("[1u, duration('90s'), timestamp(0), b'x']", json!([1, "90s", "1970-01-01T00:00:00Z", "eA=="])),
        ("[]", json!([])),
        ("{}", json!({})),
        ("header['X-Twice']", json!(["one", "two, three"])),
        ("extensions", json!({"git": {"branch": "main"}})),
    ]);
}

#[test]
fn results_without_json_are_an_internal_error() {
    for source in [
        "1u",
        "null",
        "body.before",
        "type(1)",
        "[type(1)]",
        "duration('1s')",
        "1.0 / 0.0",
        "[0.0 / 0.0]",
        "{1: 'a'}",
        "[].first()",
    ] {
        let program = Program::compile(source, Vocabulary::Interceptor).unwrap();
        let error = program.evaluate(&Event::push().variables(), &NoSecrets).unwrap_err();
        assert_eq!(error.code(), Code::Internal, "{source}");
        assert!(error.message().starts_with("failed to convert overlay result to type: "), "{error}");
    }
    assert_failures(&[("{1.5: 'a'}", "unsupported key type"), ("{[1]: 'a'}", "unsupported key type")]);
}

#[test]
fn a_program_lists_the_secrets_that_it_compares_with() {
    let source = "body.a.compareSecret('k', 'n') || [1].exists(x, 'y'.compareSecret('k2', 'n', 'ns')) \
        || body.a.compareSecret('k', 'n') || body.a.compareSecret(body.k, 'n')";
    let program = Program::compile(source, Vocabulary::Interceptor).unwrap();
    let secret = |key: &str| ComparedSecret { name: "n".to_owned(), key: key.to_owned() };
    assert_eq!(program.secrets(), [secret("k"), secret("k2")]);
}
