//! What can be set: namespaces, paths, bounds.

use reqwest::StatusCode;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::exchange;
use crate::world::{KEY, World, decisions, for_every_provider, hook_path, played, usual_rules};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_namespaces_are_watched() {
    let world = World::with(|options| options.namespaces = vec!["team-a".to_owned()]).await;
    world.hook_secret("team-b", KEY).await;
    let elsewhere = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": "elsewhere"},
        "spec": {
            "source": {"type": "Git", "git": {"url": world.repository()}},
            "strategy": {"name": "buildah"},
            "output": {"image": "registry.example/acme/web"},
            "trigger": {"triggerSecret": "hook", "when": usual_rules()},
        },
    });
    world.create_build("team-b", elsewhere).await;
    world.build("team-a", "web", usual_rules()).await;
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["web/pr main: event-not-listed", "web/push main: fired"]);
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(a_providers_path_can_be_chosen);
async fn a_providers_path_can_be_chosen() {
    let path = format!("{}=/from/afar", played().name());
    let world = World::with(|options| options.hook_paths = vec![path.parse().unwrap()]).await;
    world.build("team-a", "web", usual_rules()).await;
    let request = world.compose(&world.push_main());
    for (path, expected) in
        [(&*hook_path(world.provider), StatusCode::NOT_FOUND), ("/from/afar", StatusCode::ACCEPTED)]
    {
        let headers = world.sign(request.event, "id", &request.body, Some(KEY));
        let url = format!("http://{}{path}", world.program.hooks);
        assert_eq!(world.post_to(&url, headers, &request.body).await.status, expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_bodies_together_have_a_bound() {
    let world = World::with(|options| {
        options.max_body = 1;
        options.max_bodies = 1;
    })
    .await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n",
        world.hook_path()
    );
    let large = 900 * 1024;
    // One client sends most of a large body and then dawdles; its share is taken until it ends.
    let mut dawdling = TcpStream::connect(world.program.hooks).await.unwrap();
    dawdling.write_all(format!("{head}content-length: {}\r\n\r\n", large + 1).as_bytes()).await.unwrap();
    dawdling.write_all(&vec![b' '; large]).await.unwrap();

    let mut other = format!("{head}content-length: {large}\r\n\r\n").into_bytes();
    other.extend(std::iter::repeat_n(b' ', large));
    let refused = world
        .until("there is no room for another", || async {
            let answer = exchange(world.program.hooks, &other).await;
            answer.starts_with("HTTP/1.1 503 ").then_some(answer)
        })
        .await;
    assert!(refused.to_ascii_lowercase().contains("retry-after: "), "{refused}");

    drop(dawdling);
    world
        .until("there is room again", || async {
            exchange(world.program.hooks, &other).await.starts_with("HTTP/1.1 400 ").then_some(())
        })
        .await;
}
