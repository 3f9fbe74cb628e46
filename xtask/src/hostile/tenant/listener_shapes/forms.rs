//! Names, annotations and fields of every odd form.

use serde_json::{Map, Value, json};

use super::ACCOUNTS;
use crate::hostile::tenant::SECRET;
use crate::hostile::tenant::listeners::{github, listener, object, trigger};

/// Names and annotations of every odd form.
pub(in crate::hostile::tenant) fn odd_names(name: &str) -> Vec<Value> {
    let names = [
        "",
        " ",
        "..",
        "a/b",
        "\u{202e}niam",
        "\u{0}",
        "-",
        "a\nb",
        "\u{1f6a2}",
        "$(uid)",
        "$(tt.params.text)",
    ];
    let long = "n".repeat(60_000);
    let of_name = |name: &str| trigger(name, &[github(SECRET)]);
    let odd: Vec<_> = names.iter().map(|name| of_name(name)).chain([of_name(&long)]).collect();
    let equal: Vec<_> = (0..500).map(|_| of_name("equal")).collect();
    let references: Vec<_> =
        names.iter().map(|name| json!({"triggerRef": name})).chain([json!({"triggerRef": long})]).collect();
    let values = ["", "false", "FALSE", "no", "1h1h1h", "-1", "99999999999999999999s", "cel=1s,=,x=", &long];
    let annotated = values.iter().enumerate().map(|(number, value)| {
        let keys = [
            "tekton.dev/payload-validation",
            "trigger.shipwright.io/interceptor-timeout",
            "trigger.shipwright.io/interceptor-retries",
        ];
        let mut listener = listener(&format!("{name}-annotated-{number}"), &[of_name("push")]);
        listener["metadata"]["annotations"] = keys.iter().map(|key| (*key, json!(value))).collect();
        listener
    });
    let many: Map<_, _> = (0..8000).map(|number| (format!("a.example/{number}"), "x".into())).collect();
    let mut crowded = listener(&format!("{name}-crowded"), &[of_name("push")]);
    crowded["metadata"]["annotations"] = many.into();
    let accounts = ACCOUNTS.iter().enumerate().map(|(number, account)| {
        let spec = json!({"serviceAccountName": account, "triggers": [of_name("push")]});
        object("EventListener", &format!("{name}-account-{number}"), spec)
    });
    let dotted = listener(&format!("{name}.{}", "a".repeat(63)), &[of_name("push")]);
    let all = [
        listener(&format!("{name}-odd"), &odd),
        listener(&format!("{name}-equal"), &equal),
        listener(&format!("{name}-references"), &references),
        crowded,
        dotted,
    ];
    all.into_iter().chain(annotated).chain(accounts).collect()
}

/// Objects whose fields are of other types.
pub(in crate::hostile::tenant) fn wrong_types(name: &str) -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..110 {
        deep = json!([deep]);
    }
    let values = [
        json!(null),
        json!("text"),
        json!(1e300),
        json!(true),
        json!([[], {}]),
        json!({"": {"": null}}),
        deep,
    ];
    let kinds = ["EventListener", "Trigger", "TriggerBinding", "TriggerTemplate", "Interceptor"];
    let fields = [
        "triggers",
        "triggerGroups",
        "namespaceSelector",
        "labelSelector",
        "serviceAccountName",
        "interceptors",
        "bindings",
        "template",
        "params",
        "resourcetemplates",
        "clientConfig",
        "resources",
        "cloudEventURI",
    ];
    let mut objects = Vec::new();
    for (number, value) in values.iter().enumerate() {
        for kind in kinds {
            objects.push(object(kind, &format!("{name}-spec-{number}"), value.clone()));
            let spec: Map<_, _> = fields.iter().map(|field| ((*field).to_owned(), value.clone())).collect();
            objects.push(object(kind, &format!("{name}-fields-{number}"), spec.into()));
            let spec: Map<_, _> = fields.iter().map(|field| ((*field).to_owned(), json!([value]))).collect();
            objects.push(object(kind, &format!("{name}-lists-{number}"), spec.into()));
        }
    }
    objects
}
