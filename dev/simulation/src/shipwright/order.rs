//! The order of BuildRuns per owner, which selects the scripted outcome of a run.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::run_status::key;

/// Uids of the BuildRuns of each owner, in the order in which they started.
#[derive(Debug, Default)]
pub(super) struct RunOrder(Mutex<HashMap<String, Vec<String>>>);

impl RunOrder {
    /// The index of `run` among the runs of its owner.
    pub(super) fn index_of(&self, run: &Value) -> usize {
        let (namespace, _) = key(run);
        let owner = run.pointer("/metadata/ownerReferences/0/uid").and_then(Value::as_str);
        let owner = match owner {
            Some(uid) => uid.to_owned(),
            None => format!("{namespace}/{}", run["spec"]["build"]["name"].as_str().unwrap_or_default()),
        };
        let uid = run["metadata"]["uid"].as_str().unwrap_or_default();
        let mut order = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = order.entry(owner).or_default();
        runs.iter().position(|known| known == uid).unwrap_or_else(|| {
            runs.push(uid.to_owned());
            runs.len() - 1
        })
    }
}
