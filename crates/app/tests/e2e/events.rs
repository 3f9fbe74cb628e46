//! Events of a program that starts again.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_starts_again_counts_the_events_of_before() {
    let mut world = World::new().await;
    world
        .build("team-a", "web", json!([{"name": "", "type": "GitHub", "github": {"events": ["Push"]}}]))
        .await;
    let reason = "TriggerNameCanNotBeBlank";
    let events = async |world: &World| {
        let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace("team-a"));
        let all = events.list(&ListParams::default()).await.unwrap().items;
        all.into_iter().filter(|event| event.reason.as_deref() == Some(reason)).collect::<Vec<_>>()
    };
    world.events("team-a", "web", reason).await;
    for count in [2, 3] {
        world = world.restart().await;
        let shown = world
            .until(&format!("the Event is counted {count} times"), || async {
                let shown = events(&world).await;
                let counted = shown.iter().filter_map(|event| event.series.as_ref()?.count).max();
                (counted == Some(count)).then_some(shown)
            })
            .await;
        assert_eq!(shown.len(), 1, "one Event, counted: {shown:?}");
    }
}
