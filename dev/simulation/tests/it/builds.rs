//! The simulated Build and BuildRun controllers.

use std::time::Duration;

use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, Gvr, StoreHandle};
use trigger_simulation::{SimulationOptions, simulate_builds};

use crate::poll::{condition, eventually};

fn builds() -> Gvr {
    "shipwright.io/v1beta1/builds".parse().unwrap()
}

fn runs() -> Gvr {
    "shipwright.io/v1beta1/buildruns".parse().unwrap()
}

fn build(name: &str) -> Value {
    json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": {"name": name},
        "spec": {"strategy": {"name": "buildah"}, "output": {"image": "registry.example/web:latest"}}})
}

fn run(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun", "metadata": {"name": name}, "spec": spec})
}

/// A dev cluster with Shipwright's kinds whose builds take `duration`.
struct Scene {
    cluster: DevCluster,
}

impl Scene {
    async fn new(duration: Duration) -> Self {
        let cluster =
            DevCluster::builder().crds(trigger_api::crds::shipwright().unwrap()).start().await.unwrap();
        cluster.spawn(simulate_builds(cluster.store(), "", SimulationOptions { duration }));
        Self { cluster }
    }

    fn store(&self) -> &StoreHandle {
        self.cluster.store()
    }

    async fn create(&self, manifest: Value) -> Value {
        let gvr = if manifest["kind"] == "Build" { builds() } else { runs() };
        self.store().create(&gvr, "default", manifest).await.unwrap()
    }

    async fn build(&self, name: &str) -> Value {
        self.store().get(&builds(), "default", name).await.unwrap().unwrap()
    }

    /// Waits until the run has this reason.
    async fn reaches(&self, name: &str, reason: &str) -> Value {
        eventually(&format!("{name} reaches {reason}"), async || {
            let run = self.store().get(&runs(), "default", name).await.unwrap().unwrap();
            (condition(&run, "Succeeded")["reason"] == reason).then_some(run)
        })
        .await
    }
}

#[tokio::test]
async fn a_run_is_pending_then_running_and_succeeds() {
    let scene = Scene::new(Duration::from_millis(20)).await;
    scene.create(build("web")).await;
    let mut watch = scene.store().watch(&runs(), "").await.unwrap();
    scene.create(run("r", &json!({"build": {"name": "web"}}))).await;
    let mut reasons = Vec::new();
    let last = loop {
        let object = watch.next().await.unwrap().object().clone();
        reasons.extend(condition(&object, "Succeeded")["reason"].as_str().map(str::to_owned));
        if reasons.last().is_some_and(|reason| reason == "Succeeded") {
            break object;
        }
    };
    reasons.dedup();
    assert_eq!(reasons, ["Pending", "Running", "Succeeded"]);
    assert_eq!(last["metadata"]["annotations"]["dev.shipwright.io/simulated"], "true");
    assert!(condition(&last, "Succeeded")["message"].as_str().unwrap().starts_with("simulated: "));
    assert!(last["status"]["startTime"].is_string() && last["status"]["completionTime"].is_string());
    assert_eq!(last["status"]["output"]["digest"].as_str().unwrap().len(), "sha256:".len() + 64);
    assert_eq!(last["status"]["buildSpec"]["strategy"]["name"], "buildah");
}

#[tokio::test]
async fn conditions_of_other_types_stay() {
    let scene = Scene::new(Duration::from_millis(300)).await;
    scene.create(build("web")).await;
    scene.create(run("r", &json!({"build": {"name": "web"}}))).await;
    let mut triggered = run("r", &json!({}));
    triggered["status"] = json!({"conditions": [{
        "type": "Triggered", "status": "True", "reason": "GitHub", "message": "a push",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]});
    scene.store().apply(triggered).await.unwrap();
    let done = scene.reaches("r", "Succeeded").await;
    assert_eq!(condition(&done, "Triggered")["message"], "a push");
}

#[tokio::test]
async fn a_run_that_cannot_start_fails_with_the_reason() {
    let scene = Scene::new(Duration::from_millis(20)).await;
    scene.create(build("web")).await;
    let mut unregistered = build("odd");
    unregistered["spec"]["trigger"] = json!({"when": [{"name": "a", "type": "GitLab"}]});
    scene.create(unregistered.clone()).await;
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
        scene.create(run(name, &spec)).await;
        let ended = scene.reaches(name, reason).await;
        assert_eq!(condition(&ended, "Succeeded")["status"], "False");
    }
    scene.create(run("embedded", &json!({"build": {"spec": spec}}))).await;
    scene.reaches("embedded", "Succeeded").await;
    let odd = scene.build("odd").await;
    assert_eq!(
        (&odd["status"]["registered"], &odd["status"]["reason"]),
        (&json!("False"), &json!("TriggerInvalidType"))
    );
}

#[tokio::test]
async fn a_canceled_run_ends() {
    let scene = Scene::new(Duration::from_mins(10)).await;
    scene.create(build("web")).await;
    scene.create(run("r", &json!({"build": {"name": "web"}}))).await;
    scene.reaches("r", "Running").await;
    let cancel = json!({"spec": {"state": "BuildRunCanceled"}});
    scene.store().merge(&runs(), "default", "r", &cancel).await.unwrap();
    let ended = scene.reaches("r", "BuildRunCanceled").await;
    assert_eq!(condition(&ended, "Succeeded")["status"], "False");
}

/// A Build `web` with the annotations that script its runs.
fn scripted(outcomes: &str, takes: &str) -> Value {
    let mut build = build("web");
    build["metadata"]["annotations"] =
        json!({"dev.shipwright.io/simulate": outcomes, "dev.shipwright.io/simulate-duration": takes});
    build
}

/// A run of `web` with these owners.
fn owned(name: &str, owners: &Value) -> Value {
    let mut run = run(name, &json!({"build": {"name": "web"}}));
    run["metadata"]["ownerReferences"] = owners.clone();
    run
}

#[tokio::test]
async fn the_runs_of_an_owner_take_the_scripted_outcomes_in_order() {
    let scene = Scene::new(Duration::from_mins(10)).await;
    scene.create(scripted("Failed, PodEvicted,Succeeded", "10ms")).await;
    let mut owners = Vec::new();
    for name in ["a", "b"] {
        let owner = scene.create(build(name)).await;
        owners.push(json!([{
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": name, "uid": owner["metadata"]["uid"],
        }]));
    }
    for (turn, reason) in ["Failed", "PodEvicted", "Succeeded", "Succeeded"].into_iter().enumerate() {
        for (place, owners) in owners.iter().enumerate() {
            let name = format!("run-{place}-{turn}");
            scene.create(owned(&name, owners)).await;
            scene.reaches(&name, reason).await;
        }
        let name = format!("run-{turn}");
        scene.create(run(&name, &json!({"build": {"name": "web"}}))).await;
        scene.reaches(&name, reason).await;
    }
}

#[tokio::test]
async fn a_run_beyond_its_timeout_fails() {
    let scene = Scene::new(Duration::from_millis(10)).await;
    scene.create(scripted("Succeeded", "10m")).await;
    scene.create(run("r", &json!({"build": {"name": "web"}, "timeout": "50ms"}))).await;
    let ended = scene.reaches("r", "BuildRunTimeout").await;
    assert_eq!(condition(&ended, "Succeeded")["status"], "False");
    let mut spec = build("x")["spec"].clone();
    spec["timeout"] = "1h".into();
    scene.create(run("in-time", &json!({"build": {"spec": spec}}))).await;
    scene.reaches("in-time", "Succeeded").await;
}

#[tokio::test]
async fn a_build_with_retention_becomes_the_controller_of_its_runs() {
    let scene = Scene::new(Duration::from_millis(10)).await;
    let mut web = build("web");
    web["spec"]["retention"] = json!({"atBuildDeletion": true});
    let web = scene.create(web.clone()).await;
    let other = scene.create(build("other")).await;
    let owner = |controller: bool| {
        json!([{
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "other",
            "uid": other["metadata"]["uid"], "controller": controller,
        }])
    };
    scene.create(owned("controlled", &owner(true))).await;
    scene.reaches("controlled", "SetOwnerReferenceFailed").await;
    scene.create(owned("owned", &owner(false))).await;
    let done = scene.reaches("owned", "Succeeded").await;
    let owners = done["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!((&owners[1]["uid"], &owners[1]["controller"]), (&web["metadata"]["uid"], &json!(true)));
}

#[tokio::test]
async fn a_run_reports_its_image_and_its_commit() {
    let scene = Scene::new(Duration::from_millis(10)).await;
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (name, revision) in [("branch", "main"), ("pinned", commit)] {
        let mut spec = build("x")["spec"].clone();
        spec["source"] =
            json!({"type": "Git", "git": {"url": "https://git.example/web", "revision": revision}});
        scene.create(run(name, &json!({"build": {"spec": spec}}))).await;
        let done = scene.reaches(name, "Succeeded").await;
        let status = &done["status"];
        assert!(status["output"]["digest"].as_str().unwrap().starts_with("sha256:"));
        assert!(status["output"]["size"].as_i64().unwrap() > 0);
        let built = status["source"]["git"]["commitSha"].as_str().unwrap();
        assert_eq!(built.len(), 40, "{built}");
        assert_eq!(built == commit, revision == commit);
    }
}

#[tokio::test]
async fn only_the_given_namespace_is_simulated() {
    let cluster = DevCluster::builder().crds(trigger_api::crds::shipwright().unwrap()).start().await.unwrap();
    let scene = Scene { cluster };
    let options = SimulationOptions { duration: Duration::from_millis(10) };
    scene.cluster.spawn(simulate_builds(scene.store(), "team-a", options));
    for team in ["team-b", "team-a"] {
        for mut manifest in [build("web"), run("web-1", &json!({"build": {"name": "web"}}))] {
            manifest["metadata"]["namespace"] = team.into();
            scene.store().apply(manifest).await.unwrap();
        }
    }
    // The run in team-b was created first, so a simulation of it would have started before the end of the other.
    eventually("the run in team-a has ended", async || {
        let run = scene.store().get(&runs(), "team-a", "web-1").await.unwrap()?;
        (condition(&run, "Succeeded")["reason"] == "Succeeded").then_some(())
    })
    .await;
    let other = scene.store().get(&runs(), "team-b", "web-1").await.unwrap().unwrap();
    assert!(other["status"].is_null());
}
