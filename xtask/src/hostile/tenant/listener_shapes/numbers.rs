//! More objects than there should be: triggers, listeners, groups, selections and Secrets.

use serde_json::{Value, json};

use crate::hostile::accounts::ACCOUNT;
use crate::hostile::tenant::listeners::{filter, github, listener, note, object, template, trigger};
use crate::hostile::tenant::shapes::secret;
use crate::hostile::tenant::{NAMESPACE, SECRET};
use crate::hostile::victim;

/// The number of triggers that are too many for most bounds.
const MANY: usize = 1024;

/// Listeners with every trigger that one may have, and more Triggers that they select.
pub(in crate::hostile::tenant) fn many_triggers(name: &str) -> Vec<Value> {
    let inline: Vec<_> = (0..MANY)
        .map(|number| json!({"name": format!("t{number}"), "interceptors": [github(SECRET)], "template": {"ref": name}}))
        .collect();
    let spec = json!({"interceptors": [github(SECRET)], "template": {"ref": name}});
    let triggers = (0..3000).map(|number| object("Trigger", &format!("{name}-{number}"), spec.clone()));
    let selecting = json!({"serviceAccountName": ACCOUNT, "labelSelector": {}});
    let all = [
        object("TriggerTemplate", name, template(&[note()])),
        listener(&format!("{name}-inline"), &inline),
        object("EventListener", name, selecting),
    ];
    all.into_iter().chain(triggers).collect()
}

/// More listeners than a namespace needs.
pub(in crate::hostile::tenant) fn many_listeners(name: &str) -> Vec<Value> {
    (0..3000)
        .map(|number| listener(&format!("{name}-{number}"), &[trigger("push", &[github(SECRET)])]))
        .collect()
}

/// Listeners that select Triggers of all namespaces, and of the victim's.
pub(in crate::hostile::tenant) fn selectors(name: &str) -> Vec<Value> {
    let many: Vec<_> = (0..250).map(|number| format!("namespace-{number}")).collect();
    let names = [
        json!(["*"]),
        json!([victim::NAMESPACE]),
        json!(["*", victim::NAMESPACE]),
        json!([victim::NAMESPACE, NAMESPACE, "kube-system"]),
        json!(many),
        json!(["", "..", "a/b", "*a"]),
    ];
    let expression = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "app", "operator": operator, "values": values}]});
    let labels = [
        json!(null),
        json!({}),
        json!({"matchLabels": {"app": "x"}}),
        expression("NotIn", json!(["x"])),
        expression("DoesNotExist", json!([])),
        expression("In", json!([])),
        expression("Matches", json!(["(a+)+$"])),
    ];
    let both = names.iter().flat_map(|names| labels.iter().map(move |labels| (names, labels)));
    let listeners = both.enumerate().map(|(number, (names, labels))| {
        let selector = json!({"matchNames": names});
        let spec = json!({
            "serviceAccountName": ACCOUNT, "namespaceSelector": selector, "labelSelector": labels,
            "triggerGroups": [{
                "name": "all", "interceptors": [github(SECRET)],
                "triggerSelector": {"namespaceSelector": selector, "labelSelector": labels},
            }],
        });
        object("EventListener", &format!("{name}-{number}"), spec)
    });
    let triggers = (0..200).map(|number| {
        let mut spec = trigger("", &[github(SECRET)]);
        spec["name"] = Value::Null;
        object("Trigger", &format!("{name}-{number}"), spec)
    });
    listeners.chain(triggers).collect()
}

/// Groups, each of which selects every Trigger.
pub(in crate::hostile::tenant) fn many_groups(name: &str) -> Vec<Value> {
    let group = |number: usize| {
        json!({
            "name": format!("g{number}"), "interceptors": [github(SECRET)],
            "triggerSelector": {"namespaceSelector": {"matchNames": ["*"]}, "labelSelector": {}},
        })
    };
    let spec = |groups: usize| json!({"serviceAccountName": ACCOUNT, "triggerGroups": (0..groups).map(group).collect::<Vec<_>>()});
    let listeners = (0..20).map(|number| object("EventListener", &format!("{name}-{number}"), spec(64)));
    let thousands = object("EventListener", &format!("{name}-thousands"), spec(4000));
    let triggers = (0..300).map(|number| {
        let spec = json!({"interceptors": [filter("true")], "template": {"spec": template(&[note()])}});
        object("Trigger", &format!("{name}-{number}"), spec)
    });
    listeners.chain([thousands]).chain(triggers).collect()
}

/// Triggers with a Secret each: some exist, some are large, some cannot be.
pub(in crate::hostile::tenant) fn many_hooks(name: &str) -> Vec<Value> {
    let secrets = (0..100).map(|number| {
        let mut secret = secret(&format!("{name}-{number}"));
        if number % 2 == 0 {
            secret["stringData"]["more"] = "x".repeat(300_000).into();
        }
        secret
    });
    let triggers: Vec<_> = (0..600)
        .map(|number| trigger(&format!("t{number}"), &[github(&format!("{name}-{number}"))]))
        .collect();
    let names = ["a b", "hook?", "../..", "HOOK", "hook/status", "?limit=1", ""];
    let odd = names.map(|secret| trigger("odd", &[github(secret)]));
    let compared: Vec<_> = (0..64)
        .map(|number| {
            format!("'x'.compareSecret('github-token', '{name}-{number}', '{}')", victim::NAMESPACE)
        })
        .collect();
    let compared = trigger("compared", &[filter(&compared.join(" || "))]);
    secrets
        .chain([
            listener(name, &triggers),
            listener(&format!("{name}-odd"), &odd),
            listener(&format!("{name}-compared"), &[compared]),
        ])
        .collect()
}
