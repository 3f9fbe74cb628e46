use super::{ALPHA, BETA, check};

#[test]
fn a_template_needs_resources() {
    for version in [BETA, ALPHA] {
        check(
            "TriggerTemplate",
            ToOwned::to_owned,
            &[
                (version, "{}", "missing field(s): spec, spec.resourcetemplates"),
                (version, "null", "missing field(s): spec, spec.resourcetemplates"),
                (
                    version,
                    "{params: [], resourcetemplates: []}",
                    "missing field(s): spec, spec.resourcetemplates",
                ),
                (version, "{params: [{name: p}]}", "missing field(s): spec.resourcetemplates"),
                (version, "{resourceTemplates: [{apiVersion: v1, kind: X}]}", ""),
                (
                    version,
                    "{params: [{name: p, default: ''}, {name: p}], resourcetemplates: [{apiVersion: v1, kind: X}]}",
                    "",
                ),
            ],
        );
    }
}

#[test]
fn a_resource_has_a_kind_and_a_version() {
    let (kind, version) = (
        "missing field(s): spec.resourcetemplates[0].kind",
        "missing field(s): spec.resourcetemplates[0].apiVersion",
    );
    let both = "missing field(s): spec.resourcetemplates[0].apiVersion, spec.resourcetemplates[0].kind";
    check(
        "TriggerTemplate",
        |resource| format!("{{resourcetemplates: [{resource}]}}"),
        &[
            (BETA, "{apiVersion: v1, kind: X}", ""),
            (BETA, "{apiVersion: a/v1, kind: X, anything: [1, null]}", ""),
            (BETA, "{apiVersion: v1}", kind),
            (BETA, "{apiVersion: v1, kind: ''}", kind),
            (BETA, "{apiVersion: v1, kind: 1}", kind),
            (BETA, "{apiVersion: v1, Kind: X}", kind),
            (BETA, "{apiVersion: a/b/c, kind: X}", kind),
            (BETA, "{kind: X}", version),
            (BETA, "{kind: X, apiversion: v1}", version),
            (BETA, "{}", both),
            (BETA, "null", both),
            (BETA, "text", both),
            (BETA, "[]", both),
            (ALPHA, "{kind: X}", version),
        ],
    );
    check(
        "TriggerTemplate",
        ToOwned::to_owned,
        &[(
            BETA,
            "{resourcetemplates: [{kind: X}, {apiVersion: v1, kind: X}, {}]}",
            "missing field(s): spec.resourcetemplates[0].apiVersion, spec.resourcetemplates[2].apiVersion, \
         spec.resourcetemplates[2].kind",
        )],
    );
}

#[test]
fn placeholders_name_declared_params() {
    let undeclared = |name: &str, index: usize| {
        format!(
            "invalid value: undeclared param '$(tt.params.{name})': spec.resourcetemplates[{index}]\n\
             '$(tt.params.{name})' must be declared in spec.params"
        )
    };
    let wrap = |text: &str| {
        format!(
            "{{params: [{{name: a}}, {{name: b-c.d_e}}], resourcetemplates: [{{apiVersion: v1, kind: X, t: '{text}'}}]}}"
        )
    };
    for version in [BETA, ALPHA] {
        check(
            "TriggerTemplate",
            wrap,
            &[
                (version, "$(tt.params.a) and $(tt.params.b-c.d_e)", ""),
                (version, "$(params.x) $(uid) $(context.y)", ""),
                (version, "$(tt.params.x) $(tt.params.y)", &undeclared("x", 0)),
                (version, "$(tt.params.a)$(tt.params.A)", &undeclared("A", 0)),
                (version, "$(tt.params._x)", &undeclared("_x", 0)),
                (version, "$(ttXparams.x)", &undeclared("x", 0)),
                (version, "$(tt.params.9x)", ""),
                (version, "$(tt.params.)", ""),
                (version, "$(tt.params.x", ""),
                (version, "$(tt.params.x y)", ""),
                (version, "$(tt.paramsäx)", &undeclared("x", 0)),
            ],
        );
    }
    check(
        "TriggerTemplate",
        |resources| format!("{{resourcetemplates: [{resources}]}}"),
        &[
            (
                BETA,
                "{apiVersion: v1, kind: X}, {apiVersion: v1, kind: X, '$(tt.params.k)': 1}",
                &undeclared("k", 1),
            ),
            (BETA, "{apiVersion: v1, kind: $(tt.params.k)}", &undeclared("k", 0)),
            (BETA, "{apiVersion: v1, kind: X, a: [{b: $(tt.params.deep)}]}", &undeclared("deep", 0)),
        ],
    );
}
