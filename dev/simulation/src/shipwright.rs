//! Shipwright's Build and BuildRun controllers, simulated.
//!
//! Reasons and their order are those of the real controllers; nothing is cloned, built or pushed. How a run
//! ends, and when, can be scripted by annotations on its Build: [`OUTCOMES`] and [`DURATION`].

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::go_time::{current_time, go_duration};
use super::{RETRY, SIMULATED, SimulationOptions};
use trigger_devcluster::names::label_value_fault;
use trigger_devcluster::{ApiError, Gvr, StoreHandle, WatchEvent};

/// How often a run waits for its Build to be registered before it gives up; times [`RETRY`].
const REGISTRATION_ATTEMPTS: u32 = 200;

/// On a Build: how its runs end, as reasons of BuildRuns, such as `Failed, Failed, Succeeded`. They are taken in
/// turn by the runs of the same first owner (of the Build, for runs without one); the last one repeats.
const OUTCOMES: &str = "dev.shipwright.io/simulate";
/// On a Build: how long its runs take, such as `5s`.
const DURATION: &str = "dev.shipwright.io/simulate-duration";

/// Fields of a BuildRun that may not stand beside an embedded Build spec.
const NOT_WITH_EMBEDDED: &[&str] = &[
    "output",
    "paramValues",
    "env",
    "timeout",
    "nodeSelector",
    "tolerations",
    "schedulerName",
    "runtimeClassName",
    "stepResources",
];

fn build_resource() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "builds")
}

fn run_resource() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "buildruns")
}

/// Registers every Build of a namespace, or of all where it is empty.
pub(super) async fn builds(store: StoreHandle, namespace: String) {
    follow(&store, &build_resource(), &namespace, |build| {
        let store = store.clone();
        async move {
            if let Err(error) = register(&store, &build).await {
                tracing::warn!(%error, build = %build["metadata"]["name"], "a build could not be registered");
            }
        }
    })
    .await;
}

/// Runs every BuildRun of a namespace, or of all where it is empty; each on its own.
pub(super) async fn build_runs(store: StoreHandle, namespace: String, options: SimulationOptions) {
    let tasks = tokio_util::task::TaskTracker::new();
    let guard = tokio_util::sync::CancellationToken::new();
    let _cancel_on_drop = guard.clone().drop_guard();
    let begun = Begun::default();
    let turns = Arc::new(Turns::default());
    follow(&store, &run_resource(), &namespace, |run| {
        let (store, guard, tasks, turns) = (store.clone(), guard.clone(), tasks.clone(), Arc::clone(&turns));
        let is_due = begun.admit(&run);
        async move {
            if !is_due {
                return;
            }
            tasks.spawn(async move {
                tokio::select! {
                    () = guard.cancelled() => {}
                    result = drive(&store, &run, options, &turns) => report(&run, result),
                }
            });
        }
    })
    .await;
}

/// The runs that are being simulated, so that a change of one does not start it again.
#[derive(Debug, Default)]
struct Begun(Mutex<HashSet<(String, bool)>>);

impl Begun {
    /// Whether `run` has to be started, or stopped, now.
    fn admit(&self, run: &Value) -> bool {
        let uid = run["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let is_canceled = run["spec"]["state"] == "BuildRunCanceled";
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_finished(run) {
            begun.remove(&(uid.clone(), false));
            begun.remove(&(uid, true));
            return false;
        }
        begun.insert((uid, is_canceled))
    }
}

/// The runs of each owner, in the order in which they began.
#[derive(Debug, Default)]
struct Turns(Mutex<HashMap<String, Vec<String>>>);

impl Turns {
    /// The place of `run` among those of its owner, from 0.
    fn of(&self, run: &Value) -> usize {
        let (namespace, _) = place(run);
        let owner = run.pointer("/metadata/ownerReferences/0/uid").and_then(Value::as_str);
        let owner = match owner {
            Some(uid) => uid.to_owned(),
            None => format!("{namespace}/{}", run["spec"]["build"]["name"].as_str().unwrap_or_default()),
        };
        let uid = run["metadata"]["uid"].as_str().unwrap_or_default();
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = turns.entry(owner).or_default();
        known.iter().position(|known| known == uid).unwrap_or_else(|| {
            known.push(uid.to_owned());
            known.len() - 1
        })
    }
}

fn report(run: &Value, result: Result<(), ApiError>) {
    match result {
        // The run was deleted while it was simulated.
        Err(error) if error.code == 404 => {}
        Err(error) => tracing::warn!(%error, run = %run["metadata"]["name"], "a run could not be simulated"),
        Ok(()) => {}
    }
}

/// Calls `act` for every object that is new or changed, for as long as the store lives.
async fn follow<F: Future<Output = ()>>(
    store: &StoreHandle,
    gvr: &Gvr,
    namespace: &str,
    act: impl Fn(Value) -> F,
) {
    loop {
        if let Ok(mut watch) = store.watch(gvr, namespace).await {
            while let Some(event) = watch.next().await {
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => act(object).await,
                    WatchEvent::Deleted(_) => {}
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn place(object: &Value) -> (&str, &str) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    (text("namespace"), text("name"))
}

async fn register(store: &StoreHandle, build: &Value) -> Result<(), ApiError> {
    let (registered, reason, message) = match trigger_fault(build) {
        Some((reason, message)) => ("False", reason, message),
        None => ("True", "Succeeded", "simulated: all validations succeeded".to_owned()),
    };
    let known = &build["status"];
    if known["registered"] == registered && known["reason"] == reason {
        return Ok(());
    }
    let mut next = build.clone();
    for (key, value) in [("registered", registered), ("reason", reason), ("message", &message)] {
        next["status"][key] = value.into();
    }
    match store.replace_status(&build_resource(), next).await {
        // Somebody changed the Build meanwhile: the watch will bring it again.
        Err(error) if matches!(error.code, 404 | 409) => Ok(()),
        other => other.map(drop),
    }
}

/// The checks of `spec.trigger` that the real Build controller makes.
fn trigger_fault(build: &Value) -> Option<(&'static str, String)> {
    let entries = build.pointer("/spec/trigger/when").and_then(Value::as_array)?;
    let is_empty = |value: &Value| value.as_array().is_none_or(Vec::is_empty);
    entries.iter().find_map(|when| {
        let name = when["name"].as_str().unwrap_or_default();
        if name.trim().is_empty() {
            return Some((
                "TriggerNameCanNotBeBlank",
                "simulated: name is not set on when trigger condition".to_owned(),
            ));
        }
        let fault = match when["type"].as_str().unwrap_or_default() {
            "GitHub" => is_empty(&when["github"]["events"]).then_some("TriggerInvalidGitHubWebHook"),
            "Image" => is_empty(&when["image"]["names"]).then_some("TriggerInvalidImage"),
            "Pipeline" => {
                let reference = &when["objectRef"];
                let has_name = reference["name"].as_str().is_some_and(|name| !name.is_empty());
                let has_selector = reference["selector"].as_object().is_some_and(|s| !s.is_empty());
                let is_valid = has_name != has_selector && !is_empty(&reference["status"]);
                (!is_valid).then_some("TriggerInvalidPipeline")
            }
            _ => Some("TriggerInvalidType"),
        };
        fault.map(|reason| (reason, format!("simulated: trigger {name:?} is not valid")))
    })
}

/// Takes one run from where it is to its end.
async fn drive(
    store: &StoreHandle,
    run: &Value,
    options: SimulationOptions,
    turns: &Turns,
) -> Result<(), ApiError> {
    if run["spec"]["state"] == "BuildRunCanceled" {
        return finish(store, run, "False", "BuildRunCanceled", "the run was canceled", &json!({})).await;
    }
    let turn = turns.of(run);
    let build = match resolve(store, run).await? {
        Ok(build) => build,
        Err((reason, message)) => return finish(store, run, "False", reason, &message, &json!({})).await,
    };
    let spec = &build["spec"];
    if let Err(message) = own(store, run, &build).await? {
        return finish(store, run, "False", "SetOwnerReferenceFailed", &message, &json!({})).await;
    }
    let (namespace, name) = place(run);
    let mark = json!({"metadata": {"annotations": {SIMULATED: "true"}}});
    store.merge(&run_resource(), namespace, name, &mark).await?;
    let pending = json!({"buildSpec": spec});
    advance(store, run, "Unknown", "Pending", "waiting for the build to start", &pending).await?;
    let running = json!({"startTime": current_time()});
    advance(store, run, "Unknown", "Running", "not all steps have finished", &running).await?;
    let takes = note(&build, DURATION).and_then(duration).unwrap_or(options.duration);
    let timeout = [&run["spec"], spec].into_iter().find_map(|spec| duration(spec["timeout"].as_str()?));
    if let Some(timeout) = timeout.filter(|timeout| *timeout < takes) {
        tokio::time::sleep(timeout).await;
        let message = format!("the run did not finish within {}s", timeout.as_secs_f64());
        return finish(store, run, "False", "BuildRunTimeout", &message, &json!({})).await;
    }
    tokio::time::sleep(takes).await;
    let outcomes =
        note(&build, OUTCOMES).map(|outcomes| outcomes.split(',').map(str::trim).collect::<Vec<_>>());
    let outcome = outcomes.as_ref().and_then(|outcomes| outcomes.get(turn).or(outcomes.last()));
    match outcome {
        Some(reason) if *reason != "Succeeded" => {
            finish(store, run, "False", reason, "the build failed as it was told to", &json!({})).await
        }
        _ => finish(store, run, "True", "Succeeded", "all steps have completed", &made(spec, name)).await,
    }
}

/// What a run tells of what it made.
fn made(spec: &Value, run: &str) -> Value {
    let mut made = json!({"output": {"digest": digest(spec, run), "size": 1_000_000}});
    let git = &spec["source"]["git"];
    if let Some(url) = git["url"].as_str() {
        let revision = git["revision"].as_str().unwrap_or_default();
        let is_commit = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        let commit = if is_commit { revision.to_owned() } else { commit(url, revision) };
        made["source"] = json!({"git": {"commitSha": commit}});
    }
    made
}

fn note<'a>(build: &'a Value, key: &str) -> Option<&'a str> {
    build["metadata"]["annotations"][key].as_str()
}

/// A duration that is one: `0` is no limit.
fn duration(text: &str) -> Option<Duration> {
    go_duration(text).filter(|duration| !duration.is_zero())
}

/// Makes the Build the owner of its run, if it is to go with it. An object has one controller at most.
async fn own(store: &StoreHandle, run: &Value, build: &Value) -> Result<Result<(), String>, ApiError> {
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
    let (namespace, name) = place(run);
    let owned = json!({"metadata": {"ownerReferences": owners}});
    store.merge(&run_resource(), namespace, name, &owned).await?;
    Ok(Ok(()))
}

/// The Build that a run builds (only its `spec`, if that is embedded), or the reason why it builds none.
async fn resolve(
    store: &StoreHandle,
    run: &Value,
) -> Result<Result<Value, (&'static str, String)>, ApiError> {
    let (namespace, name) = place(run);
    if label_value_fault(name).is_some() {
        return Ok(Err(("BuildRunNameInvalid", "the name must be no more than 63 characters".to_owned())));
    }
    let build = &run["spec"]["build"];
    let reference = build["name"].as_str().filter(|name| !name.is_empty());
    let embedded = build.get("spec").filter(|spec| !spec.is_null());
    let (reference, embedded) = match (reference, embedded) {
        (None, None) => {
            return Ok(Err(("BuildRunNoRefOrSpec", "no build referenced or specified".to_owned())));
        }
        (Some(_), Some(_)) => {
            let message = "fields 'build.name' and 'build.spec' are mutually exclusive";
            return Ok(Err(("BuildRunAmbiguousBuild", message.to_owned())));
        }
        pair => pair,
    };
    if let Some(spec) = embedded {
        let beside = NOT_WITH_EMBEDDED.iter().find(|key| run["spec"].get(**key).is_some());
        let inside = spec.get("trigger").map(|_| &"build.spec.trigger");
        return Ok(match beside.or(inside) {
            Some(field) => Err((
                "BuildRunBuildFieldOverrideForbidden",
                format!("cannot use '{field}' override and 'build.spec' simultaneously"),
            )),
            None => Ok(json!({"spec": spec})),
        });
    }
    let reference = reference.unwrap_or_default();
    for _ in 0..REGISTRATION_ATTEMPTS {
        let Some(build) = store.get(&build_resource(), namespace, reference).await? else {
            return Ok(Err(("BuildNotFound", format!("build.shipwright.io {reference:?} not found"))));
        };
        match build["status"]["registered"].as_str() {
            Some("True") => return Ok(Ok(build)),
            Some("False") => {
                let message = format!("the Build is not registered correctly, build: {reference}");
                return Ok(Err(("BuildRegistrationFailed", message)));
            }
            _ => tokio::time::sleep(RETRY).await,
        }
    }
    Ok(Err(("BuildRegistrationFailed", "the Build was not registered in time".to_owned())))
}

async fn finish(
    store: &StoreHandle,
    run: &Value,
    status: &str,
    reason: &str,
    message: &str,
    extra: &Value,
) -> Result<(), ApiError> {
    let (namespace, name) = place(run);
    let mark = json!({"metadata": {"annotations": {SIMULATED: "true"}}});
    store.merge(&run_resource(), namespace, name, &mark).await?;
    let mut extra = extra.clone();
    extra["completionTime"] = current_time().into();
    advance(store, run, status, reason, message, &extra).await
}

/// Sets the condition `Succeeded` and more fields of the status, unless the run has finished or is another one
/// by now. Conditions of other types stay.
async fn advance(
    store: &StoreHandle,
    run: &Value,
    status: &str,
    reason: &str,
    message: &str,
    extra: &Value,
) -> Result<(), ApiError> {
    let (namespace, name) = place(run);
    loop {
        let Some(mut now) = store.get(&run_resource(), namespace, name).await? else { return Ok(()) };
        if now["metadata"]["uid"] != run["metadata"]["uid"] || is_finished(&now) {
            return Ok(());
        }
        let next = json!({
            "type": "Succeeded", "status": status, "reason": reason,
            "message": format!("simulated: {message}"), "lastTransitionTime": current_time(),
        });
        let known = now["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let others = known.into_iter().filter(|c| c["type"] != "Succeeded");
        now["status"]["conditions"] = others.chain([next]).collect();
        for (key, value) in extra.as_object().into_iter().flatten() {
            now["status"][key.as_str()] = value.clone();
        }
        match store.replace_status(&run_resource(), now).await {
            Err(error) if error.code == 409 => {}
            other => return other.map(drop),
        }
    }
}

fn condition(run: &Value) -> Option<&Value> {
    let conditions = run.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition["type"] == "Succeeded")
}

fn is_finished(run: &Value) -> bool {
    condition(run).is_some_and(|c| c["status"] == "True" || c["status"] == "False")
}

/// A digest that depends on what is built and on nothing else.
fn digest(spec: &Value, run: &str) -> String {
    format!("sha256:{}", hex::<4>(&(spec.to_string(), run)))
}

/// The commit that a revision of a repository is taken to be at.
fn commit(url: &str, revision: &str) -> String {
    let mut commit = hex::<3>(&(url, revision));
    commit.truncate(40);
    commit
}

/// So many times 16 hexadecimal digits that depend on `value`.
fn hex<const PARTS: u8>(value: &impl Hash) -> String {
    let mut text = String::new();
    for part in 0..PARTS {
        let mut hasher = DefaultHasher::new();
        part.hash(&mut hasher);
        value.hash(&mut hasher);
        let _ = write!(text, "{:016x}", hasher.finish());
    }
    text
}
