//! The kinds of objects that the demo reads, and fields of theirs.

use serde_json::Value;
use trigger_core::ObjectKey;
use trigger_devcluster::Gvr;

pub(super) fn builds() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "builds")
}

pub(super) fn build_runs() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "buildruns")
}

pub(super) fn pipelines() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelines")
}

pub(super) fn pipeline_runs() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelineruns")
}

pub(super) fn event_listeners() -> Gvr {
    Gvr::new("triggers.tekton.dev", "v1beta1", "eventlisteners")
}

pub(super) fn custom_runs() -> Gvr {
    Gvr::new("tekton.dev", "v1beta1", "customruns")
}

pub(super) fn secrets() -> Gvr {
    Gvr::new("", "v1", "secrets")
}

/// Namespace and name.
pub(super) fn key(object: &Value) -> ObjectKey {
    let field = |name: &str| text(&object["metadata"][name]);
    ObjectKey::new(field("namespace"), field("name"))
}

/// The condition of a type in an object's status.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// The text of a field, empty if it is absent.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
