//! The objects on the cluster of a measurement: Builds with a repository each, or a listener.

mod builds;
mod listener;

use clap::ValueEnum;
use serde_json::{Value, json};

pub(crate) use self::builds::{is_explained, key, namespace, repository, secret_name};
pub(super) use self::listener::NAME as LISTENER;

/// The branch that rules and triggers name.
pub(crate) const FIRES: &str = "refs/heads/main";
/// A branch that none of them names.
pub(crate) const SKIPPED: &str = "refs/heads/next";

/// So many of a kind of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scene {
    /// Builds, each with a repository and a Secret of its own.
    Builds,
    /// The triggers of a listener, of which one takes pushes. The others take other events.
    Triggers,
    /// The triggers of a listener that all take pushes, each of a repository of its own.
    Filters,
    /// The triggers of a listener that all take pushes, each with a Secret of its own.
    Secrets,
}

impl Scene {
    /// Its name as a value of a flag.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Builds => "builds",
            Self::Triggers => "triggers",
            Self::Filters => "filters",
            Self::Secrets => "secrets",
        }
    }

    /// All objects, with their namespaces.
    pub(super) fn objects(self, count: usize) -> Vec<Value> {
        match self {
            Self::Builds => builds::objects(count).collect(),
            Self::Triggers | Self::Filters | Self::Secrets => listener::objects(self, count),
        }
    }

    /// The kind of the objects that pushes create.
    pub(super) fn made(self) -> MadeKind {
        match self {
            Self::Builds => MadeKind { group: "shipwright.io", version: "v1beta1", name: "BuildRun" },
            Self::Triggers | Self::Filters | Self::Secrets => {
                MadeKind { group: "tekton.dev", version: "v1", name: "PipelineRun" }
            }
        }
    }
}

/// A kind of objects that pushes create.
#[derive(Debug, Clone, Copy)]
pub(super) struct MadeKind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) name: &'static str,
}

impl MadeKind {
    /// The resource, such as `buildruns`.
    pub(super) fn plural(self) -> String {
        plural(self.name)
    }

    /// The path of those of all namespaces.
    pub(super) fn path(self) -> String {
        format!("/apis/{}/{}/{}", self.group, self.version, self.plural())
    }
}

/// The resource of a kind. All kinds that are used here have regular ones.
pub(super) fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

/// The path of the collection that an object belongs to.
pub(super) fn collection(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let root = if version.contains('/') { "apis" } else { "api" };
    let namespace = text(&object["metadata"]["namespace"]);
    format!("/{root}/{version}/namespaces/{namespace}/{}", plural(&kind))
}

/// A Secret of GitHub's key of a repository.
fn secret(namespace: &str, name: &str, key: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": "Opaque",
        "stringData": {"github-token": key},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kubernetes would refuse a larger object.
    const OBJECT_BYTES: usize = 1_500_000;

    #[test]
    fn every_scene_is_called_as_its_flag_and_fits_into_the_store_of_a_cluster() {
        for scene in Scene::value_variants() {
            assert_eq!(Scene::from_str(scene.name(), false), Ok(*scene));
            for object in scene.objects(1000) {
                assert!(object.to_string().len() < OBJECT_BYTES, "{scene:?}");
            }
        }
    }

    #[test]
    fn an_object_is_created_in_the_collection_of_its_kind() {
        let paths: Vec<_> = Scene::Triggers.objects(1).iter().map(collection).collect();
        assert!(paths.contains(&"/api/v1/namespaces/team-0/secrets".to_owned()), "{paths:?}");
        let listeners = "/apis/triggers.tekton.dev/v1beta1/namespaces/team-0/eventlisteners".to_owned();
        assert!(paths.contains(&listeners), "{paths:?}");
        assert_eq!(Scene::Builds.made().path(), "/apis/shipwright.io/v1beta1/buildruns");
    }
}
