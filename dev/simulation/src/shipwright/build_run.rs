//! One BuildRun, from its creation to its end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use trigger_devcluster::{ApiError, StoreHandle};

use super::order::RunOrder;
use super::resolve::resolve;
use super::retention::keep_limits;
use super::{DURATION, OUTCOMES, is_canceled, is_finished, key, output, run_resource};
use crate::go_time::{current_time, go_duration};
use crate::{SIMULATED, SimulationOptions};

/// Two moments that lie no further apart count as one: the real controller needs a moment to pass on a cancellation.
const AT_THE_SAME_TIME: Duration = Duration::from_secs(2);

/// The condition `Succeeded` of a run, without its time.
struct Condition<'a> {
    status: &'static str,
    reason: &'a str,
    message: &'a str,
}

impl<'a> Condition<'a> {
    fn unknown(reason: &'a str, message: &'a str) -> Self {
        Self { status: "Unknown", reason, message }
    }

    fn failed(reason: &'a str, message: &'a str) -> Self {
        Self { status: "False", reason, message }
    }
}

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
    let seen = mark(store, run).await?;
    let pending = Condition::unknown("Pending", "waiting for the build to start");
    let seen = update_status(store, run, Some(seen), &pending, &json!({"buildSpec": spec})).await?;
    let running = Condition::unknown("Running", "not all steps have finished");
    update_status(store, run, seen, &running, &json!({"startTime": current_time()})).await?;
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
            let condition =
                Condition { status: "True", reason: "Succeeded", message: "all steps have completed" };
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

/// Adds the annotation that marks simulated objects.
async fn mark(store: &StoreHandle, run: &Value) -> Result<Value, ApiError> {
    let (namespace, name) = key(run);
    let patch = json!({"metadata": {"annotations": {SIMULATED: "true"}}});
    store.merge(&run_resource(), namespace, name, &patch).await
}

async fn finish(
    store: &StoreHandle,
    run: &Value,
    condition: &Condition<'_>,
    fields: &Value,
) -> Result<(), ApiError> {
    mark(store, run).await?;
    let mut fields = fields.clone();
    fields["completionTime"] = current_time().into();
    update_status(store, run, None, condition, &fields).await?;
    keep_limits(store, run).await
}

/// Sets the condition `Succeeded` and other status fields, unless the run has finished or was replaced by another of
/// the same name. Conditions of other types stay. Writes over the version that was `seen`, or else over the current
/// one, and returns the new one.
async fn update_status(
    store: &StoreHandle,
    run: &Value,
    mut seen: Option<Value>,
    condition: &Condition<'_>,
    fields: &Value,
) -> Result<Option<Value>, ApiError> {
    let (namespace, name) = key(run);
    let Condition { status, reason, message } = condition;
    loop {
        let current = match seen.take() {
            Some(seen) => Some(seen),
            None => store.get(&run_resource(), namespace, name).await?,
        };
        let Some(mut current) = current else { return Ok(None) };
        if current["metadata"]["uid"] != run["metadata"]["uid"] || is_finished(&current) {
            return Ok(None);
        }
        let succeeded = json!({
            "type": "Succeeded", "status": status, "reason": reason,
            "message": format!("simulated: {message}"), "lastTransitionTime": current_time(),
        });
        let conditions = current["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let others = conditions.into_iter().filter(|other| other["type"] != "Succeeded");
        current["status"]["conditions"] = others.chain([succeeded]).collect();
        for (key, value) in fields.as_object().into_iter().flatten() {
            current["status"][key.as_str()] = value.clone();
        }
        match store.replace_status(&run_resource(), current).await {
            Err(error) if error.code == 409 => {}
            other => return other.map(Some),
        }
    }
}
