use serde_json::Value;

use crate::triggers::references;

/// Each reference as `PATH KIND NAMESPACE/NAME`.
fn found(manifest: &str) -> Vec<String> {
    let object: Value = serde_saphyr::from_str(manifest).unwrap();
    let line = |reference: &crate::triggers::Reference| {
        let namespace = reference.namespace.as_deref().unwrap_or("-");
        format!("{} {} {namespace}/{}", reference.path, reference.kind.name(), reference.name)
    };
    references(&object).iter().map(line).collect()
}

const TRIGGER: &str = "
    bindings: [{ref: tb}, {ref: ctb, kind: ClusterTriggerBinding}, {name: p, value: v}]
    template: {ref: tt}
    interceptors:
    - ref: {name: github}
    - ref: {name: own, kind: NamespacedInterceptor}
    - ref: {name: wide}
    - ref: {name: unused}
      webhook: {url: http://x}
    - cel: {filter: 'true'}
    - {}
";

#[test]
fn a_listener_refers_to_what_its_triggers_use() {
    let manifest = format!(
        "apiVersion: triggers.tekton.dev/v1beta1\nkind: EventListener\nmetadata: {{name: l, namespace: a}}\nspec:\n  \
         triggers:\n  - triggerRef: t\n    template: {{ref: unread}}\n  - name: inline{TRIGGER}  triggerGroups:\n  \
         - interceptors: [{{ref: {{name: g}}}}]\n"
    );
    assert_eq!(
        found(&manifest),
        [
            "spec.triggers[0].triggerRef Trigger a/t",
            "spec.triggers[1].bindings[0].ref TriggerBinding a/tb",
            "spec.triggers[1].bindings[1].ref ClusterTriggerBinding -/ctb",
            "spec.triggers[1].template.ref TriggerTemplate a/tt",
            "spec.triggers[1].interceptors[1].ref Interceptor a/own",
            "spec.triggers[1].interceptors[2].ref ClusterInterceptor -/wide",
            "spec.triggerGroups[0].interceptors[0].ref ClusterInterceptor -/g",
        ]
    );
}

#[test]
fn the_interceptors_of_a_trigger_may_be_those_of_a_listener() {
    let manifest = format!(
        "apiVersion: triggers.tekton.dev/v1alpha1\nkind: Trigger\nmetadata: {{name: t, namespace: a}}\nspec:{TRIGGER}"
    );
    assert_eq!(
        found(&manifest),
        [
            "spec.bindings[0].ref TriggerBinding a/tb",
            "spec.bindings[1].ref ClusterTriggerBinding -/ctb",
            "spec.template.ref TriggerTemplate a/tt",
            "spec.interceptors[1].ref Interceptor -/own",
            "spec.interceptors[2].ref ClusterInterceptor -/wide",
        ]
    );
}

#[test]
fn other_and_unreadable_objects_refer_to_nothing() {
    for manifest in [
        "{apiVersion: triggers.tekton.dev/v1beta1, kind: TriggerBinding, spec: {params: [{name: a}]}}",
        "{apiVersion: triggers.tekton.dev/v1beta1, kind: Trigger, spec: {template: {ref: [x]}}}",
        "{apiVersion: triggers.tekton.dev/v1beta1, kind: Trigger, spec: {template: {ref: ''}}}",
        "{apiVersion: v1, kind: Trigger, spec: {template: {ref: t}}}",
        "text",
    ] {
        assert_eq!(found(manifest), [] as [String; 0], "{manifest}");
    }
}
