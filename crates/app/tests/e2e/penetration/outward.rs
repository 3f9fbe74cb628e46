//! Having the program knock where the attacker cannot.

use serde_json::json;
use tokio::net::TcpListener;
use trigger_devregistry::DevRegistry;

use crate::images::{build, on, standing, with_registry};
use crate::world::{KEY, World, field_with, for_every_provider, replace_texts, usual_rules};

for_every_provider!(nothing_is_asked_of_the_host_of_a_repository);
/// The address of a repository is a name to compare, of the Build's as of the payload's, and so are the
/// hosts in headers.
async fn nothing_is_asked_of_the_host_of_a_repository() {
    let world = World::new().await;
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = inside.local_addr().unwrap();
    let url = format!("http://{host}/acme/web");
    let trigger = json!({"triggerSecret": "hook", "when": usual_rules()});
    world.build_of("team-a", "web", json!({"url": url}), trigger).await;
    let mut push = world.push_main();
    push.repository = trigger_core::RepoId::parse(&url).unwrap();
    let request = world.compose(&push);
    let mut payload: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let repository = field_with(&payload, "https://");
    replace_texts(&mut payload, &mut |text| text.starts_with("https://").then(|| url.as_str().into()));
    for field in ["statuses_url", "hooks_url", "archive_url"] {
        payload[&repository][field] = url.clone().into();
    }
    payload["compare"] = url.clone().into();
    let body = payload.to_string().into_bytes();
    let mut headers = world.sign(request.event, "id", &body, Some(KEY));
    let read: Vec<_> = headers.keys().cloned().collect();
    // Another spelling of a header that is read would contradict it.
    let last = |name: &str| name.rsplit('-').next().map(ToOwned::to_owned);
    let is_spelled = |name: &str| read.iter().any(|read| last(read.as_str()) == last(name));
    for name in world.provider.kept_headers().iter().filter(|name| !is_spelled(name)) {
        headers.insert(*name, host.to_string().parse().unwrap());
    }
    headers.insert("host", host.to_string().parse().unwrap());
    headers.insert("x-forwarded-host", host.to_string().parse().unwrap());
    let answer = world.post_with(headers, &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    world.settled(&answer.delivery()).await;
    assert_eq!(world.run_counts().await, (1, 0));
    let knocked = futures::FutureExt::now_or_never(inside.accept());
    assert!(knocked.is_none(), "{knocked:?}");
}

/// Names and spellings that lead to this machine, all of one registry that is there and would answer.
#[tokio::test(flavor = "multi_thread")]
async fn no_name_of_an_image_leads_inside() {
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("base", "latest", b"one");
    let world = with_registry(&registry, |options| options.images.registry_private.clear()).await;
    let port = registry.host().rsplit_once(':').unwrap().1.to_owned();
    let hosts = ["localhost", "127.0.0.1", "2130706433.", "127.1.", "0x7f.1.", "0177.0.0.1."];
    let images: Vec<_> = hosts.iter().map(|host| format!("{host}:{port}/base")).collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    let understood: Vec<_> =
        images.iter().copied().filter(|image| trigger_core::ImageRef::parse(image).is_ok()).collect();
    assert!(understood.len() >= 2, "{understood:?}");
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &understood)])).await;
    for image in &understood {
        let shown = standing(&world, image, |standing| standing.error.is_some()).await;
        assert!(shown.digest.is_none(), "{shown:?}");
    }
    assert!(registry.requests().is_empty(), "{:?}", registry.requests());
}
