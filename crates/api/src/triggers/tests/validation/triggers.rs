use super::{ALPHA, BETA, check, said};

#[test]
fn names_of_triggers_bindings_and_templates_are_dns_names() {
    let specs = [
        ("Trigger", "{template: {ref: t}}"),
        ("TriggerBinding", "{params: [{name: p, value: v}]}"),
        ("ClusterTriggerBinding", "{params: [{name: p, value: v}]}"),
        ("TriggerTemplate", "{resourcetemplates: [{apiVersion: v1, kind: ConfigMap}]}"),
    ];
    let label =
        |name: &str| format!("invalid resource name \"{name}\": must be a valid DNS label: metadata.name");
    let (long, longest, longer) = ("a".repeat(64), "a".repeat(63), "a".repeat(254));
    for (kind, spec) in specs {
        for version in [BETA, ALPHA] {
            for (name, expected) in [
                ("a", String::new()),
                ("a.b-c", String::new()),
                (&longest, String::new()),
                (
                    &long,
                    "Invalid resource name: length must be no more than 63 characters: metadata.name"
                        .to_owned(),
                ),
                (&longer, label(&longer)),
                ("A", label("A")),
                ("a_b", label("a_b")),
                ("-a", label("-a")),
                ("", label("")),
            ] {
                let manifest = format!(
                    "{{apiVersion: triggers.tekton.dev/{version}, kind: {kind}, metadata: {{name: '{name}'}}, \
                     spec: {spec}}}"
                );
                assert_eq!(said(&manifest), expected, "{manifest}");
            }
        }
    }
    let generated = "{apiVersion: triggers.tekton.dev/v1beta1, kind: Trigger, metadata: {generateName: a-}, \
                     spec: {template: {ref: t}}}";
    assert_eq!(said(generated), "", "the API server makes a name up");
}

#[test]
fn the_metadata_of_a_cluster_binding_is_checked_first() {
    let manifest = |kind: &str| {
        said(&format!(
            "{{apiVersion: triggers.tekton.dev/v1beta1, kind: {kind}, metadata: {{name: A}}, spec: {{}}}}"
        ))
    };
    let label = "invalid resource name \"A\": must be a valid DNS label: metadata.name";
    assert_eq!(manifest("ClusterTriggerBinding"), label);
    assert_eq!(manifest("TriggerBinding"), format!("{label}\nmissing field(s): spec"));
}

const BINDINGS: &[(&str, &str, &str)] = &[
    (BETA, "{ref: b, name: m}", "expected exactly one, got both: @.bindings[0].name, @.bindings[0].ref"),
    (
        BETA,
        "{ref: b, name: m, kind: Other}",
        "expected exactly one, got both: @.bindings[0].name, @.bindings[0].ref",
    ),
    (BETA, "{ref: b, kind: Other}", "invalid value: invalid kind: @.bindings[0].kind"),
    (BETA, "{ref: b, kind: triggerBinding}", "invalid value: invalid kind: @.bindings[0].kind"),
    (BETA, "{name: m}", "missing field(s): @.bindings[0].value"),
    (BETA, "{name: m, value: null}", "missing field(s): @.bindings[0].value"),
    (
        BETA,
        "{}",
        "expected exactly one, got neither: @.bindings[0].name, @.bindings[0].ref, @.bindings[0].spec",
    ),
    (
        BETA,
        "{value: v, ref: ''}",
        "expected exactly one, got neither: @.bindings[0].name, @.bindings[0].ref, @.bindings[0].spec",
    ),
    (BETA, "null", "invalid value: binding '<nil>' must be a valid value: @.bindings[0]"),
    (BETA, "{ref: b}", ""),
    (BETA, "{ref: b, value: v}", ""),
    (BETA, "{ref: b, kind: TriggerBinding, apiVersion: nonsense}", ""),
    (BETA, "{ref: b, kind: ClusterTriggerBinding}", ""),
    (BETA, "{name: m, value: ''}", ""),
    (BETA, "{name: m, value: v, kind: Other}", ""),
    (BETA, "{name: m, value: '$($(body.x))'}", ""),
    (ALPHA, "{ref: b, name: m}", "expected exactly one, got both: @.bindings[0].Name, @.bindings[0].Ref"),
    (ALPHA, "{ref: b, kind: Other}", "invalid value: invalid kind: @.bindings[0].kind"),
    (ALPHA, "{name: m}", "missing field(s): @.bindings[0].Value"),
    (
        ALPHA,
        "{}",
        "expected exactly one, got neither: @.bindings[0].Name, @.bindings[0].Ref, @.bindings[0].Spec",
    ),
    (ALPHA, "null", "invalid value: binding '<nil>' must be a valid value: @.bindings[0]"),
];

const TEMPLATES: &[(&str, &str, &str)] = &[
    (
        BETA,
        "{ref: t, spec: {resourcetemplates: [{apiVersion: v1, kind: X}]}}",
        "expected exactly one, got both: @.template.ref, @.template.spec",
    ),
    (BETA, "{ref: '', spec: {}}", "expected exactly one, got both: @.template.ref, @.template.spec"),
    (BETA, "{}", "expected exactly one, got neither: @.template.ref, @.template.spec"),
    (BETA, "{ref: null}", "expected exactly one, got neither: @.template.ref, @.template.spec"),
    (BETA, "{ref: ''}", "missing field(s): @.template.ref"),
    (BETA, "{ref: t, apiversion: v1}", "invalid value: invalid apiVersion: @.template.apiVersion"),
    (BETA, "{ref: t, apiVersion: v1}", "invalid value: invalid apiVersion: @.template.apiVersion"),
    (
        BETA,
        "{apiversion: v2}",
        "expected exactly one, got neither: @.template.ref, @.template.spec\n\
         invalid value: invalid apiVersion: @.template.apiVersion",
    ),
    (
        BETA,
        "{name: t}",
        "expected exactly one, got neither: @.template.ref, @.template.spec\n\
         unknown field \"name\": @.template.name",
    ),
    (BETA, "{ref: t, apiversion: v1alpha1}", ""),
    (BETA, "{ref: t, apiversion: v1beta1}", ""),
    (BETA, "{ref: t, apiversion: ''}", ""),
    (ALPHA, "{ref: t, apiversion: v1alpha1}", ""),
    (ALPHA, "{ref: t, apiversion: v1beta1}", "invalid value: invalid apiVersion: @.template.apiVersion"),
    (BETA, "{spec: {}}", "missing field(s): @, @.resourcetemplates"),
    (BETA, "{spec: {params: [{name: p}]}}", "missing field(s): @.resourcetemplates"),
    (BETA, "{spec: {resourcetemplates: [{kind: X}]}}", "missing field(s): @.resourcetemplates[0].apiVersion"),
    (
        BETA,
        "{spec: {resourcetemplates: [{apiVersion: v1, kind: X, a: $(tt.params.p)}]}}",
        "invalid value: undeclared param '$(tt.params.p)': @.resourcetemplates[0]\n\
         '$(tt.params.p)' must be declared in spec.params",
    ),
    (BETA, "{spec: {resourcetemplates: [{apiVersion: v1, kind: X}]}}", ""),
];

/// `@` stands for the path of the trigger.
fn in_both_places(field: &str, rest: &str, rows: &[(&str, &str, &str)]) {
    for (version, part, expected) in rows {
        let value = if field == "bindings" { format!("[{part}]") } else { (*part).to_owned() };
        let in_trigger = format!("{{{field}: {value}{rest}}}");
        check("Trigger", ToOwned::to_owned, &[(version, &in_trigger, &expected.replace('@', "spec"))]);
        let in_listener = format!("{{triggers: [{in_trigger}]}}");
        let expected = expected.replace('@', "spec.triggers[0]");
        check("EventListener", ToOwned::to_owned, &[(version, &in_listener, &expected)]);
    }
}

#[test]
fn bindings_of_a_trigger_are_references_or_values() {
    in_both_places("bindings", ", template: {ref: t}", BINDINGS);
}

#[test]
fn a_template_of_a_trigger_is_a_reference_or_in_place() {
    in_both_places("template", "", TEMPLATES);
}

#[test]
fn a_trigger_object_needs_a_template() {
    check(
        "Trigger",
        ToOwned::to_owned,
        &[
            (BETA, "{}", "expected exactly one, got neither: spec.template.ref, spec.template.spec"),
            (BETA, "null", "expected exactly one, got neither: spec.template.ref, spec.template.spec"),
            (
                BETA,
                "{template: null}",
                "expected exactly one, got neither: spec.template.ref, spec.template.spec",
            ),
            (BETA, "{template: {ref: t}, name: '-not a label-', serviceAccountName: s}", ""),
            (BETA, "{template: {ref: t}, triggerRef: x}", "unknown field \"triggerRef\": spec.triggerRef"),
            (
                BETA,
                "{template: {ref: t}, interceptors: [null, {ref: {name: cel}}, {}]}",
                "invalid value: interceptor '<nil>' must be a valid value: spec.interceptors[0]\n\
             missing field(s): spec.interceptors[2].interceptor",
            ),
        ],
    );
}
