//! Deletion of BuildRuns that have ended: by the limits of their Build, and by their time to live.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use trigger_devcluster::{ApiError, StoreHandle};

use super::{build_resource, run_resource};
use crate::go_time::go_duration;
use crate::run_status::{is_finished, key};

/// The label by which runs are counted.
const LABEL: &str = "build.shipwright.io/name";

/// Deletes the oldest runs of a Build beyond its limits. As the real controller, it counts all runs with the label of the
/// Build, and only when a run by name has ended.
pub(super) async fn keep_limits(store: &StoreHandle, ended: &Value) -> Result<(), ApiError> {
    let Some(name) = ended["spec"]["build"]["name"].as_str() else { return Ok(()) };
    let (namespace, _) = key(ended);
    let Some(build) = store.get(&build_resource(), namespace, name).await? else { return Ok(()) };
    let mut runs = store.list(&run_resource(), namespace).await?;
    runs.retain(|run| run["metadata"]["labels"][LABEL] == name && is_finished(run));
    runs.sort_by_key(|run| run["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned());
    for (limit, succeeded) in [("succeededLimit", true), ("failedLimit", false)] {
        let Some(limit) = build["spec"]["retention"][limit].as_u64() else { continue };
        let ended: Vec<_> = runs.iter().filter(|run| has_succeeded(run) == succeeded).collect();
        let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        for run in ended.into_iter().take(surplus) {
            store.delete(&run_resource(), namespace, key(run).1).await?;
        }
    }
    Ok(())
}

/// Waits until the time to live of a run that has ended is over, and deletes the run. Its own field counts before that of
/// its Build.
pub(super) async fn expire(store: &StoreHandle, run: &Value) -> Result<(), ApiError> {
    let field = if has_succeeded(run) { "ttlAfterSucceeded" } else { "ttlAfterFailed" };
    let retentions = [&run["spec"]["retention"], &run["status"]["buildSpec"]["retention"]];
    let Some(ttl) = retentions.into_iter().find_map(|retention| go_duration(retention[field].as_str()?))
    else {
        return Ok(());
    };
    let ended = run["status"]["completionTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let Some(end) = ended.and_then(|ended| ended.checked_add(ttl).ok()) else { return Ok(()) };
    let left = end.duration_since(Timestamp::now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
    let (namespace, name) = key(run);
    let now = store.get(&run_resource(), namespace, name).await?;
    if now.is_some_and(|now| now["metadata"]["uid"] == run["metadata"]["uid"]) {
        store.delete(&run_resource(), namespace, name).await?;
    }
    Ok(())
}

fn has_succeeded(run: &Value) -> bool {
    let conditions = run.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions
        .filter(|condition| condition["type"] == "Succeeded")
        .any(|condition| condition["status"] == "True")
}
