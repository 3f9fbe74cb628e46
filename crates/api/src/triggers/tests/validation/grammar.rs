use serde_json::json;

use super::{BETA, check, said_of};
use crate::triggers::validate;

#[test]
fn equal_mistakes_are_one_with_sorted_paths() {
    check(
        "EventListener",
        ToOwned::to_owned,
        &[
            (
                BETA,
                "{triggers: [{}, {template: {ref: ''}}, {}]}",
                "expected exactly one, got neither: spec.triggers[0].template, spec.triggers[0].triggerRef, \
             spec.triggers[2].template, spec.triggers[2].triggerRef\n\
             missing field(s): spec.triggers[1].template.ref",
            ),
            (
                BETA,
                "{triggers: [{template: {ref: t}, bindings: [{ref: b, kind: X}]}, {triggerRef: t, name: '-'}, \
              {template: {ref: t}, bindings: [{ref: b, kind: Z}, {name: m}]}]}",
                "invalid value: invalid kind: spec.triggers[0].bindings[0].kind, spec.triggers[2].bindings[0].kind\n\
             invalid value: trigger name '-' must be a valid label value: spec.triggers[1].name\n\
             missing field(s): spec.triggers[2].bindings[1].value",
            ),
        ],
    );
}

#[test]
fn paths_are_sorted_as_text() {
    let entries = ["{triggerRef: t}"; 10].join(", ");
    let message = said_of(BETA, "EventListener", &format!("{{triggers: [{{}}, {entries}, {{}}]}}"));
    let (first, last) = (message.find("triggers[0]").unwrap(), message.find("triggers[11]").unwrap());
    assert!(first < last);
    assert!(
        message.starts_with("expected exactly one, got neither: spec.triggers[0].template, "),
        "{message}"
    );
}

#[test]
fn a_value_of_another_type_is_told_alone() {
    check(
        "EventListener",
        ToOwned::to_owned,
        &[
            (
                BETA,
                "{triggers: [{name: true}, {}]}",
                "must be a string, not the boolean true: spec.triggers[0].name",
            ),
            (BETA, "{triggers: x}", "must be a list, not a string: spec.triggers"),
            (BETA, "5", "must be an object, not the number 5: spec"),
        ],
    );
    let triggers = vec!["{triggerRef: t}"; 1025].join(", ");
    let message = said_of(BETA, "EventListener", &format!("{{triggers: [{triggers}]}}"));
    assert_eq!(message, "1025 entries, at most 1024 are permitted: spec.triggers");
}

#[test]
fn unknown_fields_are_mistakes() {
    check(
        "EventListener",
        ToOwned::to_owned,
        &[(
            BETA,
            "{triggers: [{triggerRef: t, extra: 1}, {triggerRef: t, extra: 2}], podTemplate: {}}",
            "unknown field \"extra\": spec.triggers[0].extra, spec.triggers[1].extra\n\
         unknown field \"podTemplate\": spec.podTemplate",
        )],
    );
    let object = json!({
        "apiVersion": "triggers.tekton.dev/v1beta1", "kind": "TriggerBinding", "metadata": {"name": "b"},
        "spec": {"params": [{"name": "a"}]}, "data": {},
    });
    assert_eq!(validate(object).unwrap().to_string(), "unknown field \"data\": data");
}

#[test]
fn other_objects_are_not_checked() {
    for object in [
        json!({"apiVersion": "v1", "kind": "Trigger"}),
        json!({"apiVersion": "triggers.tekton.dev/v1", "kind": "Trigger"}),
        json!({"apiVersion": "triggers.tekton.dev/v1beta1", "kind": "Interceptor"}),
        json!({"apiVersion": "triggers.tekton.dev/v1beta1", "kind": "Other"}),
        json!({"kind": "Trigger"}),
        json!("text"),
        json!(null),
    ] {
        assert_eq!(validate(object.clone()), None, "{object}");
    }
}
