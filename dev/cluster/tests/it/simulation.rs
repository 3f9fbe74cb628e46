//! The simulated Shipwright build controller.

use std::time::Duration;

use serde_json::{Value, json};
use trigger_devcluster::SimulationOptions;

use crate::scene::{BUILDS, RUNS, Scene, build, eventually, run};

async fn scene(duration: Duration) -> Scene {
    let scene = Scene::new().await;
    scene.cluster.simulate_builds(SimulationOptions { duration });
    scene
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

/// A Build `web` with these annotations of the simulation.
fn scripted(outcomes: &str, takes: &str) -> Value {
    let mut build = build("web");
    build["metadata"]["annotations"] =
        json!({"dev.shipwright.io/simulate": outcomes, "dev.shipwright.io/simulate-duration": takes});
    build
}

/// A run of `web` that these own.
fn owned(name: &str, owners: &Value) -> Value {
    let mut run = run(name, &json!({"build": {"name": "web"}}));
    run["metadata"]["ownerReferences"] = owners.clone();
    run
}

#[tokio::test]
async fn the_runs_of_an_owner_end_in_turn_as_it_was_scripted() {
    let scene = scene(Duration::from_mins(10)).await;
    scene.made(BUILDS, &scripted("Failed, PodEvicted,Succeeded", "10ms")).await;
    let mut owners = Vec::new();
    for name in ["a", "b"] {
        let owner = scene.made(BUILDS, &build(name)).await;
        owners.push(json!([{
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": name, "uid": owner["metadata"]["uid"],
        }]));
    }
    for (turn, reason) in ["Failed", "PodEvicted", "Succeeded", "Succeeded"].into_iter().enumerate() {
        for (place, owners) in owners.iter().enumerate() {
            let name = format!("run-{place}-{turn}");
            scene.made(RUNS, &owned(&name, owners)).await;
            reaches(&scene, &name, reason).await;
        }
        let name = format!("run-{turn}");
        scene.made(RUNS, &run(&name, &json!({"build": {"name": "web"}}))).await;
        reaches(&scene, &name, reason).await;
    }
}

#[tokio::test]
async fn a_run_that_takes_longer_than_it_may_times_out() {
    let scene = scene(Duration::from_millis(10)).await;
    scene.made(BUILDS, &scripted("Succeeded", "10m")).await;
    scene.made(RUNS, &run("r", &json!({"build": {"name": "web"}, "timeout": "50ms"}))).await;
    let ended = reaches(&scene, "r", "BuildRunTimeout").await;
    assert_eq!(condition(&ended, "Succeeded").unwrap()["status"], "False");
    let mut spec = build("x")["spec"].clone();
    spec["timeout"] = "1h".into();
    scene.made(RUNS, &run("in-time", &json!({"build": {"spec": spec}}))).await;
    reaches(&scene, "in-time", "Succeeded").await;
}

#[tokio::test]
async fn a_build_that_takes_its_runs_along_is_their_controller() {
    let scene = scene(Duration::from_millis(10)).await;
    let mut web = build("web");
    web["spec"]["retention"] = json!({"atBuildDeletion": true});
    let web = scene.made(BUILDS, &web).await;
    let other = scene.made(BUILDS, &build("other")).await;
    let owner = |controller: bool| {
        json!([{
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "other",
            "uid": other["metadata"]["uid"], "controller": controller,
        }])
    };
    scene.made(RUNS, &owned("controlled", &owner(true))).await;
    reaches(&scene, "controlled", "SetOwnerReferenceFailed").await;
    scene.made(RUNS, &owned("owned", &owner(false))).await;
    let done = reaches(&scene, "owned", "Succeeded").await;
    let owners = done["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!((&owners[1]["uid"], &owners[1]["controller"]), (&web["metadata"]["uid"], &json!(true)));
}

#[tokio::test]
async fn a_run_says_what_it_has_made_of_what() {
    let scene = scene(Duration::from_millis(10)).await;
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (name, revision) in [("branch", "main"), ("pinned", commit)] {
        let mut spec = build("x")["spec"].clone();
        spec["source"] =
            json!({"type": "Git", "git": {"url": "https://git.example/web", "revision": revision}});
        scene.made(RUNS, &run(name, &json!({"build": {"spec": spec}}))).await;
        let done = reaches(&scene, name, "Succeeded").await;
        let status = &done["status"];
        assert!(status["output"]["digest"].as_str().unwrap().starts_with("sha256:"));
        assert!(status["output"]["size"].as_i64().unwrap() > 0);
        let built = status["source"]["git"]["commitSha"].as_str().unwrap();
        assert_eq!(built.len(), 40, "{built}");
        assert_eq!(built == commit, revision == commit);
    }
}
