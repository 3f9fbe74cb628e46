//! Chains that cannot work.

use serde_json::json;

use super::*;

const NO_SERVICE: &str = "interceptor 0 `webhook`: `webhook.objectRef` is no Service: set `kind: Service`, \
                          `apiVersion: v1` and a name that a Service can have";

#[test]
fn an_interceptor_that_cannot_work_is_named() {
    let service = |kind: &str, version: &str, namespace: &str, name: &str| json!({"webhook": {"objectRef": {"kind": kind, "apiVersion": version, "namespace": namespace, "name": name}}});
    let with_header = |name: &str, value: Value| json!({"webhook": {"url": "http://hook.test/", "header": [{"name": name, "value": value}]}});
    for (interceptor, expected) in [
        (json!({}), "interceptor 0 `without a name`: it names no interceptor: set `ref.name`"),
        (
            json!({"ref": {"name": ""}}),
            "interceptor 0 `without a name`: it names no interceptor: set `ref.name`",
        ),
        (
            json!({"ref": {"name": "cel", "kind": "Interceptor"}}),
            "interceptor 0 `cel`: `ref.kind` is `Interceptor`: use ClusterInterceptor or NamespacedInterceptor",
        ),
        (
            json!({"ref": {"name": "lint"}}),
            "interceptor 0 `lint`: there is no ClusterInterceptor `lint` with an address: create it, or correct `ref.name`",
        ),
        (
            json!({"name": "own", "ref": {"name": "cel", "kind": "NamespacedInterceptor"}}),
            "interceptor 0 `own`: there is no Interceptor `cel` with an address: create it, or correct `ref.name`",
        ),
        (
            json!({"ref": {"name": "github"}, "params": {"eventTypes": "push"}}),
            "interceptor 0 `github`: the parameter `eventTypes` has the wrong type: a list is expected",
        ),
        (
            json!({"ref": {"name": "github"}, "params": {"addChangedFiles": {"enabled": "yes"}}}),
            "interceptor 0 `github`: the parameter `addChangedFiles.enabled` has the wrong type: true or false is expected",
        ),
        (
            json!({"ref": {"name": "github"}, "params": {"githubOwners": {"personalAccessToken": {"secretKey": 1}}}}),
            "interceptor 0 `github`: the parameter `githubOwners.personalAccessToken.secretKey` has the wrong type: a \
             string is expected",
        ),
        (
            json!({"ref": {"name": "github"}, "params": {"enterpriseHost": "https://ghe.test/"}}),
            "interceptor 0 `github`: the parameter `enterpriseHost` is `https://ghe.test/`: a host such as \
             `github.example.com:8443` is expected",
        ),
        (
            json!({"ref": {"name": "cel"}, "params": {"filter": 1}}),
            "interceptor 0 `cel`: the parameter `filter` has the wrong type: a string is expected",
        ),
        (
            json!({"ref": {"name": "cel"}, "params": {"overlays": ["x"]}}),
            "interceptor 0 `cel`: the parameter `overlays[0]` has the wrong type: an object is expected",
        ),
        (
            json!({"ref": {"name": "cel"}, "params": {"overlays": [{"key": 1, "expression": "1"}]}}),
            "interceptor 0 `cel`: the parameter `overlays[0].key` has the wrong type: a string is expected",
        ),
        (service("Service", "v1", "", "Hook"), NO_SERVICE),
        (service("Service", "v1", "no.ns", "hook"), NO_SERVICE),
        (service("Service", "v1", "", ""), NO_SERVICE),
        (service("Pod", "v1", "", "hook"), NO_SERVICE),
        (service("Service", "v2", "", "hook"), NO_SERVICE),
        (json!({"webhook": {}}), NO_SERVICE),
        (
            json!({"webhook": {"url": "ftp://hook.test"}}),
            "interceptor 0 `webhook`: the URL is none of an HTTP server: begin it with `http://` or `https://` and a host",
        ),
        (
            with_header("X Y", json!("v")),
            "interceptor 0 `webhook`: the header `X Y` of the webhook cannot be sent: a name of letters, digits and dashes",
        ),
        (
            with_header("host", json!("v")),
            "interceptor 0 `webhook`: the header `host` of the webhook cannot be sent: a name that does not belong to the \
             connection",
        ),
        (
            with_header("X-Y", json!("a\r\nb")),
            "interceptor 0 `webhook`: the header `X-Y` of the webhook cannot be sent: few and short values without line \
             breaks",
        ),
        (
            with_header("X-Y", json!(["a", 1])),
            "interceptor 0 `webhook`: the header `X-Y` of the webhook cannot be sent: a list of strings",
        ),
        (
            with_header("X-Y", json!(1)),
            "interceptor 0 `webhook`: the header `X-Y` of the webhook cannot be sent: a string or a list of strings",
        ),
    ] {
        let found = compile(&json!([interceptor])).unwrap_err().to_string();
        assert_eq!(found, expected, "{interceptor}");
    }
    for expression in ["syntax error here", "undeclared", "1 +"] {
        let chain = json!([
            {"ref": {"name": "gitlab"}},
            {"name": "last", "ref": {"name": "cel"}, "params": {"overlays": [{"key": "a", "expression": expression}]}},
        ]);
        let found = compile(&chain).unwrap_err().to_string();
        let expected = "interceptor 1 `last`: the expression of `overlays[0]` cannot be compiled: ";
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn an_address_takes_the_place_of_an_interceptor_in_process() {
    let own = json!([{"ref": {"name": "cel", "address": "http://cel.test/"}, "params": {"filter": "no CEL at all"}}]);
    let mut world = World::with_server("http://cel.test/", r#"{"continue":true}"#);
    assert_eq!(result(&own, &[], "{}", &mut world), "passed");
    // A reference without a kind means a ClusterInterceptor.
    for kind in ["", "ClusterInterceptor"] {
        let chain = json!([{"ref": {"name": "cel", "kind": kind}, "params": {"filter": "true"}}]);
        assert_eq!(result(&chain, &[], "{}", &mut World::default()), "passed");
    }
    assert!(core_names().any(|name| name == "cel") && core_names().all(|name| name != "lint"));
    // A chain without interceptors lets every event pass as it is.
    assert_eq!(result(&json!([]), &[], "no JSON", &mut World::default()), "passed");
}
