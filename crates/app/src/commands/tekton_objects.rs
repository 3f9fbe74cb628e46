//! Objects of Tekton Triggers as manifests, of files or of a cluster.

use std::collections::BTreeSet;

use serde_json::Value;
use trigger_api::triggers::Kind;
use trigger_cluster::{Connection, Scope, list_tekton_triggers};

/// An object of Tekton Triggers, as its manifest.
pub(super) struct TektonObject {
    pub(super) kind: Kind,
    pub(super) manifest: Value,
}

/// The objects of a cluster, as far as they could be listed.
#[derive(Default)]
pub(super) struct TektonObjects {
    pub(super) objects: Vec<TektonObject>,
    /// The kinds that are served and could be listed.
    pub(super) kinds: BTreeSet<Kind>,
    /// Why other kinds could not be listed. A kind that is not served is none of these.
    pub(super) unreadable: BTreeSet<String>,
}

impl TektonObject {
    /// The object of a manifest; `None` if it is of another kind.
    pub(super) fn of(manifest: Value) -> Option<Self> {
        let text = |field: &str| manifest.get(field).and_then(Value::as_str);
        let kind = Kind::of(text("apiVersion")?, text("kind")?)?;
        Some(Self { kind, manifest })
    }

    /// Namespace, if it is in one, and name.
    pub(super) fn name(&self) -> String {
        let (namespace, name) = (self.namespace(), self.field("name"));
        namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
    }

    /// The namespace, if its kind is in one.
    pub(super) fn namespace(&self) -> Option<&str> {
        Some(self.field("namespace")).filter(|_| self.kind.is_namespaced())
    }

    /// A field of the metadata; empty if it is absent.
    pub(super) fn field(&self, name: &str) -> &str {
        self.manifest["metadata"][name].as_str().unwrap_or_default()
    }
}

impl TektonObjects {
    /// Lists the seven kinds.
    pub(super) async fn list(connection: &Connection, scope: &Scope) -> Self {
        let mut listed = Self::default();
        for kind in Kind::ALL {
            match list_tekton_triggers(connection, scope, kind).await {
                // Nothing refers to objects of a kind that is not installed but by mistake of the installation.
                Ok(None) => {}
                Ok(Some(objects)) => {
                    listed.kinds.insert(kind);
                    listed.objects.extend(objects.objects.into_iter().filter_map(TektonObject::of));
                    listed.unreadable.extend(objects.unreadable);
                }
                Err(error) => {
                    listed.unreadable.insert(error.to_string());
                }
            }
        }
        listed
    }
}
