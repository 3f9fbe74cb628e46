//! The status of listeners that the program owns.

use serde_json::{Value, json};
use shipwright_trigger::ListenerMode;

use super::scene::{ACCOUNT, github, three_objects, trigger};
use crate::world::World;

/// The status of a condition, or "" if there is none of this type.
fn condition<'a>(status: &'a Value, kind: &str) -> &'a str {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let found =
        conditions.filter(|condition| condition["type"] == kind).find_map(|one| one["status"].as_str());
    found.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_an_owned_listener_has_its_address_and_follows_its_triggers() {
    let world = World::with(|options| {
        options.listeners.listeners = ListenerMode::Own;
        options.public_url = Some("https://hooks.example.com".parse().unwrap());
    })
    .await;
    world.account_of_listeners("team-a").await;
    let broken = json!({"name": "broken", "interceptors": [github()], "template": {"ref": "absent"}});
    let spec = json!({"serviceAccountName": ACCOUNT, "triggers": [trigger("main", &[github()]), broken]});
    world.tekton("team-a", "EventListener", "web", spec).await;
    let listeners = world.objects("team-a", "triggers.tekton.dev", "v1beta1", "EventListener");
    let until = async |triggers: &str| {
        world
            .until("the status is written", || async {
                let status = listeners.get("web").await.unwrap().data["status"].clone();
                (condition(&status, "Triggers") == triggers).then_some(status)
            })
            .await
    };
    let status = until("False").await;
    let address = format!("https://hooks.example.com/listeners/{}/web", world.namespace("team-a"));
    assert_eq!(status["address"]["url"], address);
    assert_eq!(condition(&status, "Ready"), "True", "the other trigger runs: {status}");
    world.tekton("team-a", "TriggerTemplate", "absent", three_objects()).await;
    until("True").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_listener_that_is_only_served_is_left_alone() {
    let world = super::scene::world().await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    let listeners = world.objects("team-a", "triggers.tekton.dev", "v1beta1", "EventListener");
    let listener = listeners.get("web").await.unwrap();
    assert!(listener.data["status"].is_null(), "{:?}", listener.data);
}
