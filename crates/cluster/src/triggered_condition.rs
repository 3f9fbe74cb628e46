//! The condition with the reason why a run exists, beside those that its controller writes.

use jiff::Timestamp;
use kube::Api;
use kube::api::{DynamicObject, Patch};
use serde_json::{Value, json};
use tracing::warn;
use trigger_targets::Condition;

use crate::api_server_error::{ApiServerError, Verdict, is_absent, is_status};
use crate::patch::patch_status;
use crate::read::get_opt;

/// The number of tries. The run's controller writes the same list, a handful of times in the first second, and a
/// write that conflicts is repeated.
const TRIES: usize = 8;

/// Adds `condition` to the status of the run, if it has none of this type. `run` is the run as it was last
/// seen, if at all. Returns the run's `metadata.uid`, unless it is gone.
///
/// Conditions are one list that is replaced as a whole, so the patch carries the resource version it was
/// made for and is made again when another writer was faster.
pub(crate) async fn ensure_condition(
    runs: &Api<DynamicObject>,
    name: &str,
    mut run: Option<DynamicObject>,
    condition: &Condition,
) -> Result<Option<String>, kube::Error> {
    let mut conflict = None;
    for _ in 0..TRIES {
        let seen = match run.take() {
            Some(run) => run,
            None => match get_opt(runs, name).await? {
                Some(run) => run,
                // A user has deleted the run.
                None => return Ok(None),
            },
        };
        let uid = seen.metadata.uid.clone();
        let Some(patch) = patch(&seen, condition) else { return Ok(uid) };
        match patch_status(runs, name, &Patch::Merge(patch)).await {
            Ok(()) => return Ok(uid),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) if is_status(&error, 409) => conflict = Some(error),
            Err(error) => {
                let ApiServerError { message, verdict } = ApiServerError::of(&error);
                if verdict == Verdict::MayPass || is_status(&error, 404) {
                    return Err(error);
                }
                // The run exists and is what matters; a right that is missing should not hold up its delivery.
                warn!(run = name, reason = message, "the condition cannot be set");
                return Ok(uid);
            }
        }
    }
    conflict.map_or(Ok(None), Err)
}

/// `None` if the run has the condition already.
fn patch(run: &DynamicObject, condition: &Condition) -> Option<Value> {
    let conditions = run.data.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.cloned().unwrap_or_default();
    if conditions.iter().any(|existing| existing["type"] == condition.kind) {
        return None;
    }
    // RFC 3339 in whole seconds, as Kubernetes writes times.
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    conditions.push(json!({
        "type": condition.kind,
        "status": "True",
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": now,
    }));
    Some(json!({
        "metadata": {"resourceVersion": run.metadata.resource_version},
        "status": {"conditions": conditions},
    }))
}
