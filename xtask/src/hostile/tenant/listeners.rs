//! Objects of Tekton Triggers, every field of which may be hostile.

use serde_json::{Map, Value, json};
use trigger_providers::{ALL, GitHub, Provider as _};

use super::{NAMESPACE, OPEN, OWN, REPOSITORY, SECRET};
use crate::hostile::accounts::ACCOUNT;
use crate::hostile::dice::Dice;
use crate::hostile::{texts, victim};

/// Annotations that the program reads on an EventListener or a Trigger.
const ANNOTATIONS: &[&str] = &[
    "tekton.dev/payload-validation",
    "triggers.tekton.dev/old-escape-quotes",
    "trigger.shipwright.io/interceptor-timeout",
    "trigger.shipwright.io/interceptor-retries",
];
/// Interceptors that are answered in process, and names that are none.
const INTERCEPTORS: &[&str] = &["github", "gitlab", "bitbucket", "slack", "cel", "git", "own", "no-such"];
/// Params of these.
const PARAMS: &[&str] = &[
    "secretRef",
    "eventTypes",
    "filter",
    "overlays",
    "branches",
    "tags",
    "paths",
    "pathsIgnore",
    "labels",
    "actions",
    "forks",
    "repository",
    "provider",
    "events",
    "requestedFields",
    "addChangedFiles",
    "githubOwners",
];

/// An object of tenant B.
pub(super) fn object(kind: &str, name: &str, spec: Value) -> Value {
    let version = if kind == "Interceptor" { "v1alpha1" } else { "v1beta1" };
    let mut object = json!({
        "apiVersion": format!("triggers.tekton.dev/{version}"), "kind": kind,
        "metadata": {"namespace": NAMESPACE, "name": name},
    });
    object["spec"] = spec;
    object
}

/// A listener with triggers of its own.
pub(super) fn listener(name: &str, triggers: &[Value]) -> Value {
    object("EventListener", name, json!({"serviceAccountName": ACCOUNT, "triggers": triggers}))
}

/// A trigger that creates an object of each event.
pub(super) fn trigger(name: &str, interceptors: &[Value]) -> Value {
    json!({"name": name, "interceptors": interceptors, "template": {"spec": template(&[note()])}})
}

/// The `spec` of a template.
pub(super) fn template(resources: &[Value]) -> Value {
    json!({"params": [{"name": "text", "default": "none"}], "resourcetemplates": resources})
}

/// A small object.
pub(super) fn note() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "note-"},
        "data": {"text": "$(tt.params.text)"},
    })
}

/// The interceptor `github` with a Secret of tenant B.
pub(super) fn github(secret: &str) -> Value {
    let entry = GitHub.secret_entries().into_iter().next();
    interceptor(
        "github",
        &[("secretRef", json!({"secretName": secret, "secretKey": entry})), ("eventTypes", json!(["push"]))],
    )
}

/// The interceptor `cel` with a filter.
pub(super) fn filter(expression: &str) -> Value {
    interceptor("cel", &[("filter", expression.into())])
}

/// An interceptor with params.
pub(super) fn interceptor(name: &str, params: &[(&str, Value)]) -> Value {
    let params: Vec<_> = params.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"ref": {"name": name}, "params": params})
}

/// The listeners that exist all the time: one with a key, and one that any sender may use.
pub(super) fn own() -> [Value; 2] {
    [
        listener(OWN, &[trigger("push", &[github(SECRET)])]),
        listener(OPEN, &[trigger("any", &[]), trigger("main", &[filter("body.ref == 'refs/heads/main'")])]),
    ]
}

/// An object of any of the kinds that a namespace has. `name` is the object's name, which Kubernetes has checked.
pub(super) fn any(dice: &mut Dice, name: &str) -> Value {
    let mut object = match dice.below(6) {
        0 => object("Trigger", name, spec_of_trigger(dice)),
        1 => object("TriggerBinding", name, json!({"params": params(dice)})),
        2 => object("TriggerTemplate", name, spec_of_template(dice)),
        3 => object("Interceptor", name, json!({"clientConfig": client_config(dice)})),
        _ => object("EventListener", name, spec_of_listener(dice)),
    };
    if dice.one_in(20) {
        object["spec"] = match dice.below(4) {
            0 => json!(texts::any(dice)),
            1 => json!(dice.number()),
            2 => json!({"triggers": texts::any(dice), "params": texts::any(dice)}),
            _ => Value::Null,
        };
    }
    let annotations =
        (0..dice.below(4)).map(|_| (dice.pick(ANNOTATIONS).to_owned(), texts::any(dice).into()));
    object["metadata"]["annotations"] = annotations.collect::<Map<_, _>>().into();
    if dice.one_in(2) {
        object["metadata"]["labels"] = json!({"app": texts::name(dice, 20)});
    }
    object
}

fn spec_of_listener(dice: &mut Dice) -> Value {
    let triggers = if dice.one_in(20) { 1500 } else { 4 };
    let entry = |dice: &mut Dice| {
        if dice.one_in(4) {
            return json!({"triggerRef": texts::any(dice)});
        }
        let mut trigger = spec_of_trigger(dice);
        trigger["name"] = texts::any(dice).into();
        trigger
    };
    let mut spec = json!({
        "serviceAccountName": account(dice),
        "triggers": (0..dice.below(triggers)).map(|_| entry(dice)).collect::<Vec<_>>(),
    });
    if dice.one_in(2) {
        spec["namespaceSelector"] = namespaces(dice);
    }
    if dice.one_in(2) {
        spec["labelSelector"] = labels(dice);
    }
    if dice.one_in(3) {
        let group = |dice: &mut Dice| {
            json!({
                "name": texts::any(dice), "interceptors": interceptors(dice),
                "triggerSelector": {"namespaceSelector": namespaces(dice), "labelSelector": labels(dice)},
            })
        };
        spec["triggerGroups"] = (0..dice.below(5)).map(|_| group(dice)).collect();
    }
    if dice.one_in(4) {
        spec["cloudEventURI"] = texts::any(dice).into();
    }
    spec
}

fn spec_of_trigger(dice: &mut Dice) -> Value {
    let bindings: Vec<_> = (0..dice.below(4))
        .map(|_| match dice.below(3) {
            0 => json!({"ref": texts::any(dice), "kind": dice.pick(&["TriggerBinding", "ClusterTriggerBinding", "x"])}),
            1 => json!({"ref": format!("random-{}", dice.below(60))}),
            _ => json!({"name": texts::any(dice), "value": value(dice)}),
        })
        .collect();
    let template = match dice.below(3) {
        0 => json!({"ref": format!("random-{}", dice.below(60))}),
        1 => json!({"ref": texts::any(dice)}),
        _ => json!({"spec": spec_of_template(dice)}),
    };
    json!({
        "interceptors": interceptors(dice), "bindings": bindings, "template": template,
        "serviceAccountName": account(dice),
    })
}

fn spec_of_template(dice: &mut Dice) -> Value {
    let resources = if dice.one_in(20) { 200 } else { 3 };
    let resource = |dice: &mut Dice| match dice.below(3) {
        0 => note(),
        1 => json!(texts::any(dice)),
        _ => json!({
            "apiVersion": dice.pick(&["v1", "tekton.dev/v1", "a/b/c", "", "triggers.tekton.dev/v1beta1"]),
            "kind": dice.pick(&["ConfigMap", "PipelineRun", "EventListener", "Namespace", "Secret", "Nothing"]),
            "metadata": {
                "name": texts::any(dice), "generateName": texts::any(dice),
                "namespace": dice.pick(&["", NAMESPACE, victim::NAMESPACE, "kube-system"]),
            },
            "data": {texts::any(dice): value(dice)},
        }),
    };
    json!({
        "params": params(dice),
        "resourcetemplates": (0..dice.below(resources)).map(|_| resource(dice)).collect::<Vec<_>>(),
    })
}

fn interceptors(dice: &mut Dice) -> Vec<Value> {
    let params = |dice: &mut Dice| -> Vec<Value> {
        let value = |dice: &mut Dice| match dice.below(4) {
            0 => json!(texts::any(dice)),
            1 => json!([texts::any(dice), texts::any(dice)]),
            2 => json!({"secretName": SECRET, "secretKey": texts::any(dice)}),
            _ => json!([{"key": texts::any(dice), "expression": texts::any(dice)}]),
        };
        (0..dice.below(5)).map(|_| json!({"name": dice.pick(PARAMS), "value": value(dice)})).collect()
    };
    (0..dice.below(5))
        .map(|_| match dice.below(5) {
            0 => json!({"webhook": {
                "objectRef": {"kind": "Service", "name": texts::any(dice), "namespace": texts::any(dice)},
                "header": [{"name": texts::any(dice), "value": texts::any(dice)}],
            }}),
            1 => github(SECRET),
            2 => json!({"ref": {"name": texts::any(dice), "kind": texts::any(dice)}, "params": params(dice)}),
            _ => json!({"ref": {"name": dice.pick(INTERCEPTORS)}, "params": params(dice)}),
        })
        .collect()
}

fn client_config(dice: &mut Dice) -> Value {
    match dice.below(3) {
        0 => json!({"url": texts::any(dice)}),
        1 => {
            json!({"url": format!("http://127.0.0.1:1/{}", texts::name(dice, 20)), "caBundle": texts::any(dice)})
        }
        _ => json!({"service": {
            "name": texts::any(dice), "namespace": texts::any(dice), "path": texts::any(dice),
            "port": dice.number().cast_signed(),
        }}),
    }
}

fn params(dice: &mut Dice) -> Vec<Value> {
    (0..dice.below(6))
        .map(|_| json!({"name": texts::any(dice), "value": value(dice), "default": texts::any(dice)}))
        .collect()
}

/// A value of a param, perhaps with an expression in it.
fn value(dice: &mut Dice) -> String {
    let text = texts::any(dice);
    match dice.below(4) {
        0 => format!("$(body.{text})"),
        1 => format!("$(tt.params.{text})"),
        2 => dice.pick(&["$(body)", "$(header)", "$(extensions)", "$(context.eventID)", "$(uid)"]).to_owned(),
        _ => text,
    }
}

fn account(dice: &mut Dice) -> String {
    if dice.one_in(2) { ACCOUNT.to_owned() } else { texts::any(dice) }
}

fn namespaces(dice: &mut Dice) -> Value {
    let name = |dice: &mut Dice| match dice.below(4) {
        0 => "*".to_owned(),
        1 => victim::NAMESPACE.to_owned(),
        2 => NAMESPACE.to_owned(),
        _ => texts::any(dice),
    };
    json!({"matchNames": (0..dice.below(4)).map(|_| name(dice)).collect::<Vec<_>>()})
}

fn labels(dice: &mut Dice) -> Value {
    let operator = dice.pick(&["In", "NotIn", "Exists", "DoesNotExist", "Gt", ""]);
    match dice.below(3) {
        0 => json!({}),
        1 => json!({"matchLabels": {texts::any(dice): texts::any(dice)}}),
        _ => {
            json!({"matchExpressions": [{"key": "app", "operator": operator, "values": [texts::any(dice)]}]})
        }
    }
}

/// The repository of tenant B as the interceptor `git` has it, with any patterns.
pub(super) fn git(patterns: &[String]) -> Value {
    let provider = ALL.first().map(|provider| provider.name());
    interceptor(
        "git",
        &[
            ("repository", REPOSITORY.into()),
            ("provider", provider.into()),
            ("secretRef", json!({"secretName": SECRET})),
            ("events", json!(["Push"])),
            ("branches", json!(patterns)),
            ("paths", json!(patterns)),
        ],
    )
}
