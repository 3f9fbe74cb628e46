//! Scenarios 10 and 11: each Build once for each change, whatever else happens to the PipelineRun.

use serde_json::json;

use super::{all_seen, is_caused_by, on, run_of, settled, started, tekton};
use crate::world::{World, decisions};

/// Changes a PipelineRun in ways that are no change of its class.
async fn fifty_unrelated_updates(world: &World, name: &str) {
    let tekton = tekton(world, "team-a");
    for n in 0..25 {
        let label =
            json!({"metadata": {"labels": {format!("label-{n}"): "x"}, "annotations": {"n": n.to_string()}}});
        tekton.patch(name, label).await;
        tekton.status(name, json!({"childReferences": [{"name": format!("task-{n}")}]})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_builds_on_one_pipeline_are_built_once_each() {
    let mut world = World::new().await;
    for build in ["app-a", "app-b"] {
        world.build("team-a", build, json!([on("ci", &["Succeeded"])])).await;
    }
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    fifty_unrelated_updates(&world, "ci-1").await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, [""; 0], "R1: it has not started");
    tekton(&world, "team-a").start("ci-1").await;
    fifty_unrelated_updates(&world, "ci-1").await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    let record = settled(&world, &uid, "Succeeded").await;
    assert_eq!(decisions(&record), ["app-a/ci Succeeded: fired", "app-b/ci Succeeded: fired"]);
    fifty_unrelated_updates(&world, "ci-1").await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app-a", "app-b"]);

    world = world.restart().await;
    fifty_unrelated_updates(&world, "ci-1").await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app-a", "app-b"]);
    for build in ["app-a", "app-b"] {
        let run = run_of(&world, "team-a", build).await;
        assert!(is_caused_by(&run, "ci-1", "ci Succeeded"), "{run:#}");
        assert!(run["metadata"]["ownerReferences"].is_null(), "pruning the PipelineRun kills no build");
        let (_, condition) = world.triggered("team-a", run["metadata"]["name"].as_str().unwrap()).await;
        assert_eq!(condition["reason"], "Pipeline");
        let message = condition["message"].as_str().unwrap();
        assert!(message.starts_with("PipelineRun ci-1 in status Succeeded matched rule"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_on_different_statuses_are_built_once_each() {
    let mut world = World::new().await;
    world.build("team-a", "c", json!([on("ci", &["Started"])])).await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    tekton(&world, "team-a").start("ci-1").await;
    let record = settled(&world, &uid, "Started").await;
    assert_eq!(decisions(&record), ["a/ci Succeeded: status-not-listed", "c/ci Started: fired"]);
    fifty_unrelated_updates(&world, "ci-1").await;
    world = world.restart().await;
    tekton(&world, "team-a").end("ci-1", "True", "Completed").await;
    settled(&world, &uid, "Succeeded").await;
    fifty_unrelated_updates(&world, "ci-1").await;
    all_seen(&world, "team-a").await;
    world = world.restart().await;
    fifty_unrelated_updates(&world, "ci-1").await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["a", "c"]);
}

/// What happens while the program is away is seen when it is back: a run that has ended counts by its end.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_the_program_is_away_is_not_missed() {
    let world = World::new().await;
    world.build("team-a", "c", json!([on("ci", &["Started"])])).await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded", "Failed"])])).await;
    let tekton = tekton(&world, "team-a");
    let away = world.away().await;
    let early = tekton.create_of("ci-1", "ci").await;
    tekton.start("ci-1").await;
    let over = tekton.create_of("ci-2", "ci").await;
    tekton.start("ci-2").await;
    tekton.end("ci-2", "False", "Failed").await;
    let world = away.back().await;
    settled(&world, &early, "Started").await;
    settled(&world, &over, "Failed").await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["a", "c"]);
}

/// On the first start of all, a cluster full of runs that have ended starts nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_new_does_not_work_off_the_past() {
    let world = World::new().await;
    let tekton = tekton(&world, "team-a");
    let away = world.away().await;
    let uid = tekton.create_of("ci-1", "ci").await;
    let long_ago = "2020-01-02T03:04:05Z";
    let conditions = json!([{
        "type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "", "lastTransitionTime": long_ago,
    }]);
    let ended = json!({"startTime": long_ago, "completionTime": long_ago, "conditions": conditions});
    tekton.status("ci-1", ended).await;
    let world = away.without_a_journal().back().await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    all_seen(&world, "team-a").await;
    assert!(world.program.journal.find(&super::delivery(&uid, "Succeeded")).await.unwrap().is_none());
    assert_eq!(started(&world, "team-a").await, [""; 0]);
}
