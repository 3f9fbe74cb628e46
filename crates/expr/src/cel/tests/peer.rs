//! Comparison with the crate `cel`, where its language and library are the same as ours.

use cel::{Context, Env, Program as PeerProgram, Value as PeerValue};
use serde_json::{Value, json};

use super::evaluated;

/// Expressions without variables. Places in them and their results are the same in both.
const SOURCES: &[&str] = &[
    "1 + 2 * 3 - 4 / 2 % 3",
    "(1 + 2) * 3",
    "-5 + 3",
    "- 5 - -3",
    "--5",
    "!!true",
    "!true || false && true",
    "1 < 2 == true",
    "2 - 1 - 1",
    "true ? 1 : false ? 2 : 3",
    "false ? 1 : false ? 2 : 3",
    "true || false ? 'a' : 'b'",
    "0x1F + 0x01",
    "1.5 + .5 + 1e2 + 1.5E-1",
    "-9223372036854775808",
    "-0x10",
    "9223372036854775807",
    "18446744073709551615u > 1u",
    "0xFFu == 255u",
    "'a' + \"b\" + '''c'd''' + \"\"\"e\"f\"\"\"",
    "r'\\d' + R\"\\\" + '\\x41\\u00e9\\U0001F600\\101\\a\\b\\f\\n\\r\\t\\v\\\\\\?\\\"\\'\\`'",
    "b'\\xff\\101a' == b\"\\377Aa\"",
    "br'\\x' == b'\\\\x'",
    "[1, 2, 3,][1]",
    "{'a': 1, 'b': {'c': [2]},}.b.c[0]",
    "{'if': 1, 'return': 2}.if",
    "[] + [1]",
    "size([1, 2]) + 'abc'.size()",
    "[1, 2].map(x, x + 1)",
    "[1, 2, 3].filter(x, x > 1).exists(y, y == 3)",
    "[[1, 2], [3]].map(l, l.map(x, x * 2))",
    "[1, 2, 3].map(x, x > 1, x * 2)",
    "[1, 2].all(x, x > 0) && [1, 2].exists_one(x, x > 1)",
    "has({'a': 1}.a) && !has({'a': 1}.b)",
    "'a' in ['a', 'b'] && 'k' in {'k': 1}",
    "1 / 0 == 1 || true",
    "false && 1 / 0 == 1",
    "1 / 0",
    "1 % 0",
    "9223372036854775807 + 1",
    "[1][5]",
    "{'a': 1}.b",
    "'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c')",
    "int('42') + int(1.9) + int(3u)",
    "string(1) + string(true) + string(2u)",
    "double('1.5') + double(1)",
    "uint(3) == 3u",
    "dyn(1) == 1.0",
    "[1, 2] == [1, 2] && {'a': [1]} == {'a': [1]} && [1] != [2]",
    "'a' < 'b' && false < true && b'a' < b'b'",
    "type(1) == int && type('') == string && type(1.0) == double && type(null) == null_type",
    "1 // a comment\n + 2",
    "size('ü')",
    "",
    "1 +",
    "(1",
    "1)",
    "[1, 2",
    "{1: 2",
    "{1, 2}",
    "[,]",
    "{,} == {}",
    "[,,]",
    "'a",
    "'a\nb'",
    "'\\z'",
    "'\\x4'",
    "b'\\u0041'",
    "'\\ud800'",
    "1.",
    "1..2",
    "1e",
    "a b",
    "a.1",
    "a.`b`",
    "a.?b",
    "a[?b]",
    "[?a]",
    "for",
    "in",
    "a.in",
    "f(1,)",
    "f(,)",
    "@",
    "a ? b",
    "a ? b : ",
    "a = b",
    "a & b",
    "1 === 2",
    "99999999999999999999",
    "-99999999999999999999",
    "0x",
    "1uu",
    "\u{a0}1",
];

/// The value of the peer in the form of our results; `None` for an error.
fn peers(env: &Env, source: &str) -> Option<Value> {
    let program: PeerProgram = env.compile(source).ok()?;
    let value = program.execute(&Context::with_env(std::sync::Arc::new(environment()))).ok()?;
    converted(&value)
}

fn environment() -> Env {
    Env::stdlib().with_optional_support(false)
}

fn converted(value: &PeerValue) -> Option<Value> {
    Some(match value {
        PeerValue::Null => Value::Null,
        PeerValue::Bool(value) => json!(value),
        // The largest integers are strings in overlays.
        PeerValue::Int(value) if value.unsigned_abs() >= 1 << 53 => json!(value.to_string()),
        PeerValue::Int(value) => json!(value),
        PeerValue::UInt(value) => json!(value),
        PeerValue::Float(value) => json!(value),
        PeerValue::String(value) => json!(value.as_str()),
        PeerValue::List(items) => Value::Array(items.iter().map(converted).collect::<Option<_>>()?),
        _ => return None,
    })
}

#[test]
fn expressions_mean_what_they_mean_to_a_peer() {
    let env = environment();
    let different = SOURCES.iter().filter_map(|source| {
        let (ours, peers) = (evaluated(source), peers(&env, source));
        (ours.as_ref().ok() != peers.as_ref()).then_some((source, ours, peers))
    });
    let different: Vec<_> = different.collect();
    assert!(different.is_empty(), "{different:#?}");
}
