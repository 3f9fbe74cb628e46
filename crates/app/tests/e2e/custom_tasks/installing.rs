//! Tekton may come later than we, and old Tektons have Runs.

use serde_json::json;
use trigger_simulation::{SimulationOptions, simulate_builds};

use super::scene::{by_name, result};
use crate::roles;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn work_begins_when_tekton_is_installed() {
    let crds = trigger_api::crds::shipwright().unwrap();
    let world = World::on(roles::builder().crds(crds).start().await.unwrap(), |_| {}).await;
    let Some(dev) = world.dev_only("definitions are installed while it runs") else { return };
    world.program.ready().await;
    dev.spawn(simulate_builds(dev.store(), "", SimulationOptions::default()));
    world.plain_build().await;
    for definition in trigger_api::crds::tekton().unwrap() {
        dev.store().apply(definition).await.unwrap();
    }
    world.task("image", json!({})).await;
    world.task_reaches("image", "True", "Succeeded").await;
    for definition in trigger_api::crds::tekton_run().unwrap() {
        dev.store().apply(definition).await.unwrap();
    }
    world.task_of("Run", "old-image", json!({"ref": by_name("web")})).await;
    world.task_of_kind_reaches("Run", "old-image", "True", "Succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_an_old_tekton_are_carried_out_too() {
    let crds = trigger_api::crds::all().unwrap().into_iter().chain(trigger_api::crds::tekton_run().unwrap());
    let world = World::on(roles::builder().crds(crds).start().await.unwrap(), |_| {}).await;
    world.program.ready().await;
    world.simulate_builds(SimulationOptions::default());
    world.scripted("Failed, Succeeded", "50ms").await;
    let spec = json!({"ref": by_name("web"), "retries": 1, "params": [{"name": "p", "value": "v"}]});
    world.task_of("Run", "image", spec).await;
    let done = world.task_of_kind_reaches("Run", "image", "True", "Succeeded").await;
    assert_eq!(done["status"]["retriesStatus"].as_array().unwrap().len(), 1);
    assert!(result(&done, "image-digest").is_some());
    let runs = world.runs("team-a").await;
    assert_eq!(runs.len(), 2);
    for run in &runs {
        assert_eq!(run["metadata"]["ownerReferences"][0]["kind"], "Run");
        assert_eq!(run["metadata"]["labels"]["triggers.shipwright.io/owned-by-run"], "image");
    }
    world.task_of("Run", "stopped", json!({"ref": by_name("web"), "status": "RunCancelled"})).await;
    world.task_of_kind_reaches("Run", "stopped", "False", "RunCancelled").await;
    // One of each kind, of one name, do not get into each other's way.
    world.task("image", json!({"retries": 1})).await;
    world.task_reaches("image", "True", "Succeeded").await;
    assert_eq!(world.run_counts().await, (4, 0));
}
