//! The stream of changes.

use std::time::Duration;

use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use trigger_core::DeliveryId;

use crate::world::{World, usual_rules};

/// A client of the stream.
struct Client {
    response: Response,
    received: String,
}

impl Client {
    async fn of(world: &World, user: &str) -> Self {
        let url = format!("{}/api/v1/stream", world.admin_url());
        let response = world.http.get(url).bearer_auth(world.token(user)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { response, received: String::new() }
    }

    /// Reads until the stream has sent `wanted`.
    async fn read_until(&mut self, wanted: &str) {
        while !self.received.contains(wanted) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("the stream is silent").unwrap().expect("the stream ended");
            self.received.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The states of a delivery in the order received.
    fn states(&self, id: &DeliveryId) -> Vec<String> {
        let data = self.received.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|text| serde_json::from_str::<Value>(text).unwrap())
            .filter(|item| item["id"] == id.as_str())
            .map(|item| item["state"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_streamed_to_users_who_may_see_them() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-b", "web", usual_rules()).await;
    let before = world.deliver(&world.push("refs/heads/main", &"a".repeat(40))).await.delivery.id;
    let mut reader = Client::of(&world, "reader-a").await;
    let mut other = Client::of(&world, "reader-b").await;
    let mut admin = Client::of(&world, "admin").await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    for client in [&mut reader, &mut admin] {
        client.read_until("\"state\":\"settled\"").await;
        let states = client.states(&id);
        assert_eq!(states.last().unwrap(), "settled");
        let mut once = states.clone();
        once.dedup();
        assert_eq!(states, once, "each change is sent once");
        assert!(client.states(&before).is_empty(), "a delivery from before the stream is no change");
    }
    // The delivery of team-b is the barrier: its reader has received everything sent before it.
    let answer = world.send_signed(&world.push("refs/heads/dev", &"b".repeat(40)), "the key of team-b").await;
    other.read_until("\"state\":\"settled\"").await;
    assert!(!other.states(&answer.delivery()).is_empty());
    assert!(other.states(&id).is_empty(), "{}", other.received);
    drop((reader, admin));
    // An open stream does not delay the shutdown.
    let ending = std::time::Instant::now();
    let World { program, .. } = world;
    program.stop().await;
    assert!(ending.elapsed() < Duration::from_secs(10), "{:?}", ending.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_limited_and_their_slots_are_freed() {
    let world = World::with_users().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::of(&world, "admin").await);
    }
    assert_eq!(world.ask("admin", "/stream").await.status, StatusCode::SERVICE_UNAVAILABLE);
    clients.clear();
    world
        .until("a slot is free again", || async {
            let url = format!("{}/api/v1/stream", world.admin_url());
            let answer = world.http.get(url).bearer_auth(world.token("admin")).send().await.unwrap();
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
}
