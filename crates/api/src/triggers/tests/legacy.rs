use serde_json::{Value, json};

use crate::triggers::{Trigger, TriggerInterceptor};

fn interceptor(value: &Value) -> TriggerInterceptor {
    let trigger = json!({"metadata": {}, "spec": {"interceptors": [value]}});
    Trigger::try_from(trigger).unwrap().spec.interceptors.remove(0)
}

#[test]
fn the_interceptors_of_v1alpha1_become_references_with_params() {
    for (written, name, params) in [
        (
            json!({"github": {"secretRef": {"secretName": "s", "secretKey": "k"}, "eventTypes": ["push"]}}),
            "github",
            json!([
                {"name": "secretRef", "value": {"secretKey": "k", "secretName": "s"}},
                {"name": "eventTypes", "value": ["push"]},
            ]),
        ),
        (
            json!({"gitlab": {}}),
            "gitlab",
            json!([{"name": "secretRef", "value": null}, {"name": "eventTypes", "value": null}]),
        ),
        (
            json!({"BitBucket": {"SecretRef": {}, "eventtypes": []}}),
            "bitbucket",
            json!([{"name": "secretRef", "value": {}}, {"name": "eventTypes", "value": []}]),
        ),
        (
            json!({"cel": {"filter": "body.n == 1"}}),
            "cel",
            json!([{"name": "filter", "value": "body.n == 1"}, {"name": "overlays", "value": null}]),
        ),
        (
            json!({"cel": {"overlays": [{"Key": "a", "expression": "body.b"}, null]}}),
            "cel",
            json!([
                {"name": "filter", "value": ""},
                {"name": "overlays", "value": [{"key": "a", "expression": "body.b"}, {}]},
            ]),
        ),
        (
            json!({"gitlab": {}, "github": {}, "params": [{"name": "lost", "value": 1}]}),
            "github",
            json!([{"name": "secretRef", "value": null}, {"name": "eventTypes", "value": null}]),
        ),
        (
            json!({"github": {}, "ref": {"name": "own"}, "params": [{"name": "kept", "value": 1}]}),
            "own",
            json!([{"name": "kept", "value": 1}]),
        ),
    ] {
        let read = interceptor(&written);
        let reference = read.reference.unwrap();
        assert_eq!(
            (reference.name.as_str(), reference.kind.as_str()),
            (name, "ClusterInterceptor"),
            "{written}"
        );
        assert_eq!(serde_json::to_value(&read.params).unwrap(), params, "{written}");
    }
}

#[test]
fn a_field_that_is_null_is_absent() {
    assert_eq!(interceptor(&json!({"github": null, "cel": null})), TriggerInterceptor::default());
}

#[test]
fn a_mistake_in_such_a_field_is_told_with_its_path() {
    let trigger = json!({"metadata": {}, "spec": {"interceptors": [{"github": {"eventTypes": "push"}}]}});
    let error = Trigger::try_from(trigger).unwrap_err();
    assert_eq!(error.to_string(), "spec.interceptors[0].github.eventTypes must be a list, not a string");
}
