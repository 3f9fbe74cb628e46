use std::error::Error as _;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::expressions::expressions_in;
use super::*;
use crate::jsonpath::{BoundError, LONGEST_PATH, MOST_VALUES};
use crate::{EventInput, Headers};

fn param(name: &str, value: &str) -> Param {
    Param { name: name.to_owned(), value: value.to_owned() }
}

fn spec(name: &str, default: Option<&str>) -> ParamSpec {
    ParamSpec { name: name.to_owned(), default: default.map(ToOwned::to_owned) }
}

fn body() -> Value {
    json!({
        "n": 7, "name": "web", "title": "Fix \"it\"\nnow", "none": null, "list": [1, "a"], "dollar": "$",
        "inject": "$(body.n)", "half": "$(bo",
    })
}

fn resolve_in(
    body: &Value,
    bindings: &[Param],
    declared: &[ParamSpec],
) -> Result<Vec<Resolved>, ParamsError> {
    let mut header = Headers::new();
    header.append("x-event", "push".to_owned());
    header.append("via", "a".to_owned());
    header.append("via", "b".to_owned());
    let extensions = Map::from_iter([("branch".to_owned(), json!("main"))]);
    let input =
        EventInput { body, header: &header, extensions: &extensions, request_url: "/", event_id: "id-1" };
    Bindings::compile(bindings)?.resolve(declared, &input)
}

/// The value of one parameter, or the error with its source.
fn value_of(value: &str, default: Option<&str>) -> Result<String, String> {
    match resolve_in(&body(), &[param("p", value)], &[spec("p", default)]) {
        Ok(all) => Ok(all.iter().map(Resolved::text).collect()),
        Err(error) => Err(error.source().map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

#[test]
fn expressions_are_found_as_tekton_finds_them() {
    for (value, expected) in [
        ("", &[][..]),
        ("plain $ text (in) $x", &[]),
        ("$(a)", &["$(a)"]),
        ("x$(a.b)y$(c)z", &["$(a.b)", "$(c)"]),
        ("($(a))", &["$(a)"]),
        ("$(a[?(@.b == 'c')])d)", &["$(a[?(@.b == 'c')])"]),
        ("$(a", &[]),
        ("$(a $(b)", &["$(b)"]),
        ("$(a(b $(c)", &["$(c)"]),
        ("$($(a))", &["$(a)"]),
        ("$$(a)", &["$(a)"]),
        ("$()x", &["$()"]),
        ("$(a))", &["$(a)"]),
    ] {
        let found = expressions_in(value).unwrap();
        let texts: Vec<_> = found.iter().map(|expression| expression.text.as_str()).collect();
        assert_eq!(texts, expected, "{value}");
    }
    let many = "$(a)".repeat(MOST_EXPRESSIONS);
    assert_eq!(expressions_in(&many).map(|found| found.len()), Some(MOST_EXPRESSIONS));
    assert_eq!(expressions_in(&format!("{many}$(b)")), None);
}

#[test]
fn expressions_in_a_value_are_replaced() {
    for (value, expected) in [
        ("static", "static"),
        ("", ""),
        ("$(body.n)", "7"),
        ("v$(body.n)-$(body.name)!", "v7-web!"),
        ("$(body.n)$(body.n)", "77"),
        ("( $(body.n) ) 100%$ {x}", "( 7 ) 100%$ {x}"),
        ("$(body.title)", r#"Fix \"it\"\nnow"#),
        ("$(body.none)", "null"),
        ("$(body.list)", r#"[1,"a"]"#),
        ("$(header.x-EVENT)/$(header.Via)", "push/a,b"),
        ("$(extensions.branch)@$(context.eventID)", "main@id-1"),
        ("$(body.n", "$(body.n"),
        ("$$(body.n)", "$7"),
        ("$($(body.n))", "$(7)"),
        ("$()", ""),
    ] {
        assert_eq!(value_of(value, None).as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn text_of_an_event_is_not_searched_for_expressions() {
    for (value, expected) in [
        ("$(body.inject)-$(body.n)", "$(body.n)-7"),
        ("$(body.dollar)(body.n) $(body.n)", "$(body.n) 7"),
        ("$(body.half)dy.n) $(body.n)", "$(body.n) 7"),
    ] {
        assert_eq!(value_of(value, None).as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn a_default_takes_the_place_of_each_expression_without_a_result() {
    for (value, expected) in [
        ("$(body.gone)", "D"),
        ("a-$(body.gone)-b-$(body.n)", "a-D-b-7"),
        ("$(body.gone)$(body.list[5])", "DD"),
        ("$(body.{bad)", "D"),
        ("$(uid)", "D"),
        ("$(header.X-None)", "D"),
        ("$(body.none)", "null"),
        ("no expression", "no expression"),
        ("", ""),
    ] {
        assert_eq!(value_of(value, Some("D")).as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn expressions_behind_a_default_find_theirs_in_it() {
    for (value, expected) in [
        ("$(body.gone)", "$(body.n)"),
        ("$(body.gone)+$(body.n)", "7+7"),
        ("$(body.n)+$(body.gone)", "7+$(body.n)"),
        ("$(body.n)+$(body.gone)+$(body.n)", "7+7+7"),
    ] {
        assert_eq!(value_of(value, Some("$(body.n)")).as_deref(), Ok(expected), "{value}");
    }
    // The default and the text behind it are one.
    assert_eq!(value_of("$(body.gone)dy.n)$(body.n)", Some("$(bo")).as_deref(), Ok("77"));
}

#[test]
fn an_expression_without_result_or_default_is_an_error() {
    for (value, expected) in [
        ("$(body.gone)", "gone is not found"),
        ("pre-$(body.gone)-post", "gone is not found"),
        ("$(header.x-none)", "X-None is not found"),
        ("$(params.x)", "params is not found"),
        ("$( body.n)", " is not found"),
        ("$(body.n[)", "unterminated array"),
        (
            ".$({body.n)",
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' \
                         or '{.name1.name2}'",
        ),
    ] {
        assert_eq!(value_of(value, None), Err(expected.to_owned()), "{value}");
    }
    let long = "é".repeat(500);
    let error = resolve_in(&body(), &[param("p", &format!("{long}$(body.gone)"))], &[]).unwrap_err();
    let expected = format!(
        "failed to ApplyEventValuesToParams: failed to replace JSONPath value for param p: {}...",
        "é".repeat(200)
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn declared_parameters_come_first_and_have_their_defaults() {
    let declared = [
        spec("z", Some("$(uid)")),
        spec("n", None),
        spec("unbound", None),
        spec("a", Some("old")),
        spec("a", Some("new")),
    ];
    let bindings = [param("extra", "$(body.name)"), param("n", "$(body.n)")];
    let all = resolve_in(&body(), &bindings, &declared).unwrap();
    let all: Vec<_> = all.iter().map(|resolved| (resolved.name(), resolved.text())).collect();
    let expected = [("z", "$(uid)"), ("n", "7"), ("a", "new"), ("extra", "web")];
    assert_eq!(all, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn a_parameter_is_bound_once() {
    let twice = [param("a", "1"), param("b", "2"), param("a", "1")];
    assert_eq!(resolve_in(&body(), &twice, &[]), Err(ParamsError::Duplicate("a".to_owned())));
}

#[test]
fn a_parameter_that_nothing_uses_must_resolve_too() {
    let bindings = [param("n", "$(body.n)"), param("unused", "$(body.gone)")];
    assert!(matches!(
        resolve_in(&body(), &bindings, &[spec("n", None)]),
        Err(ParamsError::Expression { .. })
    ));
}

#[test]
fn faults_name_the_expressions_that_cannot_be_read() {
    let bindings = [param("good", "$(body.n)"), param("bad", "$(body.n)-$(body[x])-$(body..)")];
    let bindings = Bindings::compile(&bindings).unwrap();
    let faults: Vec<_> = bindings.faults().map(|(name, fault)| format!("{name}: {fault}")).collect();
    assert_eq!(faults, ["bad: invalid array index x"]);
}

#[test]
fn numbers_and_sizes_are_bounded() {
    let many: Vec<_> = (0..=MOST_PARAMS).map(|n| param(&n.to_string(), "")).collect();
    assert_eq!(resolve_in(&body(), &many, &[]), Err(ParamsError::TooManyParams));
    let specs: Vec<_> = many.iter().map(|param| spec(&param.name, None)).collect();
    assert_eq!(resolve_in(&body(), &[], &specs), Err(ParamsError::TooManyParams));
    let most: Vec<_> = (0..MOST_PARAMS).map(|n| param(&n.to_string(), "")).collect();
    assert_eq!(resolve_in(&body(), &most, &[]).map(|all| all.len()), Ok(MOST_PARAMS));

    let expressions = param("p", &"$(body.n)".repeat(MOST_EXPRESSIONS + 1));
    assert_eq!(
        resolve_in(&body(), &[expressions], &[]),
        Err(ParamsError::TooManyExpressions("p".to_owned()))
    );

    let large = json!({"half": "x".repeat(LARGEST_VALUE / 2)});
    let size = |value: &str| {
        resolve_in(&large, &[param("p", value)], &[]).map(|all| all.iter().map(Resolved::size).sum())
    };
    assert_eq!(size("$(body.half)$(body.half)"), Ok(LARGEST_VALUE));
    let too_large = Err(ParamsError::ValueTooLarge("p".to_owned()));
    assert_eq!(size("$(body.half)$(body.half)+"), too_large);
    assert_eq!(size(&"$(body.half)".repeat(MOST_EXPRESSIONS)), too_large);

    let value = "x".repeat(LARGEST_VALUES / 4);
    let mut all: Vec<_> = (0..4).map(|n| param(&n.to_string(), &value)).collect();
    assert!(resolve_in(&body(), &all, &[]).is_ok());
    all.push(param("one", "more"));
    assert_eq!(resolve_in(&body(), &all, &[]), Err(ParamsError::ValuesTooLarge));
}

#[test]
fn a_default_does_not_hide_an_exceeded_bound() {
    let declared = [spec("p", Some("D"))];
    let long = [param("p", &format!("$(body.{})", "a".repeat(LONGEST_PATH)))];
    assert!(matches!(resolve_in(&body(), &long, &declared), Err(ParamsError::Expression { .. })));
    let wide = json!(vec![1; MOST_VALUES + 1]);
    let error = resolve_in(&wide, &[param("p", "$(body[*])")], &declared).unwrap_err();
    let source = error.source().map(ToString::to_string);
    assert_eq!(source, Some(BoundError::TooManyValues.to_string()));
}

#[test]
fn debug_shows_no_value() {
    let all = resolve_in(&json!({"token": "hush"}), &[param("p", "a $(body.token)")], &[]).unwrap();
    let shown = format!("{all:?} {:?}", all[0].parts());
    assert!(!shown.contains("hush") && shown.contains("Resolved(p: 6 bytes)"), "{shown}");
}

/// The value as plain replacement makes it, expression after expression.
fn replaced_one_by_one(value: &str, default: Option<&str>) -> Option<String> {
    let found = expressions_in(value)?;
    found.into_iter().try_fold(value.to_owned(), |text, expression| {
        let alone = value_of(&expression.text, None).ok().or_else(|| default.map(ToOwned::to_owned))?;
        Some(text.replace(&expression.text, &alone))
    })
}

proptest! {
    #[test]
    fn without_expressions_in_the_event_it_is_plain_replacement(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("$(body.n)"), Just("$(body.name)"), Just("$(body.gone)"), Just("$(header.via)"),
                Just("$("), Just(")"), Just("$"), Just("(x)"), Just("dy.n)"), Just("text"),
            ],
            0..8,
        ),
        default in prop_oneof![Just(None), Just(Some("D")), Just(Some("$(body.n)")), Just(Some("$(bo"))],
    ) {
        let value = pieces.concat();
        // The default alone would be replaced, too.
        let plain = replaced_one_by_one(&value, default);
        match (value_of(&value, default), plain) {
            (Ok(ours), plain) => prop_assert_eq!(Some(ours), plain),
            (Err(_), plain) => prop_assert_eq!(plain, None),
        }
    }
}
