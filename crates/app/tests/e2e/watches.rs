//! A watch that cannot work costs little, and works soon after it can.

use serde_json::json;
use trigger_api::crds;
use trigger_devcluster::Fault;

use crate::pipelines::on as on_pipeline;
use crate::world::World;

const REVIEWS: &str = "selfsubjectaccessreviews.authorization.k8s.io";
const IMAGES: &str = "images.shipwright.io";
const PIPELINE_RUNS: &str = "pipelineruns.tekton.dev";

/// Lists in the first ten seconds: after 0, 0.5, 1.5, 3.5 and 7.5 s.
const FEW: u64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn kinds_that_are_absent_or_forbidden_are_listed_seldom_and_soon_when_they_can_be() {
    let dev = crate::roles::builder().crds(crds::shipwright().unwrap()).crds(crds::images().unwrap());
    let dev = dev.start().await.unwrap();
    let forbid = |verb, resource| Fault::refuse(403).on(verb, resource);
    dev.faults().set(vec![forbid("list", IMAGES), forbid("create", REVIEWS)]);
    let world = World::on(dev, |_| {}).await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    world.build("team-a", "after", json!([on_pipeline("ci", &["Succeeded"])])).await;
    world.program.ready().await;

    // The program asks whether it may list after so long a pause that another list would be expensive.
    world
        .until("it reviews its rights", || async {
            (dev.requests().count("create", REVIEWS) > 0).then_some(())
        })
        .await;
    for resource in [IMAGES, PIPELINE_RUNS] {
        let lists = dev.requests().count("list", resource);
        assert!((1..=FEW).contains(&lists), "{lists} lists of {resource}");
    }

    dev.faults().clear();
    for definition in crds::tekton().unwrap() {
        dev.store().apply(definition).await.unwrap();
    }
    for resource in [IMAGES, PIPELINE_RUNS] {
        world
            .until("it is watched", || async { (dev.requests().count("watch", resource) > 0).then_some(()) })
            .await;
        let lists = dev.requests().count("list", resource);
        assert!(lists <= FEW + 3, "{lists} lists of {resource}");
    }
}
