use super::{ALPHA, BETA, check};

const INTERCEPTORS: &[(&str, &str, &str)] = &[
    (BETA, "{}", "missing field(s): @.interceptor"),
    (BETA, "{name: m, params: [{name: p, value: 1}]}", "missing field(s): @.interceptor"),
    (BETA, "{ref: {}}", "missing field(s): @.interceptor"),
    (BETA, "{ref: {kind: ClusterInterceptor}}", "missing field(s): @.interceptor"),
    (BETA, "{webhook: null}", "missing field(s): @.interceptor"),
    (BETA, "{ref: {name: cel}}", ""),
    (BETA, "{ref: {name: x, kind: Anything, apiVersion: any}}", ""),
    (BETA, "{ref: {name: x}, params: [{name: p}, {name: p, value: null}, {value: {a: [1]}}]}", ""),
    (BETA, "{webhook: {}}", "missing field(s): @.interceptor.webhook.objectRef"),
    (BETA, "{webhook: {url: 'http://x'}}", "missing field(s): @.interceptor.webhook.objectRef"),
    (
        BETA,
        "{webhook: {objectRef: {}}}",
        "missing field(s): @.interceptor.webhook.objectRef.apiVersion, @.interceptor.webhook.objectRef.kind",
    ),
    (
        BETA,
        "{webhook: {objectRef: {name: w, kind: Service}}}",
        "missing field(s): @.interceptor.webhook.objectRef.apiVersion",
    ),
    (
        BETA,
        "{webhook: {objectRef: {name: w, apiVersion: v1}}}",
        "missing field(s): @.interceptor.webhook.objectRef.kind",
    ),
    (
        BETA,
        "{webhook: {objectRef: {name: w, kind: Pod, apiVersion: v1}}}",
        "invalid value: invalid kind: @.interceptor.webhook.objectRef.kind",
    ),
    (
        BETA,
        "{webhook: {objectRef: {name: w, kind: Service, apiVersion: v2}}}",
        "invalid value: invalid apiVersion: @.interceptor.webhook.objectRef.apiVersion",
    ),
    (BETA, "{webhook: {objectRef: {kind: Service, apiVersion: v1}}}", ""),
    (
        BETA,
        "{webhook: {objectRef: {name: w, namespace: m, kind: Service, apiVersion: v1}, url: 'http://x'}}",
        "",
    ),
    (ALPHA, "{}", "missing field(s): @.interceptor"),
    (ALPHA, "{ref: {name: x}}", ""),
    (ALPHA, "{github: {}}", ""),
    (ALPHA, "{gitlab: {secretRef: {secretName: s, secretKey: k}}}", ""),
    (ALPHA, "{bitbucket: {eventTypes: [push]}}", ""),
    (ALPHA, "{cel: {filter: 'true'}}", ""),
    (ALPHA, "{cel: {filter: 'true', note: x}}", "unknown field \"note\": @.cel.note"),
    (ALPHA, "{github: {}, gitlab: {}}", ""),
    (
        ALPHA,
        "{github: {}, gitlab: {}, bitbucket: {}}",
        "expected exactly one, got both: @.interceptor.github, @.interceptor.gitlab, @.interceptor.webhook",
    ),
    (
        ALPHA,
        "{ref: {name: github}, github: {}, gitlab: {}}",
        "expected exactly one, got both: @.interceptor.github, @.interceptor.gitlab, @.interceptor.webhook",
    ),
    (ALPHA, "{webhook: {}}", "missing field(s): @.interceptor.webhook.objectRef"),
    (ALPHA, "{webhook: {url: 'http://x'}}", "missing field(s): @.interceptor.webhook.objectRef"),
    (
        ALPHA,
        "{webhook: {objectRef: {}}}",
        "invalid value: invalid apiVersion: @.interceptor.webhook.objectRef.apiVersion\n\
         invalid value: invalid kind: @.interceptor.webhook.objectRef.kind\n\
         missing field(s): @.interceptor.webhook.objectRef",
    ),
    (
        ALPHA,
        "{webhook: {objectRef: {kind: Service, apiVersion: v1}}}",
        "missing field(s): @.interceptor.webhook.objectRef",
    ),
    (ALPHA, "{webhook: {objectRef: {name: w, kind: Service, apiVersion: v1}}}", ""),
    (BETA, "{github: {}}", "unknown field \"github\": @.github"),
    (BETA, "{cel: {filter: 'true'}, ref: {name: cel}}", "unknown field \"cel\": @.cel"),
];

const HEADERS: &[(&str, &str, &str)] = &[
    (BETA, "{name: X-Foo, value: v}", ""),
    (BETA, "{name: X-Foo, value: [a, b]}", ""),
    (BETA, "{name: X, value: 5}", ""),
    (BETA, "{name: 'no token', value: v}", ""),
    (BETA, "{name: x-foo, value: v}", "invalid value: invalid header name: @.name"),
    (BETA, "{name: X-FOO, value: v}", "invalid value: invalid header name: @.name"),
    (BETA, "{name: '', value: v}", "invalid value: invalid header name: @.name"),
    (BETA, "{name: X-Foo, value: ''}", "invalid value: invalid header value: @.value"),
    (BETA, "{name: X-Foo}", "invalid value: invalid header value: @.value"),
    (BETA, "{name: X-Foo, value: []}", "invalid value: invalid header value: @.value"),
    (BETA, "{name: X-Foo, value: {a: b}}", "invalid value: invalid header value: @.value"),
    (
        BETA,
        "{name: foo}",
        "invalid value: invalid header name: @.name\ninvalid value: invalid header value: @.value",
    ),
    (ALPHA, "{name: X-Foo, value: v}", ""),
    (ALPHA, "{name: foo, value: v}", "invalid value: invalid header name: @.name"),
    (ALPHA, "{name: X-Foo, value: ''}", "invalid value: invalid header value: @.value"),
];

fn in_both_places(wrap: impl Fn(&str) -> String, below: &str, rows: &[(&str, &str, &str)]) {
    for (version, part, expected) in rows {
        let trigger = format!("{{template: {{ref: t}}, interceptors: [{}]}}", wrap(part));
        let at = |trigger: &str| expected.replace('@', &format!("{trigger}.interceptors[0]{below}"));
        check("Trigger", ToOwned::to_owned, &[(version, &trigger, &at("spec"))]);
        let listener = format!("{{triggers: [{trigger}]}}");
        check("EventListener", ToOwned::to_owned, &[(version, &listener, &at("spec.triggers[0]"))]);
    }
}

#[test]
fn an_interceptor_is_a_reference_or_a_webhook() {
    in_both_places(ToOwned::to_owned, "", INTERCEPTORS);
}

#[test]
fn headers_of_a_webhook_have_canonical_names_and_values() {
    let webhook = |header: &str| {
        format!("{{webhook: {{objectRef: {{name: w, kind: Service, apiVersion: v1}}, header: [{header}]}}}}")
    };
    in_both_places(webhook, ".interceptor.webhook.header[0]", HEADERS);
}
