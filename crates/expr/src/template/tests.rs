use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::params::{Bindings, Param, ParamSpec};
use crate::{EventInput, Headers};

const ID: &str = "0b1c2d3e-0000-4000-8000-000000000001";

/// The parameters `p`, with this value in the binding, and `q`, which is `Q`.
fn params(value: &str, body: &Json) -> Vec<Resolved> {
    let (header, extensions) = (Headers::new(), Map::new());
    let input =
        EventInput { body, header: &header, extensions: &extensions, request_url: "/", event_id: "id" };
    let param = |name: &str, value: &str| Param { name: name.to_owned(), value: value.to_owned() };
    let declared = [ParamSpec { name: "q".to_owned(), default: Some("Q".to_owned()) }];
    Bindings::compile(&[param("p", value)]).unwrap().resolve(&declared, &input).unwrap()
}

fn render(template: &Json, params: &[Resolved], old_escape: bool) -> Result<Json, RenderError> {
    Renderer::new(params, ID, old_escape).render(template)
}

fn rendered(template: &str, value: &str, body: &Json, old_escape: bool) -> String {
    let object = json!({"v": template, "other": ["kept", 5, true, null]});
    let object = render(&object, &params(value, body), old_escape).unwrap();
    assert_eq!(object["other"], json!(["kept", 5, true, null]), "{value}");
    object["v"].as_str().unwrap().to_owned()
}

/// `$(tt.params.p)` with this value.
fn value_in_object(value: &str, body: &Json, old_escape: bool) -> String {
    rendered("$(tt.params.p)", value, body, old_escape)
}

#[test]
fn placeholders_are_replaced_in_values_and_keys() {
    let template = json!({
        "metadata": {"name": "n-$(tt.params.p)", "labels": {"l-$(tt.params.q)": "$(tt.params.p)"}},
        "list": [{"x": "$(tt.params.p)$(tt.params.q)/$(tt.params.p)"}, 2, true, null, 1.5],
        "text": "$(params.x) $(context.y) $(tt.params.none) $(tt.params.p $(tt.params.q)",
    });
    let object = render(&template, &params("one", &Json::Null), false).unwrap();
    let expected = json!({
        "metadata": {"name": "n-one", "labels": {"l-Q": "one"}},
        "list": [{"x": "oneQ/one"}, 2, true, null, 1.5],
        "text": "$(params.x) $(context.y) $(tt.params.none) $(tt.params.p Q",
    });
    assert_eq!(object, expected);
}

#[test]
fn names_may_have_points_and_dashes() {
    let params: Vec<_> =
        ["a", "a.b", "a-b", "_u", "camelCase"].map(|name| Resolved::new(name, name.to_uppercase())).into();
    let template = json!(
        "$(tt.params.a) $(tt.params.a.b) $(tt.params.a-b) $(tt.params._u) $(tt.params.camelCase) $(tt.params.A)"
    );
    let expected = json!("A A.B A-B _U CAMELCASE $(tt.params.A)");
    assert_eq!(render(&template, &params, false), Ok(expected));
}

#[test]
fn of_keys_that_become_one_the_last_stays() {
    let template = json!({"$(tt.params.p)": 1, "one": 2, "z": 3});
    assert_eq!(render(&template, &params("one", &Json::Null), false), Ok(json!({"one": 2, "z": 3})));
    assert_eq!(render(&template, &params("z", &Json::Null), false), Ok(json!({"one": 2, "z": 3})));
}

#[test]
fn values_of_an_event_arrive_as_they_are() {
    let body = json!({
        "text": "say \"<hi>\" & \\ \n\t\u{2028}\u{1}", "n": 12, "yes": true, "none": null, "empty": "",
        "numbers": [1, 2.5, null], "words": ["a\"b", "c\nd", "<e>"], "object": {"k": {"l": "v\\w"}},
    });
    for (path, expected) in [
        ("text", "say \"<hi>\" & \\ \n\t\u{2028}\u{1}"),
        ("n", "12"),
        ("yes", "true"),
        ("none", "null"),
        ("empty", ""),
        ("numbers", "[1,2.5,null]"),
        ("words", r#"["a\"b","c\nd","\u003ce\u003e"]"#),
        ("object", r#"{"k":{"l":"v\\w"}}"#),
    ] {
        assert_eq!(value_in_object(&format!("$(body.{path})"), &body, false), expected, "{path}");
    }
}

#[test]
fn static_text_is_read_as_json_if_it_is_json() {
    for (value, expected) in [
        (r#"say \"hi\" l1\nl2"#, "say \"hi\" l1\nl2"),
        (r"C:\temp", "C:\temp"),
        (r"\u00e9\/", "é/"),
        // Tekton creates nothing for these.
        ("say \"hi\"", "say \"hi\""),
        ("l1\nl2\tend", "l1\nl2\tend"),
        (r"C:\dir", r"C:\dir"),
        (r"C:\temp\dir", r"C:\temp\dir"),
        (r#"{"a":"x\ny"}"#, r#"{"a":"x\ny"}"#),
        ("l1\nl2\\tend", "l1\nl2\tend"),
        ("end\\", "end\\"),
        ("\u{0}", "\u{0}"),
    ] {
        assert_eq!(value_in_object(value, &Json::Null, false), expected, "{value}");
    }
}

#[test]
fn static_text_around_an_expression_keeps_its_meaning() {
    let body = json!({"title": "Fix \"it\"", "list": ["a"]});
    for (value, expected) in [
        ("Title:\n$(body.title)", "Title:\nFix \"it\""),
        ("Title:\\n$(body.title)", "Title:\nFix \"it\""),
        (r"C:\dir $(body.title)", r#"C:\dir Fix "it""#),
        ("list: $(body.list), $(body.title)", r#"list: ["a"], Fix "it""#),
        // JSON around expressions stays JSON.
        (r#"{"title":"$(body.title)","list":$(body.list)}"#, r#"{"title":"Fix \"it\"","list":["a"]}"#),
    ] {
        assert_eq!(value_in_object(value, &body, false), expected, "{value}");
    }
}

#[test]
fn the_old_annotation_escapes_quotes_once_more() {
    let body = json!({
        "plain": "<tag>", "lines": "l1\nl2", "slash": "back\\slash", "quoted": "say \"hi\"",
        "words": ["a", "b"], "lined": ["l1\nl2"], "slashed": {"k": "back\\slash"}, "inner": ["a\"b"],
    });
    for (value, expected) in [
        ("$(body.plain)", "<tag>"),
        ("$(body.lines)", "l1\nl2"),
        ("$(body.slash)", "back\\slash"),
        ("$(body.words)", r#"["a","b"]"#),
        ("$(body.lined)", "[\"l1\nl2\"]"),
        ("$(body.slashed)", r#"{"k":"back\slash"}"#),
        ("say \"hi\"", "say \"hi\""),
        (r#"{"a":1}"#, r#"{"a":1}"#),
        // Tekton creates nothing for these.
        ("$(body.quoted)", "say \"hi\""),
        ("$(body.inner)", r#"["a\"b"]"#),
        ("l1\nl2", "l1\nl2"),
        (r#"pre \" x"#, "pre \" x"),
    ] {
        assert_eq!(value_in_object(value, &body, true), expected, "{value}");
    }
}

#[test]
fn a_backslash_at_the_end_of_a_value_belongs_to_what_follows() {
    for (template, expected) in [
        ("$(tt.params.p)temp", "C:\temp"),
        ("$(tt.params.p)dir", "C:\\dir"),
        ("$(tt.params.p)$(tt.params.q)", "C:\\Q"),
        ("$(tt.params.p)", "C:\\"),
        ("$(tt.params.p)\"", "C:\\\""),
    ] {
        assert_eq!(rendered(template, "C:\\", &Json::Null, false), expected, "{template}");
    }
}

#[test]
fn a_value_neither_reads_parameters_nor_begins_an_expression() {
    let body = json!({"v": "$(tt.params.q) $(params.x) $$(y) $("});
    for value in ["$(body.v)", "$(tt.params.q$(body.none"] {
        let expected = if value == "$(body.v)" {
            "$$(tt.params.q) $$(params.x) $$$(y) $$("
        } else {
            "$$(tt.params.q$$(body.none"
        };
        assert_eq!(value_in_object(value, &body, false), expected, "{value}");
    }
    // Also where the value is no JSON.
    assert_eq!(value_in_object("\"$(body.v)", &body, false), "\"$$(tt.params.q) $$(params.x) $$$(y) $$(");
}

#[test]
fn the_uid_is_one_for_the_trigger_and_is_put_into_values_too() {
    let template = json!({"a": "x-$(uid)-y", "b-$(uid)": "$(uid)"});
    let expected = json!({"a": format!("x-{ID}-y"), format!("b-{ID}"): ID});
    assert_eq!(render(&template, &[], false), Ok(expected));
    for (value, expected) in [
        ("$(body.v)", format!("x ${ID} y")),
        // Tekton creates nothing for this.
        ("\"$(body.v)", format!("\"x ${ID} y")),
    ] {
        assert_eq!(value_in_object(value, &json!({"v": "x $(uid) y"}), false), expected, "{value}");
    }
}

#[test]
fn an_object_is_bounded_before_it_takes_memory() {
    let params = [Resolved::new("p", "x".repeat(1 << 20)), Resolved::new("u", "$(uid)".repeat(100_000))];
    for (template, expected) in [
        (json!("$(tt.params.p)"), None),
        (json!(["$(tt.params.p)", "$(tt.params.p)"]), Some(RenderError::TooLarge)),
        (json!({"$(tt.params.p)": "$(tt.params.p)"}), Some(RenderError::TooLarge)),
        (json!("$(tt.params.p)".repeat(100_000)), Some(RenderError::TooLarge)),
        (json!(vec!["$(tt.params.p)"; 10_000]), Some(RenderError::TooLarge)),
        (json!("$(tt.params.u)"), Some(RenderError::TooLarge)),
        (json!("$(uid)".repeat(100_000)), Some(RenderError::TooLarge)),
        (json!("x".repeat(LARGEST_OBJECT - 3)), None),
        (json!("x".repeat(LARGEST_OBJECT - 2)), Some(RenderError::TooLarge)),
        (json!(vec![1; LARGEST_OBJECT]), Some(RenderError::TooLarge)),
        ((0..DEEPEST).fold(json!("a"), |inner, _| json!([inner])), None),
        ((0..=DEEPEST).fold(json!("a"), |inner, _| json!([inner])), Some(RenderError::TooDeep)),
    ] {
        assert_eq!(render(&template, &params, false).err(), expected);
    }
}

/// Tekton's way: each placeholder is replaced in the bytes, which are parsed then.
fn in_bytes(template: &Json, params: &[Resolved], old_escape: bool) -> Option<Json> {
    let mut bytes = JsonText::new(usize::MAX);
    bytes.value(template).unwrap();
    let mut bytes = bytes.finish();
    for param in params {
        let value = if old_escape { param.text().replace('"', "\\\"") } else { param.text() };
        bytes = bytes.replace(&format!("$(tt.params.{})", param.name()), &value.replace("$(", "$$("));
    }
    serde_json::from_str(&bytes.replace("$(uid)", ID)).ok()
}

/// The keys and kinds of a value, without its strings.
fn shape(json: &Json) -> Json {
    match json {
        Json::String(_) => json!(""),
        Json::Array(elements) => elements.iter().map(shape).collect(),
        Json::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

fn template() -> Json {
    json!({
        "spec": {"a": "$(tt.params.p)", "b": "x<$(tt.params.p)\"\n$(tt.params.q)", "fixed": ["text", 1]},
        "c": "$(tt.params.p)$(tt.params.q)$(uid)", "other": {"d": "\\\"$(params.z)"},
    })
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[\"\\\\$(){}:,<\n\u{0}-\u{20}a-cn]".prop_map(|piece| piece),
        1 => Just("$(uid)".to_owned()),
        1 => Just("\\u00e9".to_owned()),
        1 => Just("\\\"".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn any_value() -> impl Strategy<Value = Vec<Resolved>> {
    // A value of the event, and text around it.
    let event = prop_oneof![
        any_text().prop_map(Json::from),
        prop::collection::vec(any_text(), 0..3).prop_map(Json::from),
        prop::collection::btree_map("[a-c]", any_text(), 0..3)
            .prop_map(|fields| fields.into_iter().map(|(key, text)| (key, Json::from(text))).collect()),
        any::<i16>().prop_map(Json::from),
    ];
    let around = prop_oneof![2 => Just(String::new()), 1 => any_text()];
    (event, around.clone(), around).prop_map(|(event, before, behind)| {
        // An expression in the text around it has no result.
        let around = |text: String| text.replace("$(", "$");
        params(&format!("{}$(body)\u{200b}{}", around(before), around(behind)), &event)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_value_changes_another_field(params in any_value(), old_escape: bool) {
        let object = render(&template(), &params, old_escape).unwrap();
        prop_assert_eq!(shape(&object), shape(&template()));
        prop_assert_eq!(&object["spec"]["fixed"], &json!(["text", 1]));
        prop_assert_eq!(&object["other"], &template()["other"]);
        prop_assert!(object["spec"]["b"].as_str().unwrap().starts_with("x<"));
        prop_assert!(object["c"].as_str().unwrap().ends_with(&["Q", ID].concat()));
    }

    #[test]
    fn it_is_replacement_in_bytes_wherever_that_is_json(params in any_value(), old_escape: bool) {
        let expected = in_bytes(&template(), &params, old_escape);
        // A quote can end a string so that the rest is JSON by chance.
        if let Some(expected) = expected.filter(|expected| shape(expected) == shape(&template())) {
            prop_assert_eq!(render(&template(), &params, old_escape), Ok(expected));
        }
    }
}
