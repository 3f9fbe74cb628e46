//! R4 and A11: what was started is noted on the PipelineRun, legally. Nothing hangs on the note.

use kube::api::PostParams;
use serde_json::{Value, json};
use trigger_devcluster::Fault;

use super::{now, on, run_of, settled, started, tekton};
use crate::world::World;

async fn annotations(world: &World) -> Value {
    let run = tekton(world, "team-a").runs.get("ci-1").await.unwrap();
    json!(run.metadata.annotations.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_started_is_noted_on_the_run() {
    let world = World::new().await;
    world.build("team-a", "c", json!([on("ci", &["Started"])])).await;
    for build in ["a", "b"] {
        world.build("team-a", build, json!([on("ci", &["Succeeded"])])).await;
    }
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    tekton(&world, "team-a").start("ci-1").await;
    settled(&world, &uid, "Started").await;
    let run = |build: &'static str| {
        let world = &world;
        async move { run_of(world, "team-a", build).await["metadata"]["name"].as_str().unwrap().to_owned() }
    };
    let labels = tekton(&world, "team-a").runs.get("ci-1").await.unwrap().metadata.labels;
    let mut reference = json!({"name": "ci", "status": ["Succeeded"]});
    if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
        reference["selector"] = json!(labels);
    }
    let entry = |build: &str| json!({"buildName": build, "objectRef": reference});
    let noted = annotations(&world).await;
    assert_eq!(noted["triggers.shipwright.io/buildrun-names"], run("c").await);
    assert_eq!(noted["triggers.shipwright.io/pipelinerun-name"], "ci-1");

    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    let noted = annotations(&world).await;
    let record: Value =
        serde_json::from_str(noted["triggers.shipwright.io/pipelinerun-triggered-builds"].as_str().unwrap())
            .unwrap();
    let mut record = record.as_array().unwrap().clone();
    record.sort_by_key(|entry| entry["buildName"].as_str().unwrap().to_owned());
    // Upstream's controller would start `a` and `b` again without end if it found `c` first.
    assert_eq!(record, [entry("a"), entry("b")]);
    let names: Vec<_> = noted["triggers.shipwright.io/buildrun-names"]
        .as_str()
        .unwrap()
        .split(',')
        .map(ToOwned::to_owned)
        .collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names[2], run("c").await, "the newest come first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_is_refused_or_spoiled_changes_nothing() {
    let world = World::new().await;
    world.build("team-a", "c", json!([on("ci", &["Started"])])).await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    dev.faults().add(Fault::refuse(403).on("patch", "pipelineruns"));
    // The test's own change is no patch, and is not refused.
    let mut object = tekton(&world, "team-a").runs.get("ci-1").await.unwrap();
    object.data["status"] = json!({"startTime": now()});
    tekton(&world, "team-a").runs.replace_status("ci-1", &PostParams::default(), &object).await.unwrap();
    let record = settled(&world, &uid, "Started").await;
    assert_eq!((record.state, record.error), (trigger_journal::State::Settled, None));
    dev.faults().clear();
    let spoiled = json!({"metadata": {"annotations": {
        "triggers.shipwright.io/pipelinerun-name": "ci-1",
        "triggers.shipwright.io/pipelinerun-triggered-builds": "bogus stuff",
    }}});
    tekton(&world, "team-a").patch("ci-1", spoiled).await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    assert_eq!(started(&world, "team-a").await, ["a", "c"]);
}
