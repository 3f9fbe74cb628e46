use super::{ALPHA, BETA, check};

/// `@` stands for `spec.`, which the paths of a ClusterTriggerBinding leave out.
const ROWS: &[(&str, &str, &str)] = &[
    (BETA, "{params: [{name: a, value: x}, {name: b, value: z}]}", ""),
    (BETA, "{params: [{name: a}]}", ""),
    (BETA, "{params: [{name: '', value: x}]}", ""),
    (BETA, "{params: [null]}", ""),
    (
        BETA,
        "{params: [{name: a, value: x}, {name: a, value: z}]}",
        "expected exactly one, got both: @params[1].name",
    ),
    (BETA, "{params: [{}, {}]}", "expected exactly one, got both: @params[1].name"),
    (BETA, "{params: [{name: A}, {name: a}]}", ""),
    (BETA, "{params: [{name: a, value: $(body.x)}]}", ""),
    (BETA, "{params: [{name: a, value: '$(body.x) and $(body.y)'}]}", ""),
    (BETA, "{params: [{name: a, value: '$(body.x'}]}", ""),
    (BETA, "{params: [{name: a, value: '$(f(body.x)) $(g())'}]}", ""),
    (BETA, "{params: [{name: a, value: 'text (with) $ and )'}]}", ""),
    (BETA, "{params: [{name: a, value: $($(body.x))}]}", "invalid value: $($(body.x)): @params[0].value"),
    (
        BETA,
        "{params: [{name: a, value: '$(body.x $(body.y)'}]}",
        "invalid value: $(body.x $(body.y): @params[0].value",
    ),
    (BETA, "{params: [{name: a, value: '$(f(x) $(y)'}]}", "invalid value: $(f(x) $(y): @params[0].value"),
    (
        BETA,
        "{params: [{name: a, value: '$($(x))'}, {name: b, value: '$($(y))'}]}",
        "invalid value: $($(x)): @params[0].value",
    ),
    (BETA, "{params: [{name: a, value: '$($(x))'}, {name: a}]}", "invalid value: $($(x)): @params[0].value"),
    (BETA, "{params: [{name: a, value: '$(no json path !'}]}", ""),
    (BETA, "{params: [{name: a, values: x}]}", "unknown field \"values\": @params[0].values"),
    (BETA, "{params: [{name: a, value: 1}]}", "must be a string, not the number 1: spec.params[0].value"),
    (BETA, "{params: [{name: a, value: [x]}]}", "must be a string, not a list: spec.params[0].value"),
    (BETA, "{params: {a: b}}", "must be a list, not an object: spec.params"),
    (ALPHA, "{params: [{name: a}, {name: a}]}", "expected exactly one, got both: @params[1].name"),
    (ALPHA, "{params: [{name: a, value: $($(body.x))}]}", "invalid value: $($(body.x)): @params[0].value"),
];

#[test]
fn params_of_bindings_are_checked() {
    for (version, spec, expected) in ROWS {
        let namespaced = expected.replace('@', "spec.");
        check("TriggerBinding", ToOwned::to_owned, &[(version, spec, &namespaced)]);
        // Unknown fields are told by the place where they stand.
        let at = if expected.starts_with("unknown") { "spec." } else { "" };
        check("ClusterTriggerBinding", ToOwned::to_owned, &[(version, spec, &expected.replace('@', at))]);
    }
}

#[test]
fn a_binding_needs_params() {
    for spec in ["{}", "null", "{params: []}", "{params: null}"] {
        for version in [BETA, ALPHA] {
            check("TriggerBinding", ToOwned::to_owned, &[(version, spec, "missing field(s): spec")]);
            check("ClusterTriggerBinding", ToOwned::to_owned, &[(version, spec, "missing field(s): ")]);
        }
    }
}
