//! Scenarios 12 and 13, and how a PipelineRun is named: which rules match.

use serde_json::json;

use super::{all_seen, on, on_label, settled, started, tekton};
use crate::world::{World, decisions};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_crosses_a_namespace() {
    let world = World::new().await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"]), on_label("k", "v", &["Succeeded"])])).await;
    let labelled = json!({"metadata": {"labels": {"k": "v"}}, "spec": {"pipelineRef": {"name": "ci"}}});
    tekton(&world, "team-b").create("ci-1", labelled).await;
    tekton(&world, "team-b").end("ci-1", "True", "Succeeded").await;
    // The watch is one for all namespaces: what comes later in team-a comes after it.
    all_seen(&world, "team-a").await;
    assert_eq!((started(&world, "team-a").await.len(), started(&world, "team-b").await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_fires_its_own_rules_only() {
    let world = World::new().await;
    for status in
        ["Succeeded", "Completed", "Failed", "Cancelled", "TimedOut", "PipelineRunTimeout", "Started"]
    {
        world.build("team-a", &status.to_lowercase(), json!([on("ci", &[status])])).await;
    }
    for (run, succeeded, reason, class, expected) in [
        ("ok", "True", "Succeeded", "Succeeded", &["succeeded"][..]),
        ("skipped-tasks", "True", "Completed", "Succeeded", &["completed", "succeeded"]),
        ("broken", "False", "Failed", "Failed", &["failed"]),
        ("no-pipeline", "False", "CouldntGetPipeline", "Failed", &["failed"]),
        ("cancelled", "False", "Cancelled", "Cancelled", &["cancelled"]),
        ("late", "False", "PipelineRunTimeout", "TimedOut", &["pipelineruntimeout", "timedout"]),
    ] {
        let uid = tekton(&world, "team-a").create_of(run, "ci").await;
        tekton(&world, "team-a").end(run, succeeded, reason).await;
        let record = settled(&world, &uid, class).await;
        let fired: Vec<_> = decisions(&record).into_iter().filter(|line| line.ends_with(": fired")).collect();
        let names: Vec<_> = fired.iter().map(|line| line.split('/').next().unwrap()).collect();
        assert_eq!(names, expected, "{run}");
    }
    let uid = tekton(&world, "team-a").create_of("going", "ci").await;
    tekton(&world, "team-a").start("going").await;
    let record = settled(&world, &uid, "Started").await;
    assert!(decisions(&record).contains(&"started/ci Started: fired".to_owned()), "{record:?}");
}

/// A run that is made by copying another one, with all that is noted on it, is a run of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_run_fires_again() {
    let world = World::new().await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    let original = tekton(&world, "team-a").runs.get("ci-1").await.unwrap();
    let annotations = original.metadata.annotations.unwrap();
    assert!(!annotations.is_empty());
    let copy = json!({"metadata": {"annotations": annotations}, "spec": original.data["spec"]});
    let uid = tekton(&world, "team-a").create("ci-1-again", copy).await;
    tekton(&world, "team-a").end("ci-1-again", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    assert_eq!(started(&world, "team-a").await, ["a", "a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_named_by_reference_label_or_selector() {
    let world = World::new().await;
    world.build("team-a", "named", json!([on("ci", &["Succeeded"])])).await;
    world.build("team-a", "labelled", json!([on_label("kind", "nightly", &["Succeeded"])])).await;
    for (run, object, expected) in [
        ("named", json!({"spec": {"pipelineRef": {"name": "ci"}}}), &["named"][..]),
        (
            "resolved",
            json!({"metadata": {"labels": {"tekton.dev/pipeline": "ci"}}, "spec": {"pipelineRef": {"resolver": "cluster"}}}),
            &["named"],
        ),
        (
            "embedded",
            json!({
                "metadata": {"labels": {"tekton.dev/pipeline": "embedded", "kind": "nightly"}},
                "spec": {"pipelineSpec": {"tasks": [{"name": "t", "taskRef": {"name": "test"}}]}},
            }),
            &["labelled"],
        ),
        (
            "both",
            json!({"metadata": {"labels": {"kind": "nightly", "more": "x"}}, "spec": {"pipelineRef": {"name": "ci"}}}),
            &["labelled", "named"],
        ),
    ] {
        let uid = tekton(&world, "team-a").create(run, object).await;
        tekton(&world, "team-a").end(run, "True", "Succeeded").await;
        let record = settled(&world, &uid, "Succeeded").await;
        let fired: Vec<_> = decisions(&record).into_iter().filter(|line| line.ends_with(": fired")).collect();
        let names: Vec<_> = fired.iter().map(|line| line.split('/').next().unwrap()).collect();
        assert_eq!(names, expected, "{run}");
    }
}

/// A Build and a PipelineRun that are created together come in by two watches, in any order.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_comes_a_moment_late_is_waited_for() {
    let world = World::new().await;
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    // By a clock that is ahead, so that the Build is not too young for it.
    let conditions = json!([{"type": "Succeeded", "status": "Unknown", "reason": "Started", "message": "", "lastTransitionTime": "2126-01-02T03:04:05Z"}]);
    tekton(&world, "team-a")
        .status("ci-1", json!({"startTime": "2126-01-02T03:04:05Z", "conditions": conditions}))
        .await;
    all_seen(&world, "team-b").await;
    assert!(world.program.journal.find(&super::delivery(&uid, "Started")).await.unwrap().is_none());
    world.build("team-a", "c", json!([on("ci", &["Started"])])).await;
    let record = settled(&world, &uid, "Started").await;
    assert_eq!(decisions(&record), ["c/ci Started: fired"]);
}
