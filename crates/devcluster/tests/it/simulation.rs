//! The simulated Shipwright build controller.

use std::time::Duration;

use serde_json::{Value, json};
use trigger_devcluster::SimulationOptions;

use crate::scene::{BUILDS, RUNS, Scene, build, eventually};

async fn scene(duration: Duration) -> Scene {
    let scene = Scene::new().await;
    scene.cluster.simulate_builds(SimulationOptions { duration });
    scene
}

fn run(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun", "metadata": {"name": name}, "spec": spec})
}

fn condition<'a>(run: &'a Value, kind: &str) -> Option<&'a Value> {
    run["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Waits until the run has this reason.
async fn reaches(scene: &Scene, name: &str, reason: &str) -> Value {
    eventually(&format!("{name} reaches {reason}"), async || {
        let run = scene.get(&format!("{RUNS}/{name}")).await.expect(200);
        condition(&run, "Succeeded").is_some_and(|c| c["reason"] == reason).then_some(run)
    })
    .await
}

#[tokio::test]
async fn a_run_succeeds_by_way_of_running() {
    let scene = scene(Duration::from_millis(20)).await;
    scene.made(BUILDS, &build("web")).await;
    let made = scene.made(RUNS, &run("r", &json!({"build": {"name": "web"}}))).await;
    let version = made["metadata"]["resourceVersion"].as_str().unwrap();
    let mut watch = scene.watch(&format!("{RUNS}?watch=true&resourceVersion={version}")).await;
    let mut reasons = Vec::new();
    let last = loop {
        let object = watch.next().await.unwrap()["object"].take();
        if let Some(found) = condition(&object, "Succeeded") {
            reasons.push(found["reason"].as_str().unwrap().to_owned());
        }
        if reasons.last().is_some_and(|reason| reason == "Succeeded") {
            break object;
        }
    };
    reasons.dedup();
    assert_eq!(reasons, ["Pending", "Running", "Succeeded"]);
    assert_eq!(last["metadata"]["annotations"]["dev.shipwright.io/simulated"], "true");
    assert!(condition(&last, "Succeeded").unwrap()["message"].as_str().unwrap().starts_with("simulated: "));
    assert!(last["status"]["startTime"].is_string() && last["status"]["completionTime"].is_string());
    assert_eq!(last["status"]["output"]["digest"].as_str().unwrap().len(), "sha256:".len() + 64);
    assert_eq!(last["status"]["buildSpec"]["strategy"]["name"], "buildah");
}

#[tokio::test]
async fn conditions_of_others_survive() {
    let scene = scene(Duration::from_millis(300)).await;
    scene.made(BUILDS, &build("web")).await;
    scene.made(RUNS, &run("r", &json!({"build": {"name": "web"}}))).await;
    let triggered = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun", "status": {"conditions": [
        {"type": "Triggered", "status": "True", "reason": "GitHub", "message": "a push", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    scene.apply(&format!("{RUNS}/r/status"), "trigger", &triggered).await.expect(200);
    let done = reaches(&scene, "r", "Succeeded").await;
    assert_eq!(condition(&done, "Triggered").unwrap()["message"], "a push");
}

#[tokio::test]
async fn runs_that_cannot_run_say_why() {
    let scene = scene(Duration::from_millis(20)).await;
    scene.made(BUILDS, &build("web")).await;
    let mut unregistered = build("odd");
    unregistered["spec"]["trigger"] = json!({"when": [{"name": "a", "type": "GitLab"}]});
    scene.made(BUILDS, &unregistered).await;
    let spec = &build("x")["spec"];
    let mut triggering = spec.clone();
    triggering["trigger"] = json!({"when": []});
    let long = "r".repeat(64);
    let cases = [
        ("missing", json!({"build": {"name": "nothing"}}), "BuildNotFound"),
        ("empty", json!({"build": {}}), "BuildRunNoRefOrSpec"),
        ("both", json!({"build": {"name": "web", "spec": spec}}), "BuildRunAmbiguousBuild"),
        (
            "override",
            json!({"build": {"spec": spec}, "timeout": "1m"}),
            "BuildRunBuildFieldOverrideForbidden",
        ),
        ("trigger", json!({"build": {"spec": triggering}}), "BuildRunBuildFieldOverrideForbidden"),
        ("unregistered", json!({"build": {"name": "odd"}}), "BuildRegistrationFailed"),
        (long.as_str(), json!({"build": {"name": "web"}}), "BuildRunNameInvalid"),
    ];
    for (name, spec, reason) in cases {
        scene.made(RUNS, &run(name, &spec)).await;
        let ended = reaches(&scene, name, reason).await;
        assert_eq!(condition(&ended, "Succeeded").unwrap()["status"], "False");
    }
    scene.made(RUNS, &run("embedded", &json!({"build": {"spec": spec}}))).await;
    reaches(&scene, "embedded", "Succeeded").await;
    let odd = scene.get(&format!("{BUILDS}/odd")).await.expect(200);
    assert_eq!(
        (&odd["status"]["registered"], &odd["status"]["reason"]),
        (&json!("False"), &json!("TriggerInvalidType"))
    );
}

#[tokio::test]
async fn a_canceled_run_ends() {
    let scene = scene(Duration::from_mins(10)).await;
    scene.made(BUILDS, &build("web")).await;
    scene.made(RUNS, &run("r", &json!({"build": {"name": "web"}}))).await;
    reaches(&scene, "r", "Running").await;
    scene.merge(&format!("{RUNS}/r"), &json!({"spec": {"state": "BuildRunCanceled"}})).await.expect(200);
    let ended = reaches(&scene, "r", "BuildRunCanceled").await;
    assert_eq!(condition(&ended, "Succeeded").unwrap()["status"], "False");
}
