use super::{ALPHA, check, said};

#[test]
fn an_interceptor_is_at_a_url_or_a_service() {
    let rows = [
        (ALPHA, "{clientConfig: {url: 'http://x'}}", ""),
        (ALPHA, "{clientConfig: {service: {name: s, namespace: m}}}", ""),
        (ALPHA, "{clientConfig: {service: {name: s, namespace: m, path: p, port: 1}, caBundle: QQ==}}", ""),
        (ALPHA, "{}", ""),
        (ALPHA, "{clientConfig: {}}", ""),
        (
            ALPHA,
            "{clientConfig: {url: 'http://x', service: {name: s, namespace: m}}}",
            "expected exactly one, got both: spec.clientConfig.service, spec.clientConfig.url",
        ),
        (
            ALPHA,
            "{clientConfig: {service: {name: s}}}",
            "missing field(s): spec.clientConfig.service.namespace",
        ),
        (
            ALPHA,
            "{clientConfig: {service: {namespace: m}}}",
            "missing field(s): spec.clientConfig.service.name",
        ),
        (
            ALPHA,
            "{clientConfig: {service: {}}}",
            "missing field(s): spec.clientConfig.service.name, spec.clientConfig.service.namespace",
        ),
        (
            ALPHA,
            "{clientConfig: {url: u, service: {}}}",
            "expected exactly one, got both: spec.clientConfig.service, spec.clientConfig.url\n\
             missing field(s): spec.clientConfig.service.name, spec.clientConfig.service.namespace",
        ),
        (ALPHA, "{clientConfig: {caBundle: '!'}}", "invalid: it is no base64: spec.clientConfig.caBundle"),
        (ALPHA, "{clientConfig: {uri: x}}", "unknown field \"uri\": spec.clientConfig.uri"),
    ];
    check("Interceptor", ToOwned::to_owned, &rows);
    check("ClusterInterceptor", ToOwned::to_owned, &rows);
}

#[test]
fn any_name_will_do() {
    for kind in ["Interceptor", "ClusterInterceptor"] {
        let manifest =
            format!("{{apiVersion: triggers.tekton.dev/v1alpha1, kind: {kind}, metadata: {{name: A_b}}}}");
        assert_eq!(said(&manifest), "");
    }
}
