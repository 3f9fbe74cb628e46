//! The stream of what changes.

use std::time::Duration;

use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use trigger_core::DeliveryId;

use crate::world::{World, usual_rules};

/// Listens to the stream as somebody.
struct Ear {
    response: Response,
    heard: String,
}

impl Ear {
    async fn of(world: &World, user: &str) -> Self {
        let url = format!("{}/api/v1/stream", world.admin_url());
        let response = world.http.get(url).bearer_auth(world.token(user)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { response, heard: String::new() }
    }

    /// Listens until `wanted` has been heard.
    async fn hear(&mut self, wanted: &str) {
        while !self.heard.contains(wanted) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("nothing more is heard").unwrap().expect("the stream ended");
            self.heard.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The states in which a delivery was heard of.
    fn states(&self, id: &DeliveryId) -> Vec<String> {
        let data = self.heard.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|text| serde_json::from_str::<Value>(text).unwrap())
            .filter(|item| item["id"] == id.as_str())
            .map(|item| item["state"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_streamed_to_those_who_may_see_them() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let before = world.deliver(&world.push("refs/heads/main", &"a".repeat(40))).await.delivery.id;
    let mut reader = Ear::of(&world, "reader-a").await;
    let mut other = Ear::of(&world, "reader-b").await;
    let mut admin = Ear::of(&world, "admin").await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    for ear in [&mut reader, &mut admin] {
        ear.hear("\"state\":\"settled\"").await;
        let states = ear.states(&id);
        assert_eq!(states.last().unwrap(), "settled");
        let mut once = states.clone();
        once.dedup();
        assert_eq!(states, once, "each change is told once");
        assert!(ear.states(&before).is_empty(), "what was known is no news");
    }
    // A delivery of team-b comes behind; what the reader of team-b hears first is that.
    world.secret("team-b", "hook", &[("github-token", "the key of team-b")]).await;
    world.build("team-b", "web", usual_rules()).await;
    let answer = world.send_signed(&world.push("refs/heads/dev", &"b".repeat(40)), "the key of team-b").await;
    other.hear("\"state\":\"settled\"").await;
    assert!(!other.states(&answer.delivery()).is_empty());
    assert!(other.states(&id).is_empty(), "{}", other.heard);
    drop((reader, admin));
    // A stream that is open does not hold up the end.
    let ending = std::time::Instant::now();
    let World { program, .. } = world;
    program.stop().await;
    assert!(ending.elapsed() < Duration::from_secs(10), "{:?}", ending.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_listen() {
    let world = World::with_users().await;
    let mut ears = Vec::new();
    for _ in 0..64 {
        ears.push(Ear::of(&world, "admin").await);
    }
    assert_eq!(world.ask("admin", "/stream").await.status, StatusCode::SERVICE_UNAVAILABLE);
    ears.clear();
    world
        .until("there is room again", || async {
            let url = format!("{}/api/v1/stream", world.admin_url());
            let answer = world.http.get(url).bearer_auth(world.token("admin")).send().await.unwrap();
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
}
