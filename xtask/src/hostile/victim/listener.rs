//! The victim's listener. Its Trigger creates two objects of each push.

use serde_json::{Value, json};
use trigger_providers::{GitHub, Provider as _};

use super::{KEY, NAMESPACE};
use crate::hostile::accounts::ACCOUNT;

/// The name of the listener.
const NAME: &str = "web";
/// The Secret with its key.
const SECRET: &str = "listener";
/// The objects of one push.
pub(super) const OBJECTS: u64 = 2;

/// The path of the listener.
pub(super) fn path() -> String {
    format!("/listeners/{NAMESPACE}/{NAME}")
}

/// The name that its Service would have.
pub(in crate::hostile) fn host() -> String {
    format!("el-{NAME}.{NAMESPACE}.svc.cluster.local")
}

/// The listener, and all that it refers to.
pub(super) fn objects() -> Vec<Value> {
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "triggers.tekton.dev/v1beta1", "kind": kind,
            "metadata": {"namespace": NAMESPACE, "name": name}, "spec": spec,
        })
    };
    let entry = GitHub.secret_entries().into_iter().next().unwrap_or_default();
    let github = json!({"ref": {"name": "github"}, "params": [
        {"name": "secretRef", "value": {"secretName": SECRET, "secretKey": entry}},
        {"name": "eventTypes", "value": ["push"]},
    ]});
    let cel = json!({"ref": {"name": "cel"}, "params": [
        {"name": "filter", "value": "body.ref == 'refs/heads/main'"},
        {"name": "overlays", "value": [{"key": "short", "expression": "body.after.truncate(7)"}]},
    ]});
    let trigger = json!({
        "interceptors": [github, cel],
        "bindings": [{"ref": "push"}],
        "template": {"ref": "run"},
    });
    let params = json!([
        {"name": "revision", "value": "$(body.after)"},
        {"name": "short", "value": "$(extensions.short)"},
    ]);
    let run = json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"generateName": "ci-"},
        "spec": {
            "pipelineRef": {"name": "ci"},
            "params": [{"name": "revision", "value": "$(tt.params.revision)"}],
        },
    });
    let note = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "note-"},
        "data": {"commit": "$(tt.params.short)"},
    });
    let template = json!({
        "params": [{"name": "revision"}, {"name": "short"}],
        "resourcetemplates": [run, note],
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"namespace": NAMESPACE, "name": SECRET}, "stringData": {entry: KEY},
        }),
        object("TriggerBinding", "push", json!({"params": params})),
        object("TriggerTemplate", "run", template),
        object("Trigger", "push", trigger),
        object("EventListener", NAME, json!({"serviceAccountName": ACCOUNT, "labelSelector": {}})),
    ]
}
