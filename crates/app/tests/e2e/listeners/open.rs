//! Listeners that let any sender in.

use serde_json::{Value, json};

use super::scene::{github, trigger, world};
use crate::raw::exchange;
use crate::world::{World, decisions};

/// The largest body that the program reads by default, in bytes.
const LARGEST: usize = 25 << 20;

/// An event of so many bytes.
fn event(bytes: usize) -> String {
    let (before, after) = (r#"{"repository":{"full_name":"acme/web"},"noise":""#, r#""}"#);
    format!("{before}{}{after}", "x".repeat(bytes - before.len() - after.len()))
}

/// A trigger for any sender, and one for GitHub.
fn triggers() -> Value {
    json!({"triggers": [trigger("any", &[]), trigger("main", &[github()])]})
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_use_up_their_own_budget_and_signed_senders_go_on() {
    let world = World::with(|options| options.listeners.open_listener_budget = 1).await;
    for team in ["team-a", "team-b"] {
        world.account_of_listeners(team).await;
        world.listener(team, "web", triggers()).await;
    }
    // The share of a namespace is a quarter of a MiB.
    let event = event(100 << 10);
    for _ in 0..2 {
        let record = world.settled_at_listener(&world.ask_listener("web", &[], &event).await).await;
        assert_eq!(decisions(&record), ["web/any: fired"]);
    }
    let beyond = world.ask_listener("web", &[], &event).await;
    assert_eq!(beyond.status, 503, "{beyond:?}");
    assert_eq!(beyond.headers.get("retry-after").unwrap(), "5");
    let rejection = world
        .until("the rejection is recorded", || async {
            world.program.journal.rejections().await.unwrap().into_iter().next()
        })
        .await;
    let remedy = "set --open-listener-budget, or give every trigger of the listener a `secretRef`";
    assert!(rejection.status == 503 && rejection.reason.ends_with(remedy), "{rejection:?}");

    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    assert_eq!(decisions(&record), ["web/any: fired", "web/main: fired"]);
    assert_eq!(world.created("team-a").await.len(), 12);
    let told = world.ask_at(&world.listener_url("team-b", "web"), &[], &event).await;
    world.settled_at_listener(&told).await;
    assert_eq!(world.created("team-b").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_of_a_stranger_holds_up_no_other_sender() {
    let world = world().await;
    world.listener_of_team_b().await;
    world.listener("team-a", "web", triggers()).await;
    let largest = event(LARGEST);
    let stranger = world.ask_listener("web", &[], &largest);
    let (stranger, signed, ()) =
        tokio::join!(stranger, world.push_to_listener("web", "1"), world.team_b_works("1"));
    let record = world.settled_at_listener(&signed).await;
    assert_eq!(decisions(&record), ["web/any: fired", "web/main: fired"]);
    let record = world.settled_at_listener(&stranger).await;
    assert_eq!(decisions(&record), ["web/any: fired"]);
    assert_eq!(world.created("team-a").await.len(), 9);

    let path = format!("/listeners/{}/web", world.namespace("team-a"));
    let length = LARGEST + 1;
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let answer = exchange(world.program.hooks, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
