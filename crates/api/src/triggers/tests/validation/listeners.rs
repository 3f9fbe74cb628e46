use super::{ALPHA, BETA, check, said};

const TEMPLATE: &str = "template: {ref: t}";

#[test]
fn the_spec_must_say_what_events_start() {
    let neither = "expected exactly one, got neither: spec.labelSelector, spec.namespaceSelector, \
                   spec.triggerGroups, spec.triggers";
    let alpha =
        "expected exactly one, got neither: spec.labelSelector, spec.namespaceSelector, spec.triggers";
    check(
        "EventListener",
        ToOwned::to_owned,
        &[
            (BETA, "{}", neither),
            (BETA, "null", neither),
            (BETA, "{triggers: []}", neither),
            (BETA, "{triggers: null, triggerGroups: []}", neither),
            (BETA, "{namespaceSelector: {}}", neither),
            (BETA, "{namespaceSelector: {matchNames: []}}", neither),
            (BETA, "{serviceAccountName: s, cloudEventURI: 'http://x'}", neither),
            (BETA, "{resources: {kubernetesResource: {replicas: -1}}}", neither),
            (ALPHA, "{}", alpha),
            (ALPHA, "{triggers: []}", alpha),
            (BETA, "{labelSelector: {}}", ""),
            (BETA, "{labelSelector: {matchLabels: {a: b}}}", ""),
            (BETA, "{namespaceSelector: {matchNames: [a]}}", ""),
            (BETA, "{triggers: [{triggerRef: t}]}", ""),
            (BETA, "{Triggers: [{TriggerRef: t}]}", ""),
            (ALPHA, "{labelSelector: {}}", ""),
            (ALPHA, "{namespaceSelector: {matchNames: ['*']}}", ""),
        ],
    );
}

#[test]
fn metadata_is_checked() {
    let listener = |metadata: &str| {
        said(&format!(
            "{{apiVersion: triggers.tekton.dev/v1beta1, kind: EventListener, metadata: {metadata}, \
             spec: {{triggers: [{{triggerRef: t}}]}}}}"
        ))
    };
    let long = "n".repeat(61);
    assert_eq!(
        listener(&format!("{{name: {long}}}")),
        format!(
            "invalid value: eventListener name '{long}' must be no more than 60 characters long: metadata.name"
        )
    );
    assert_eq!(listener(&format!("{{name: {}}}", "n".repeat(60))), "");
    assert_eq!(listener("{name: Not_A_DNS.Name}"), "", "there is no other rule");
    let annotation = "invalid value: tekton.dev/payload-validation annotation must have value 'true' or 'false': \
                      metadata.annotations";
    for (value, expected) in [
        ("'true'", ""),
        ("'false'", ""),
        ("'True'", annotation),
        ("''", annotation),
        ("'no'", annotation),
        (
            "true",
            "must be a string, not the boolean true: metadata.annotations.tekton.dev/payload-validation",
        ),
    ] {
        let metadata = format!("{{name: m, annotations: {{tekton.dev/payload-validation: {value}}}}}");
        assert_eq!(listener(&metadata), expected, "{value}");
    }
    assert_eq!(listener("{name: m, annotations: {other: x}, newField: 1}"), "");
}

#[test]
fn a_trigger_is_a_reference_or_has_a_template() {
    let neither = "expected exactly one, got neither: spec.triggers[0].template, spec.triggers[0].triggerRef";
    let both = "expected exactly one, got both: spec.triggers[0].template or bindings or interceptors, \
                spec.triggers[0].triggerRef";
    check(
        "EventListener",
        |entry| format!("{{triggers: [{entry}]}}"),
        &[
            (BETA, "{}", neither),
            (BETA, "null", neither),
            (BETA, "{triggerRef: ''}", neither),
            (BETA, "{name: m, bindings: [{ref: b}]}", neither),
            (BETA, "{triggerRef: t, template: {ref: t}}", both),
            (BETA, "{triggerRef: t, bindings: [{ref: b}]}", both),
            (BETA, "{triggerRef: t, interceptors: [{ref: {name: cel}}]}", both),
            (BETA, "{triggerRef: t, name: m, serviceAccountName: s}", ""),
            (BETA, "{triggerRef: t, bindings: [], interceptors: []}", ""),
            (BETA, "{triggerRef: t, template: null}", ""),
            (BETA, "{template: {ref: t}}", ""),
            (ALPHA, "{}", neither),
            (ALPHA, "{triggerRef: t, template: {ref: t}}", both),
            (ALPHA, "{template: {ref: t}}", ""),
        ],
    );
}

#[test]
fn the_name_of_a_trigger_must_be_the_value_of_a_label() {
    let invalid = |name: &str| {
        format!("invalid value: trigger name '{name}' must be a valid label value: spec.triggers[0].name")
    };
    let (long, longest) = ("a".repeat(64), "a".repeat(63));
    for (name, is_valid) in [
        ("", true),
        ("a", true),
        ("A.b_c-9", true),
        (longest.as_str(), true),
        (long.as_str(), false),
        ("-a", false),
        ("a-", false),
        (".", false),
        ("a b", false),
        ("a/b", false),
        ("ä", false),
    ] {
        let expected = if is_valid { String::new() } else { invalid(name) };
        for version in [BETA, ALPHA] {
            let entry = format!("{{triggers: [{{name: '{name}', {TEMPLATE}}}]}}");
            check("EventListener", ToOwned::to_owned, &[(version, &entry, &expected)]);
        }
    }
}

#[test]
fn an_interceptor_that_is_null_is_no_value() {
    check(
        "EventListener",
        |entry| format!("{{triggers: [{{{TEMPLATE}}}, {entry}]}}"),
        &[
            (
                BETA,
                "{template: {ref: t}, interceptors: [null]}",
                "invalid value: interceptor '<nil>' must be a valid value: spec.triggers[1].interceptors[0]",
            ),
            (
                BETA,
                "{template: {ref: t}, name: '-', interceptors: [{ref: {name: cel}}, null, {}]}",
                "invalid value: interceptor '<nil>' must be a valid value: spec.triggers[1].interceptors[1]",
            ),
            (
                ALPHA,
                "{template: {ref: t}, interceptors: [null]}",
                "invalid value: interceptor '<nil>' must be a valid value: spec.triggers[1].interceptors[0]",
            ),
        ],
    );
}

#[test]
fn a_group_has_a_selector_and_interceptors() {
    let selector = "expected exactly one, got neither: spec.triggerGroups[0].triggerSelector.labelSelector, \
                    spec.triggerGroups[0].triggerSelector.namespaceSelector";
    let both = format!("{selector}\nmissing field(s): spec.triggerGroups[0].interceptors");
    check(
        "EventListener",
        |group| format!("{{triggerGroups: [{group}]}}"),
        &[
            (BETA, "{}", &both),
            (BETA, "{name: g, interceptors: [{ref: {name: cel}}]}", selector),
            (BETA, "{interceptors: [{}], triggerSelector: {namespaceSelector: {matchNames: []}}}", selector),
            (
                BETA,
                "{triggerSelector: {labelSelector: {}}}",
                "missing field(s): spec.triggerGroups[0].interceptors",
            ),
            (BETA, "{interceptors: [{}], triggerSelector: {labelSelector: {}}}", ""),
            (
                BETA,
                "{interceptors: [{webhook: {}}], triggerSelector: {namespaceSelector: {matchNames: ['*']}}}",
                "",
            ),
            (
                BETA,
                "{interceptors: [null], triggerSelector: {labelSelector: {}}}",
                "invalid value: interceptor '<nil>' must be a valid value: spec.triggerGroups[0].interceptors[0]",
            ),
            (
                ALPHA,
                "{interceptors: [{}], triggerSelector: {labelSelector: {}}}",
                "expected exactly one, got neither: spec.labelSelector, spec.namespaceSelector, spec.triggers\n\
             unknown field \"triggerGroups\": spec.triggerGroups",
            ),
        ],
    );
    check(
        "EventListener",
        |rest| format!("{{triggers: [{{triggerRef: t}}], {rest}}}"),
        &[
            (BETA, "cloudEventURI: 'http://x'", ""),
            (ALPHA, "cloudEventURI: 'http://x'", "unknown field \"cloudEventURI\": spec.cloudEventURI"),
            (ALPHA, "triggerGroups: [{}]", "unknown field \"triggerGroups\": spec.triggerGroups"),
        ],
    );
}
