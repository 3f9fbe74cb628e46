use std::sync::Arc;

use serde_json::json;
use trigger_api::triggers::Kind;

use super::*;

fn everywhere() -> Vec<(Kind, Value)> {
    vec![
        labelled(json!({"tier": "gold"}), trigger("depot", "a")),
        labelled(json!({"tier": "tin", "team": ""}), trigger("depot", "b")),
        labelled(json!({"tier": "gold"}), trigger("annex", "c")),
        trigger("attic", "d"),
    ]
}

#[test]
fn triggers_are_selected_by_namespace_and_labels() {
    let expressions = |expressions: Value| json!({"labelSelector": {"matchExpressions": expressions}});
    let rows: Vec<(Value, &[&str])> = vec![
        (json!({}), &[]),
        (json!({"namespaceSelector": {}}), &[]),
        (json!({"namespaceSelector": {"matchNames": ["*"]}}), &["annex/c", "attic/d", "depot/a", "depot/b"]),
        (json!({"namespaceSelector": {"matchNames": ["*", "attic"]}}), &["attic/d"]),
        (json!({"namespaceSelector": {"matchNames": ["annex", "attic"]}}), &["annex/c", "attic/d"]),
        (json!({"labelSelector": {}}), &["depot/a", "depot/b"]),
        (json!({"labelSelector": {"matchLabels": {"tier": "gold"}}}), &["depot/a"]),
        (
            json!({
                "labelSelector": {"matchLabels": {"tier": "gold"}},
                "namespaceSelector": {"matchNames": ["*"]},
            }),
            &["annex/c", "depot/a"],
        ),
        (expressions(json!([{"key": "tier", "operator": "In", "values": ["tin", "lead"]}])), &["depot/b"]),
        (expressions(json!([{"key": "tier", "operator": "NotIn", "values": ["tin"]}])), &["depot/a"]),
        (
            expressions(json!([{"key": "none", "operator": "NotIn", "values": ["x"]}])),
            &["depot/a", "depot/b"],
        ),
        (expressions(json!([{"key": "team", "operator": "Exists"}])), &["depot/b"]),
        (expressions(json!([{"key": "team", "operator": "DoesNotExist"}])), &["depot/a"]),
        (
            expressions(json!([
                {"key": "tier", "operator": "Exists"},
                {"key": "team", "operator": "DoesNotExist"},
                {"key": "tier", "operator": "In", "values": ["tin"]},
            ])),
            &[],
        ),
        (json!({"triggers": [{"triggerRef": "b"}]}), &["depot/b"]),
        (json!({"triggers": [{"triggerRef": "c"}]}), &[]),
    ];
    for (spec, expected) in rows {
        let fixture = Fixture::new(everywhere().into_iter().chain([front(spec.clone())]));
        assert_eq!(fixture.runs(), expected, "{spec}");
        let later = Fixture::new([front(spec.clone())].into_iter().chain(everywhere()));
        assert_eq!(later.runs(), expected, "whichever comes first: {spec}");
        let group = json!({"triggerGroups": [{"name": "g", "triggerSelector": spec, "interceptors": []}]});
        if spec.get("triggers").is_none() {
            let fixture = Fixture::new(everywhere().into_iter().chain([front(group)]));
            let expected: Vec<_> = expected.iter().map(|name| format!("g:{name}")).collect();
            assert_eq!(fixture.runs(), expected, "{spec}");
        }
    }
}

#[test]
fn a_trigger_runs_once_for_all_selectors_and_references_and_once_for_each_group() {
    let spec = json!({
        "triggers": [
            {"name": "within", "template": {"spec": {}}},
            {"triggerRef": "a"},
            {"triggerRef": "a"},
            {"name": "within", "template": {"spec": {}}},
        ],
        "labelSelector": {},
        "triggerGroups": [
            {"name": "one", "triggerSelector": {"labelSelector": {"matchLabels": {"tier": "gold"}}}},
            {"name": "two", "triggerSelector": {"namespaceSelector": {"matchNames": ["depot", "annex"]}}},
        ],
    });
    let fixture = Fixture::new(everywhere().into_iter().chain([front(spec)]));
    let expected = [
        "depot/within",
        "depot/within",
        "depot/a",
        "depot/b",
        "one:depot/a",
        "two:annex/c",
        "two:depot/a",
        "two:depot/b",
    ];
    assert_eq!(fixture.runs(), expected);
    assert_eq!(fixture.errors(), [""; 0]);
}

#[test]
fn an_invalid_selector_selects_nothing_and_says_so() {
    for (expression, expected) in [
        (json!({"key": "k", "operator": "in", "values": ["v"]}), "`in` is none of the operators"),
        (json!({"key": "k", "operator": "In"}), "`In` and `NotIn` need values"),
        (json!({"key": "k", "operator": "Exists", "values": ["v"]}), "take no values"),
    ] {
        let selector = json!({"matchExpressions": [expression]});
        let spec = json!({
            "labelSelector": selector,
            "triggers": [{"triggerRef": "b"}],
            "triggerGroups": [{"triggerSelector": {"labelSelector": selector}}],
        });
        let fixture = Fixture::new(everywhere().into_iter().chain([front(spec)]));
        assert_eq!(fixture.runs(), ["depot/b"]);
        let errors = fixture.errors();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].starts_with("spec.labelSelector: ") && errors[0].contains(expected), "{errors:?}");
        assert!(errors[1].starts_with("spec.triggerGroups[0].triggerSelector"), "{errors:?}");
    }
}

#[test]
fn the_settings_of_a_listener() {
    let fixture = Fixture::new([front(json!({}))]);
    let settings = || Arc::clone(&fixture.listener("depot", "front").settings);
    let plain = settings();
    assert_eq!((&*plain.uid, plain.validates_payload), ("u", true));
    assert_eq!(plain.service_account.to_string(), "depot/default");
    let pods = json!({"spec": {"template": {"spec": {"serviceAccountName": "pods"}}}});
    let (kind, mut object) = front(json!({"serviceAccountName": "own"}));
    object["metadata"]["annotations"] = json!({"tekton.dev/payload-validation": "false"});
    fixture.apply((kind, object.clone()));
    let own = settings();
    assert_eq!(own.service_account.to_string(), "depot/own");
    assert!(!own.validates_payload);
    object["spec"]["resources"] = json!({"kubernetesResource": pods});
    fixture.apply((kind, object));
    assert_eq!(settings().service_account.to_string(), "depot/pods");
    assert_eq!(own.service_account.to_string(), "depot/own", "a snapshot does not change");
}
