//! The condition `Triggered` is written after the run's controller, not beside it, and is not forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, Fault};
use trigger_simulation::SimulationOptions;

use crate::roles::PROGRAM;
use crate::world::{SHA, World, for_every_provider, usual_rules};

/// How often the program's writes of conditions were answered with each status.
fn writes(dev: &DevCluster) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for request in dev.requests().log() {
        if request.user == PROGRAM
            && request.kind.resource == "buildruns.shipwright.io"
            && request.kind.subresource == "status"
        {
            *counts.entry(request.status).or_default() += 1;
        }
    }
    counts
}

fn kinds(run: &Value) -> Vec<&str> {
    let conditions = run["status"]["conditions"].as_array().unwrap();
    conditions.iter().map(|condition| condition["type"].as_str().unwrap()).collect()
}

for_every_provider!(a_condition_is_written_after_its_controller_has_begun_without_a_conflict);
async fn a_condition_is_written_after_its_controller_has_begun_without_a_conflict() {
    let world = World::with(|options| options.work.condition_delay = 60).await;
    world.build("team-a", "web", usual_rules()).await;
    world.simulate_builds(SimulationOptions { duration: Duration::from_secs(4) });
    let record = world.deliver(&world.push_main()).await;
    let (run, triggered) = world.triggered("team-a", record.launches[0].run.name()).await;
    assert_eq!(kinds(&run), ["Succeeded", "Triggered"], "that of the controller came first");
    assert!(run["status"]["buildSpec"].is_object() && run["status"]["startTime"].is_string(), "{run:#}");
    assert_eq!(triggered["status"], "True");
    let recorded = record.launches[0].condition.as_ref().unwrap();
    assert_eq!(triggered["message"], recorded.message.as_str());
    if let Some(dev) = world.dev_only("its log of requests has statuses") {
        assert_eq!(writes(dev), BTreeMap::from([(200, 1)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_written_after_the_delay_where_no_controller_begins() {
    let world = World::with(|options| options.work.condition_delay = 1).await;
    world.build("team-a", "web", usual_rules()).await;
    let record = world.deliver(&world.push_main()).await;
    let (run, _) = world.triggered("team-a", record.launches[0].run.name()).await;
    assert_eq!(kinds(&run), ["Triggered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_writes_the_conditions_that_the_last_one_owed() {
    let world = World::with(|options| options.work.condition_delay = 60).await;
    world.build("team-a", "web", usual_rules()).await;
    let record = world.deliver(&world.push_main()).await;
    let name = record.launches[0].run.name().to_string();
    let run = world.runs("team-a").await.remove(0);
    assert!(
        run["status"].is_null(),
        "nothing is written on a run that no controller has begun with: {run:#}"
    );
    let world = world.away().await.with_condition_delay(0).back().await;
    let (_, triggered) = world.triggered("team-a", &name).await;
    assert_eq!(triggered["message"], record.launches[0].condition.as_ref().unwrap().message.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_created_while_conditions_cannot_be_written() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
    world.build("team-a", "web", usual_rules()).await;
    dev.faults().add(Fault::refuse(503).on("patch", "buildruns/status"));
    let mut runs = Vec::new();
    for commit in ["a", "b", "c"] {
        let record = world.deliver(&world.push("refs/heads/main", &commit.repeat(40))).await;
        assert_eq!((record.attempts, record.launches.len()), (1, 1), "no attempt fails for a condition");
        runs.push(record.launches[0].run.name().to_string());
    }
    dev.faults().clear();
    for run in runs {
        world.triggered("team-a", &run).await;
    }
}

/// A tenant that may create BuildRuns writes any annotation, but not the status.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_only_looks_like_one_of_ours_gets_no_condition() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let first = world.deliver(&world.push_main()).await;
    let forged = |name: &str, delivery: &str| -> DynamicObject {
        let annotations = json!({"trigger.shipwright.io/delivery": delivery});
        let run = json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun",
            "metadata": {"name": name, "annotations": annotations}, "spec": {"build": {"name": "web"}},
        });
        serde_json::from_value(run).unwrap()
    };
    let unknown = "a".repeat(first.delivery.id.as_str().len());
    let runs = [("of-a-delivery", first.delivery.id.as_str()), ("of-none", &unknown), ("of-nonsense", "?")];
    for (name, delivery) in runs {
        world.build_runs().create(&PostParams::default(), &forged(name, delivery)).await.unwrap();
    }
    // What was due before the condition of a later run has been looked up.
    for commit in [SHA.replace('0', "1"), SHA.replace('0', "2")] {
        let record = world.deliver(&world.push("refs/heads/main", &commit)).await;
        world.triggered("team-a", record.launches[0].run.name()).await;
    }
    for run in world.runs("team-a").await {
        let name = run["metadata"]["name"].as_str().unwrap();
        let is_forged = runs.iter().any(|(forged, _)| *forged == name);
        assert_eq!(run["status"].is_null(), is_forged, "{run:#}");
    }
}
