//! Scenario 14, R2 and R3: nothing goes round in circles, and what another controller has done is not done
//! again.

use serde_json::json;

use super::{key, on, on_label, settled, started, tekton};
use crate::world::{World, decisions};

fn task(name: &str, build: &str) -> serde_json::Value {
    let reference = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": build});
    json!({"name": name, "taskRef": reference})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_runs_the_build_does_not_start_it() {
    let world = World::new().await;
    world.build("team-a", "app", json!([on("release", &["Succeeded"])])).await;
    for (run, pipeline_spec, expected) in [
        ("r2", json!({"tasks": [task("build", "app")]}), "runs-the-build"),
        ("finally", json!({"tasks": [], "finally": [task("last", "app")]}), "runs-the-build"),
        ("another", json!({"tasks": [task("build", "lib")]}), "fired"),
    ] {
        let uid =
            tekton(&world, "team-a").create(run, json!({"spec": {"pipelineRef": {"name": "release"}}})).await;
        tekton(&world, "team-a").status(run, json!({"pipelineSpec": pipeline_spec})).await;
        tekton(&world, "team-a").end(run, "True", "Succeeded").await;
        let record = settled(&world, &uid, "Succeeded").await;
        assert_eq!(decisions(&record), [format!("app/release Succeeded: {expected}")], "{run}");
    }
    assert_eq!(started(&world, "team-a").await, ["app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_the_build_controller_starts_nothing() {
    let world = World::new().await;
    world.build("team-a", "app", json!([on_label("team", "a", &["Started", "Succeeded"])])).await;
    let labels = json!({"team": "a", "buildrun.shipwright.io/name": "app-1"});
    let uid =
        tekton(&world, "team-a").create("app-1-x", json!({"metadata": {"labels": labels}, "spec": {}})).await;
    tekton(&world, "team-a").end("app-1-x", "True", "Succeeded").await;
    let record = settled(&world, &uid, "Succeeded").await;
    assert_eq!(decisions(&record), ["app/team=a Started/Succeeded: carries-out-a-build"]);
    assert_eq!(record.verification.observed, Some(key(&world, "team-a", "app-1-x")));
    assert_eq!(started(&world, "team-a").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_upstreams_controller_has_started_is_not_started_again() {
    let world = World::new().await;
    for build in ["done", "open"] {
        world.build("team-a", build, json!([on("ci", &["Succeeded"])])).await;
    }
    let record = r#"[{"buildName":"done","objectRef":{"name":"ci","status":["Succeeded"]}}]"#;
    let annotations = json!({
        "triggers.shipwright.io/pipelinerun-name": "ci-1",
        "triggers.shipwright.io/pipelinerun-triggered-builds": record,
    });
    let object = json!({"metadata": {"annotations": annotations}, "spec": {"pipelineRef": {"name": "ci"}}});
    let uid = tekton(&world, "team-a").create("ci-1", object).await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    let record = settled(&world, &uid, "Succeeded").await;
    assert_eq!(decisions(&record), ["done/ci Succeeded: started-already", "open/ci Succeeded: fired"]);
    assert_eq!(started(&world, "team-a").await, ["open"]);
}
