use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{DemandedText, NoSecrets, Program, Vocabulary};
use super::Event;

fn demanded(source: &str) -> Option<DemandedText> {
    Program::compile(source, Vocabulary::Interceptor).unwrap().demanded_text()
}

/// The path with the texts, as `a.b: x, y`.
fn shown(source: &str) -> Option<String> {
    let text = demanded(source)?;
    Some(format!("{}: {}", text.path().fields().join("."), text.texts().join(", ")))
}

#[test]
fn a_comparison_with_literals_is_a_demand() {
    for (source, expected) in [
        ("body.ref == 'x'", "ref: x"),
        ("'x' == body.ref", "ref: x"),
        ("body.a.b.c == 'x'", "a.b.c: x"),
        ("body['a'].b == 'x'", "a.b: x"),
        ("body.a['odd-name'] in ['x', 'y']", "a.odd-name: x, y"),
        ("body.ref in []", "ref: "),
        ("body.ref == ''", "ref: "),
        ("((body.ref)) == ('x')", "ref: x"),
        ("!!(body.ref == 'x')", "ref: x"),
        ("header.match('X-E', 'push') && body.ref == 'x'", "ref: x"),
        ("true && (true && (body.n == 1 && body.ref == 'x'))", "ref: x"),
        ("(body.a == 'x' || body.b == 'x') && body.c == 'x'", "c: x"),
        ("body.a == 'x' && body.b == 'y'", "a: x"),
        ("body.ref == 'x' && body.repository.full_name == 'acme/web'", "repository.full_name: acme/web"),
        ("body.ref == 'x' && body.project.path in ['acme/web']", "project.path: acme/web"),
        (
            "body.action == 'x' && body.pull_request.base.repo.name == 'web'",
            "pull_request.base.repo.name: web",
        ),
        ("body.repository.name == 'a' && body.repository.owner == 'b'", "repository.name: a"),
    ] {
        assert_eq!(shown(source).as_deref(), Some(expected), "{source}");
    }
}

#[test]
fn other_filters_demand_nothing() {
    for source in [
        "true",
        "body.ref",
        "body.ref == body.other",
        "body.ref == 'x' || body.other == 'x'",
        "!(body.ref == 'x')",
        "body.ref != 'x'",
        "body.n == 1",
        "body.ref in ['x', 1]",
        "body.ref in body.refs",
        "body.ref in {'x': 1}",
        "'x' in body.labels",
        "'x' == 'x'",
        "body.ref.lowerAscii() == 'x'",
        "body.ref == 'x' + 'y'",
        "body[body.name] == 'x'",
        "body.labels[0] == 'x'",
        "header['X-E'][0] == 'x'",
        "extensions.ref == 'x'",
        "body.ref == 'x' ? true : false",
        "has(body.ref)",
        "has(body.ref) || body.ref == 'x'",
        "body.all(body, body == 'x')",
        "body.labels.exists(l, l == 'x')",
        "[body].exists(body, body.ref == 'x')",
    ] {
        assert_eq!(shown(source), None, "{source}");
    }
}

#[test]
fn a_demand_has_bounds() {
    let fields = |count: usize| format!("body{} == 'x'", ".f".repeat(count));
    assert!(demanded(&fields(8)).is_some());
    assert_eq!(demanded(&fields(9)), None);
    let texts = |count: usize| format!("body.ref in [{}]", vec!["'x'"; count].join(", "));
    assert_eq!(demanded(&texts(64)).unwrap().texts().len(), 64);
    assert_eq!(demanded(&texts(65)), None);
}

#[test]
fn a_body_without_the_text_is_admitted_so_that_the_error_is_seen() {
    let text = demanded("body.repository.name in ['web', 'shop']").unwrap();
    for (body, expected) in [
        (json!({"repository": {"name": "web"}}), true),
        (json!({"repository": {"name": "shop"}}), true),
        (json!({"repository": {"name": "Web"}}), false),
        (json!({"repository": {"name": ""}}), false),
        (json!({"repository": {"name": 1}}), true),
        (json!({"repository": {"name": ["other"]}}), true),
        (json!({"repository": "other"}), true),
        (json!({"repository": [{"name": "other"}]}), true),
        (json!({}), true),
        (json!(null), true),
        (json!(["repository"]), true),
    ] {
        assert_eq!(text.admits(&body), expected, "{body}");
    }
}

/// Operands, of which some demand a text, have another value or an error.
fn operand() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec!["body.a", "body.b.c", "body['a']", "body.b['c']", "body.gone.x"]);
    let text = prop::sample::select(vec!["'x'", "'y'", "'z'"]);
    let comparison = (path, text, 0..6).prop_map(|(path, text, form)| match form {
        0 => format!("{path} == {text}"),
        1 => format!("{text} == {path}"),
        2 => format!("{path} in [{text}, 'w']"),
        3 => format!("{path} != {text}"),
        4 => "has(body.a)".to_owned(),
        _ => format!("!({path} == {text})"),
    });
    let other = prop::sample::select(vec!["true", "false", "body.n == 1", "body.nothing", "1 / 0 == 1"]);
    prop_oneof![4 => comparison, 1 => other.prop_map(str::to_owned)]
}

fn filter() -> impl Strategy<Value = String> {
    operand().prop_recursive(3, 12, 3, |inner| {
        let chain = |sign: &'static str| {
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(move |parts| format!("({})", parts.join(&format!(" {sign} "))))
        };
        prop_oneof![
            3 => chain("&&"),
            1 => chain("||"),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} ? {other} : {one})")),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("x"),
        json!("y"),
        json!("w"),
        json!(""),
        json!(1),
        json!(null),
        json!(["x"]),
        json!({"c": "x"}),
        json!({"c": "y"}),
        json!({"c": {"c": "x"}}),
    ])
}

fn body() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(vec!["a", "b", "n", "gone"]), value(), 0..4).prop_map(
        |fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_filter_is_true_only_for_bodies_that_its_demand_admits(source in filter(), body in body()) {
        let program = Program::compile(&source, Vocabulary::Interceptor);
        // Branches of a conditional may have types that do not go together.
        prop_assume!(program.is_ok());
        let (program, mut event) = (program.unwrap(), Event::push());
        event.body = body;
        let is_true = program.is_true(&event.variables(), &NoSecrets) == Ok(true);
        let is_admitted = program.demanded_text().is_none_or(|text| text.admits(&event.body));
        prop_assert!(is_admitted || !is_true, "{source} is true for {}", event.body);
    }
}
