//! A listener with interceptors `github` and `cel`, whose triggers create a PipelineRun each.

use serde_json::{Value, json};

use super::{FIRES, Scene, key, namespace, repository, secret, secret_name};

/// The listener's name, in the namespace of the first repository.
pub(in crate::bench) const NAME: &str = "web";
/// The service account that the PipelineRuns are created as.
const ACCOUNT: &str = "ci";
/// The objects that the triggers refer to.
const TEMPLATE: &str = "pipeline-run";
const BINDING: &str = "push";
/// The events of triggers that take no pushes.
const OTHER_EVENTS: [&str; 6] =
    ["pull_request", "issues", "issue_comment", "release", "check_run", "workflow_run"];

/// One listener with so many triggers, and what it refers to.
pub(super) fn objects(scene: Scene, triggers: usize) -> Vec<Value> {
    let namespace = namespace(0);
    let secrets = if scene == Scene::Secrets { triggers } else { 1 };
    // All with one key, so that one push is signed for all triggers.
    let secrets = (0..secrets).map(|number| secret(&namespace, &secret_name(number), &key(0)));
    let triggers: Vec<_> = (0..triggers).map(|number| trigger(scene, number)).collect();
    account(&namespace).into_iter().chain(secrets).chain(listener(&namespace, &triggers)).collect()
}

/// The listener, and the template and the binding of its triggers.
fn listener(namespace: &str, triggers: &[Value]) -> [Value; 3] {
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "triggers.tekton.dev/v1beta1",
            "kind": kind,
            "metadata": {"namespace": namespace, "name": name},
            "spec": spec,
        })
    };
    let params = json!([
        {"name": "repository", "value": "$(body.repository.clone_url)"},
        {"name": "revision", "value": "$(body.after)"},
    ]);
    let run = json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"generateName": "ci-"},
        "spec": {
            "pipelineRef": {"name": "ci"},
            "params": [
                {"name": "repository", "value": "$(tt.params.repository)"},
                {"name": "revision", "value": "$(tt.params.revision)"},
            ],
        },
    });
    let template = json!({
        "params": [{"name": "repository"}, {"name": "revision"}],
        "resourcetemplates": [run],
    });
    [
        object("TriggerBinding", BINDING, json!({"params": params})),
        object("TriggerTemplate", TEMPLATE, template),
        object("EventListener", NAME, json!({"serviceAccountName": ACCOUNT, "triggers": triggers})),
    ]
}

fn trigger(scene: Scene, number: usize) -> Value {
    let secret = secret_name(if scene == Scene::Secrets { number } else { 0 });
    let event = match scene {
        Scene::Triggers if number > 0 => OTHER_EVENTS[number % OTHER_EVENTS.len()],
        _ => "push",
    };
    let filter = match scene {
        Scene::Filters => {
            format!("body.ref == '{FIRES}' && body.repository.full_name == '{}'", repository(number))
        }
        _ => format!("body.ref == '{FIRES}'"),
    };
    json!({
        "name": format!("trigger-{number}"),
        "bindings": [{"ref": BINDING}],
        "template": {"ref": TEMPLATE},
        "interceptors": [
            {"ref": {"name": "github"}, "params": [
                {"name": "secretRef", "value": {"secretName": secret, "secretKey": "github-token"}},
                {"name": "eventTypes", "value": [event]},
            ]},
            {"ref": {"name": "cel"}, "params": [{"name": "filter", "value": filter}]},
        ],
    })
}

/// The service account, which may create PipelineRuns.
fn account(namespace: &str) -> [Value; 3] {
    let metadata = json!({"namespace": namespace, "name": ACCOUNT});
    let rule =
        json!({"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["create", "get"]});
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": metadata, "rules": [rule],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
        }),
    ]
}
