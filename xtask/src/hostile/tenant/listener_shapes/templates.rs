//! Templates and bindings: large, or of objects that cannot be.

use serde_json::{Value, json};

use super::ACCOUNTS;
use crate::hostile::tenant::SECRET;
use crate::hostile::tenant::listeners::{github, interceptor, listener, note, object, template, trigger};
use crate::hostile::victim;

/// Values of bindings that find nothing, or are no expressions.
const MISSES: [&str; 18] = [
    "$(body.no.such)",
    "$(body.commits[99])",
    "$(body.commits[-99])",
    "$(body..*)",
    "$(body[?(@.a==1)])",
    "$(body.commits[*].id)",
    "$(body.commits[0:99999999:1])",
    "$(body['\\u0000'])",
    "$(extensions.no)",
    "$(header.No-Such)",
    "$(context.no)",
    "$(",
    "$()",
    "$($(body))",
    "$(body.ref",
    "$(tt.params.text)",
    "$(uid)",
    "$$",
];

/// Templates that are large, or whose objects become large.
pub(in crate::hostile::tenant) fn large_templates(name: &str) -> Vec<Value> {
    let sized = |bytes: usize| {
        let mut object = note();
        object["data"]["more"] = "x".repeat(bytes).into();
        object
    };
    let growing = |times: usize| {
        let mut object = note();
        object["data"]["more"] = "$(tt.params.text)".repeat(times).into();
        object
    };
    let mut deep = json!("$(tt.params.text)");
    for _ in 0..100 {
        deep = json!({"a": [deep]});
    }
    let mut nested = note();
    nested["data"] = deep;
    let firing = |spec: Value| {
        json!({
            "name": "large", "interceptors": [github(SECRET)],
            "bindings": [{"name": "text", "value": "$(body)"}], "template": {"spec": spec},
        })
    };
    let templates = [
        ("one", template(&[sized(1_300_000)])),
        ("allowed", template(&[sized(500_000)])),
        ("many", template(&vec![note(); 2000])),
        ("most", template(&vec![sized(7_000); 64])),
        ("growing", template(&vec![growing(400); 60])),
        ("nested", template(&[nested])),
    ];
    let mut objects: Vec<_> = templates
        .into_iter()
        .map(|(kind, spec)| listener(&format!("{name}-{kind}"), &[firing(spec)]))
        .collect();
    // 60 templates of half a megabyte for one listener.
    objects.extend(
        (0..60).map(|number| {
            object("TriggerTemplate", &format!("{name}-{number}"), template(&[sized(450_000)]))
        }),
    );
    let by_reference: Vec<_> = (0..60)
        .map(|number| {
            json!({
                "name": format!("t{number}"), "interceptors": [github(SECRET)],
                "template": {"ref": format!("{name}-{number}")},
            })
        })
        .collect();
    objects.push(listener(&format!("{name}-referred"), &by_reference));
    objects
}

/// Triggers that each make a large value of a small event.
pub(in crate::hostile::tenant) fn many_values(name: &str) -> Vec<Value> {
    let eight = ".map(a, a + a + a + a + a + a + a + a)".repeat(3);
    let overlay = json!([{"key": "text", "expression": format!("['{}']{eight}[0]", "x".repeat(1000))}]);
    let cel = interceptor("cel", &[("overlays", overlay)]);
    let mut trigger = trigger("value", &[github(SECRET), cel]);
    trigger["bindings"] = json!([{"name": "text", "value": "$(extensions.text)"}]);
    vec![listener(name, &vec![trigger; 500])]
}

/// Bindings that miss, and templates of objects that cannot be, or must not be.
pub(in crate::hostile::tenant) fn broken_bindings(name: &str) -> Vec<Value> {
    let missing = MISSES.map(|value| {
        let mut trigger = trigger("miss", &[github(SECRET)]);
        trigger["bindings"] = json!([{"name": "text", "value": value}]);
        trigger
    });
    let references = [
        json!([{"ref": "no-such"}]),
        json!([{"ref": "no-such", "kind": "ClusterTriggerBinding"}]),
        json!([{"ref": "", "name": "", "value": ""}]),
        json!(
            (0..200).map(|number| json!({"name": "text", "value": number.to_string()})).collect::<Vec<_>>()
        ),
        json!([{"name": "text", "value": "$(body)".repeat(9000)}]),
    ];
    let references = references.map(|bindings| {
        let mut trigger = trigger("reference", &[github(SECRET)]);
        trigger["bindings"] = bindings;
        trigger
    });
    let resource = |version: &str, kind: &str, metadata: Value| json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    let resources = [
        resource("v1", "ConfigMap", json!({"name": "fixed", "namespace": victim::NAMESPACE})),
        resource("v1", "ConfigMap", json!({"name": "fixed"})),
        resource("v1", "ConfigMap", json!({"name": "../../../victim/configmaps/x"})),
        resource("v1", "ConfigMap", json!({"name": "a?b#c%2f"})),
        resource("v1", "ConfigMap", json!({"generateName": "x".repeat(60_000)})),
        resource(
            "v1",
            "ConfigMap",
            json!({"name": "l", "labels": {"triggers.tekton.dev/triggers-eventid": "x"}}),
        ),
        resource("v1", "ConfigMap", json!({"name": "l", "labels": {"a b": 1}})),
        resource("v1", "Namespace", json!({"generateName": "made-"})),
        resource("v1", "Secret", json!({"name": SECRET})),
        resource("v1", "Nothing", json!({"generateName": "n-"})),
        resource("a/b/c", "ConfigMap", json!({"generateName": "n-"})),
        resource("no.such.group/v1", "Thing", json!({"generateName": "n-"})),
        resource("triggers.tekton.dev/v1beta1", "EventListener", json!({"generateName": "again-"})),
        resource("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", json!({"generateName": "root-"})),
        json!("text"),
        json!({}),
    ];
    let resources = resources.map(|resource| {
        json!({"name": "resource", "interceptors": [github(SECRET)], "template": {"spec": template(&[resource])}})
    });
    // Every event would ask for another kind that no cluster has.
    let mut made_up = json!({"apiVersion": "$(tt.params.text).example/v1", "kind": "K$(tt.params.text)"});
    made_up["metadata"] = json!({"generateName": "n-"});
    let made_up = json!({
        "name": "made-up", "interceptors": [github(SECRET)],
        "bindings": [{"name": "text", "value": "$(body.after)"}], "template": {"spec": template(&[made_up])},
    });
    let accounts = ACCOUNTS.map(|account| {
        let mut trigger = trigger("account", &[github(SECRET)]);
        trigger["serviceAccountName"] = account.into();
        trigger
    });
    vec![
        listener(&format!("{name}-values"), &missing),
        listener(&format!("{name}-references"), &references),
        listener(&format!("{name}-resources"), &resources),
        listener(&format!("{name}-kinds"), &[made_up]),
        listener(&format!("{name}-accounts"), &accounts),
    ]
}
