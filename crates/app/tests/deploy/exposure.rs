//! What can be reached from where.

use serde_json::{Value, json};

use crate::kubectl::{Rendered, overlays};

const HOOKS: &str = "shipwright-trigger";

/// What leads from outside to a Service: whither, by which path, and whether under TLS only.
fn ways_in(overlay: &Rendered) -> Vec<(Value, Value, bool)> {
    let mut ways = Vec::new();
    for ingress in overlay.of_kind("Ingress") {
        let spec = &ingress["spec"];
        assert!(spec["defaultBackend"].is_null());
        for rule in spec["rules"].as_array().unwrap() {
            let under_tls = spec["tls"].as_array().unwrap().iter().any(|tls| {
                tls["secretName"].is_string() && tls["hosts"].as_array().unwrap().contains(&rule["host"])
            });
            for path in rule["http"]["paths"].as_array().unwrap() {
                ways.push((path["backend"]["service"]["name"].clone(), path["path"].clone(), under_tls));
            }
        }
    }
    for route in overlay.of_kind("Route") {
        let spec = &route["spec"];
        let under_tls =
            spec["tls"]["termination"] == "edge" && spec["tls"]["insecureEdgeTerminationPolicy"] == "None";
        ways.push((spec["to"]["name"].clone(), spec["path"].clone(), under_tls));
    }
    for route in overlay.of_kind("HTTPRoute") {
        let parent = &route["spec"]["parentRefs"][0];
        let gateway = overlay
            .of_kind("Gateway")
            .find(|gateway| gateway["metadata"]["name"] == parent["name"])
            .expect("the Gateway is there");
        let listeners = gateway["spec"]["listeners"].as_array().unwrap();
        let under_tls = listeners.iter().all(|listener| {
            listener["protocol"] == "HTTPS"
                && listener["tls"]["certificateRefs"][0]["name"].is_string()
                && listener["name"] == parent["sectionName"]
        });
        for rule in route["spec"]["rules"].as_array().unwrap() {
            for (backend, matching) in
                rule["backendRefs"].as_array().unwrap().iter().flat_map(|backend| {
                    rule["matches"].as_array().unwrap().iter().map(move |one| (backend, one))
                })
            {
                ways.push((backend["name"].clone(), matching["path"]["value"].clone(), under_tls));
            }
        }
    }
    ways
}

#[test]
fn only_hooks_are_exposed_and_under_tls_only() {
    for overlay in overlays("only_hooks_are_exposed_and_under_tls_only") {
        let ways = ways_in(&overlay);
        let exposes = ["openshift", "ingress", "gateway"].iter().any(|name| overlay.name.ends_with(name));
        assert_eq!(ways.len(), usize::from(exposes), "{}", overlay.name);
        for way in ways {
            assert_eq!(way, (json!(HOOKS), json!("/hooks"), true), "{}", overlay.name);
        }
        for service in overlay.of_kind("Service") {
            let kind = &service["spec"]["type"];
            assert!(kind.is_null() || kind == "ClusterIP", "{}: {service}", overlay.name);
        }
    }
}

/// The policy for the program's pods.
fn policy<'a>(overlay: &'a Rendered, name: &str) -> &'a Value {
    overlay.of_kind("NetworkPolicy").find(|policy| policy["metadata"]["name"] == name).unwrap()
}

#[test]
fn the_network_is_closed_but_for_what_is_needed() {
    for overlay in overlays("the_network_is_closed_but_for_what_is_needed") {
        let nothing = &policy(&overlay, "default-deny")["spec"];
        assert_eq!(nothing, &json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
        let ours = &policy(&overlay, HOOKS)["spec"];
        let rules = ours["ingress"].as_array().unwrap();
        let open: Vec<_> = rules.iter().filter(|rule| rule["from"].is_null()).collect();
        assert_eq!(open, [&json!({"ports": [{"port": 8080, "protocol": "TCP"}]})], "{}", overlay.name);
        for rule in rules.iter().filter(|rule| !rule["from"].is_null()) {
            assert_eq!(rule["ports"], json!([{"port": 9090, "protocol": "TCP"}]), "{}", overlay.name);
            for from in rule["from"].as_array().unwrap() {
                let anywhere = from["namespaceSelector"] == json!({});
                assert!(!anywhere && from["ipBlock"].is_null(), "{}: {from}", overlay.name);
            }
        }
        let mut reached: Vec<u64> = overlay
            .of_kind("NetworkPolicy")
            .flat_map(|policy| policy["spec"]["egress"].as_array().cloned().unwrap_or_default())
            .flat_map(|rule| rule["ports"].as_array().cloned().unwrap())
            .map(|port| port["port"].as_u64().unwrap())
            .collect();
        reached.sort_unstable();
        reached.dedup();
        let expected: &[u64] = match overlay.name.as_str() {
            "overlays/replicated" => &[53, 443, 5432, 6443],
            "overlays/openshift" => &[53, 443, 5353, 6443],
            _ => &[53, 443, 6443],
        };
        assert_eq!(reached, expected, "{}", overlay.name);
    }
}
