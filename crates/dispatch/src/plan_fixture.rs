//! Plans for tests.

use std::sync::Arc;

use serde_json::Value;
use trigger_core::{Ordinal, ResourceRef};
use trigger_targets::{Existing, Manifest, Plan, RenderError, Subject};

/// A manifest that takes so much memory.
#[derive(Debug)]
struct OfSize(usize);

impl Manifest for OfSize {
    fn object(&self) -> Result<Value, RenderError> {
        Ok(Value::Null)
    }

    fn memory(&self) -> usize {
        self.0
    }
}

/// The plan of an object for the first event, of a target that may have sequences.
pub(crate) fn plan_of(
    target: ResourceRef,
    sequence: Option<&str>,
    resource: ResourceRef,
    memory: usize,
) -> Plan {
    Plan {
        resource,
        version: "v1".into(),
        manifest: Arc::new(OfSize(memory)),
        run_as: None,
        existing: Existing::Created,
        condition: None,
        limit: None,
        follow_up: None,
        subject: Subject { resource: target, version: "v1".into(), uid: String::new() },
        sequence: sequence.map(Arc::from),
        ordinal: Ordinal::FIRST,
    }
}
