use serde_json::{Value, json};

/// So many namespaces share the repositories, each a tenant.
const NAMESPACES: usize = 10;

/// The name of a repository: all are equally long.
pub(crate) fn repository(number: usize) -> String {
    format!("acme/service-{number:03}")
}

/// The key that the Secret of a repository holds: a different one each.
pub(crate) fn key(number: usize) -> String {
    format!("a webhook key of usual size {number:03}")
}

/// The namespace of a repository's Build and Secret.
pub(crate) fn namespace(number: usize) -> String {
    format!("team-{}", number % NAMESPACES)
}

/// The name of a repository's Secret.
pub(crate) fn secret_name(number: usize) -> String {
    format!("hook-{number:03}")
}

/// A Build and a Secret for each of so many repositories.
pub(super) fn objects(repositories: usize) -> impl Iterator<Item = Value> {
    (0..repositories).flat_map(|number| {
        let secret = super::secret(&namespace(number), &secret_name(number), &key(number));
        [secret, build(number)]
    })
}

fn build(number: usize) -> Value {
    let repository = repository(number);
    let rule = json!({"name": "push to main", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}});
    json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"namespace": namespace(number), "name": format!("build-{number:03}")},
        "spec": {
            "source": {"type": "Git", "git": {"url": format!("https://github.com/{repository}.git")}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": format!("registry.example/{repository}:latest")},
            "trigger": {"triggerSecret": secret_name(number), "when": [rule]},
        },
    })
}

/// Whether a run has the condition that says why it exists.
pub(crate) fn is_explained(run: &Value) -> bool {
    let conditions = run["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Triggered")
}
