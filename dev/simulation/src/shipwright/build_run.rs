//! One BuildRun, from its creation to its end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use trigger_devcluster::{ApiError, StoreHandle};

use super::order::RunOrder;
use super::resolve::resolve;
use super::retention::keep_limits;
use super::{DURATION, OUTCOMES, is_canceled, output, run_resource};
use crate::SimulationOptions;
use crate::go_time::{current_time, go_duration};
use crate::run_status::{Condition, key, mark, update_status};

/// Two moments that lie no further apart count as one: the real controller needs a moment to pass on a cancellation.
const AT_THE_SAME_TIME: Duration = Duration::from_secs(2);

/// Takes a run to its end, or a canceled one to its cancellation.
pub(super) async fn simulate(
    store: &StoreHandle,
    run: &Value,
    options: SimulationOptions,
    order: &RunOrder,
    workers: &Semaphore,
) -> Result<(), ApiError> {
    // A worker makes all writes that follow from one look at a run, and does not keep the run while it is built.
    let worker = workers.acquire().await;
    if is_canceled(run) {
        if times_out_now(run) {
            return Ok(());
        }
        let condition = Condition::failed("BuildRunCanceled", "the run was canceled");
        return finish(store, run, &condition, &json!({})).await;
    }
    let index = order.index_of(run);
    let build = match resolve(store, run).await? {
        Ok(build) => build,
        Err((reason, message)) => {
            return finish(store, run, &Condition::failed(reason, &message), &json!({})).await;
        }
    };
    let spec = &build["spec"];
    if let Err(message) = set_owner(store, run, &build).await? {
        let condition = Condition::failed("SetOwnerReferenceFailed", &message);
        return finish(store, run, &condition, &json!({})).await;
    }
    // Its first writes follow from one version of the run: another writer in between makes them conflict.
    let seen = mark(store, &run_resource(), run).await?;
    let pending = Condition::unknown("Pending", "waiting for the build to start");
    let seen =
        update_status(store, &run_resource(), run, Some(seen), &pending, &json!({"buildSpec": spec})).await?;
    let running = Condition::unknown("Running", "not all steps have finished");
    update_status(store, &run_resource(), run, seen, &running, &json!({"startTime": current_time()})).await?;
    drop(worker);

    let duration = annotation(&build, DURATION).and_then(positive_duration).unwrap_or(options.duration);
    let timeout = time_limit(run, spec);
    if let Some(timeout) = timeout.filter(|timeout| *timeout < duration) {
        tokio::time::sleep(timeout).await;
        let _worker = workers.acquire().await;
        let (namespace, name) = key(run);
        if store.get(&run_resource(), namespace, name).await?.is_some_and(|now| is_canceled(&now)) {
            return Ok(());
        }
        let message = format!("the run did not finish within {}s", timeout.as_secs_f64());
        return finish(store, run, &Condition::failed("BuildRunTimeout", &message), &json!({})).await;
    }
    tokio::time::sleep(duration).await;
    let _worker = workers.acquire().await;
    match outcome(&build, index) {
        Some(reason) if reason != "Succeeded" => {
            let condition = Condition::failed(reason, "the build failed as its annotation demands");
            finish(store, run, &condition, &json!({})).await
        }
        _ => {
            let condition = Condition::succeeded("all steps have completed");
            finish(store, run, &condition, &output::status_fields(spec, key(run).1)).await
        }
    }
}

/// The limit of the TaskRun: that of the run, else that of its Build.
fn time_limit(run: &Value, build_spec: &Value) -> Option<Duration> {
    [&run["spec"], build_spec].into_iter().find_map(|spec| positive_duration(spec["timeout"].as_str()?))
}

/// Whether the TaskRun times out about when its run is canceled. Tekton's admission refuses changes to a finished TaskRun:
/// the real controller repeats its change for ever, looks no further, and leaves the run `Unknown`.
fn times_out_now(run: &Value) -> bool {
    let status = &run["status"];
    let begun = status["startTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let limit = time_limit(run, &status["buildSpec"]);
    limit.zip(begun).is_some_and(|(limit, begun)| begun + limit <= Timestamp::now() + AT_THE_SAME_TIME)
}

fn annotation<'a>(build: &'a Value, key: &str) -> Option<&'a str> {
    build["metadata"]["annotations"][key].as_str()
}

/// A duration above zero; `0` means no limit.
fn positive_duration(text: &str) -> Option<Duration> {
    go_duration(text).filter(|duration| !duration.is_zero())
}

/// The scripted reason of the run with this index.
fn outcome(build: &Value, index: usize) -> Option<&str> {
    let outcomes: Vec<&str> = annotation(build, OUTCOMES)?.split(',').map(str::trim).collect();
    outcomes.get(index).or(outcomes.last()).copied()
}

/// Makes the Build the controller of its run if its retention demands it. Fails if the run has another controller.
async fn set_owner(store: &StoreHandle, run: &Value, build: &Value) -> Result<Result<(), String>, ApiError> {
    if build["metadata"]["uid"].is_null() || build["spec"]["retention"]["atBuildDeletion"] != true {
        return Ok(Ok(()));
    }
    let mut owners = run["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    if owners.iter().any(|owner| owner["uid"] == build["metadata"]["uid"]) {
        return Ok(Ok(()));
    }
    if let Some(other) = owners.iter().find(|owner| owner["controller"] == true) {
        return Ok(Err(format!("the run is already owned by another {} controller", other["kind"])));
    }
    owners.push(json!({
        "apiVersion": "shipwright.io/v1beta1", "kind": "Build", "controller": true, "blockOwnerDeletion": true,
        "name": build["metadata"]["name"], "uid": build["metadata"]["uid"],
    }));
    let (namespace, name) = key(run);
    let patch = json!({"metadata": {"ownerReferences": owners}});
    store.merge(&run_resource(), namespace, name, &patch).await?;
    Ok(Ok(()))
}

async fn finish(
    store: &StoreHandle,
    run: &Value,
    condition: &Condition<'_>,
    fields: &Value,
) -> Result<(), ApiError> {
    mark(store, &run_resource(), run).await?;
    let mut fields = fields.clone();
    fields["completionTime"] = current_time().into();
    update_status(store, &run_resource(), run, None, condition, &fields).await?;
    keep_limits(store, run).await
}
