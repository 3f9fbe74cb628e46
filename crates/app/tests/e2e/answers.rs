//! Scenario 4: what senders are told, and what they are not.

use reqwest::{Method, StatusCode};
use trigger_providers::{GitHub, SampleKind};

use crate::raw::exchange;
use crate::world::{
    KEY, SHA, World, decisions, for_every_provider, played_by, repository_of, usual_rules, without_event,
};

for_every_provider!(a_known_repository_and_nothing_to_do);
async fn a_known_repository_and_nothing_to_do() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let record = world.deliver(&world.push("refs/heads/dev", SHA)).await;
    assert_eq!(decisions(&record), ["web/pr main: event-not-listed", "web/push main: branch-not-listed"]);

    // Not every provider has an event of its own to check a hook.
    if let Ok(ping) = world.provider.compose(&world.sample(SampleKind::Ping)) {
        let ping = world.post(ping.event, &ping.body, Some(KEY)).await;
        assert_eq!(ping.status, StatusCode::OK, "{ping:?}");
    }
    world.nothing_started().await;
}

/// Of GitHub: an event that no rule can name. Other providers call theirs otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_rule_can_name_is_decided() {
    let world = played_by(&GitHub, World::new()).await;
    world.build("team-a", "web", usual_rules()).await;
    let star = world.compose(&world.sample(SampleKind::Ping)).body;
    let star = world.post("star", &star, Some(KEY)).await;
    assert_eq!(star.status, StatusCode::ACCEPTED);
    let record = world.settled(&star.delivery()).await;
    assert_eq!(decisions(&record), ["web/pr main: event-not-listed", "web/push main: event-not-listed"]);
    world.nothing_started().await;
}

for_every_provider!(every_refusal_is_constant_and_names_nothing);
async fn every_refusal_is_constant_and_names_nothing() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.compose(&world.push_main());
    let signed = world.sign(push.event, "id", &push.body, Some(KEY));
    let mut unknown = world.push_main();
    let unheard_of = repository_of(world.provider, "acme/unheard-of");
    unknown.repository = trigger_core::RepoId::parse(&unheard_of).unwrap();
    let mut text = signed.clone();
    text.insert("content-type", "text/plain".parse().unwrap());
    let nameless = without_event(world.provider, signed, Some(KEY));
    let method = world.http.request(Method::GET, world.hook_url()).send().await.unwrap();
    assert_eq!(method.headers()["allow"], "POST");
    let method = (method.status(), method.text().await.unwrap());
    let elsewhere = world.http.post(format!("http://{}/other", world.program.hooks)).send().await.unwrap();
    let elsewhere = (elsewhere.status(), elsewhere.text().await.unwrap());

    let unused = if world.provider.disables_hooks() { (200, "ignored") } else { (404, "not-found") };
    for (what, (status, body), expected) in [
        ("unknown repository", pair(world.send(&unknown).await), unused),
        ("unknown path", elsewhere, (404, "not-found")),
        ("wrong key", pair(world.send_signed(&world.push_main(), "x").await), (401, "unauthorized")),
        ("no JSON", pair(world.post(push.event, b"{", Some(KEY)).await), (400, "malformed")),
        ("no event name", pair(world.post_with(nameless, &push.body).await), (400, "malformed")),
        ("GET", method, (405, "method-not-allowed")),
        ("plain text", pair(world.post_with(text, &push.body).await), (415, "unsupported-media-type")),
    ] {
        assert_eq!(status, expected.0, "{what}: {body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let body = body.as_object().unwrap();
        assert_eq!(body["status"], expected.1, "{what}");
        assert_eq!(body.len(), 2, "{what}: nothing but status and message: {body:?}");
    }
    world.nothing_started().await;
}

fn pair(answer: crate::world::Answer) -> (StatusCode, String) {
    (answer.status, answer.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_refused_before_it_is_read() {
    let world = World::new().await;
    let path = world.hook_path();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    let announced = format!("{head}content-length: {}\r\n\r\n", 26 * 1024 * 1024);
    let answer = exchange(world.program.hooks, announced.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with(r#"{"status":"too-large","message":"the body is too large"}"#), "{answer}");

    let small = World::with(|options| options.max_body = 1).await;
    let mut chunked = format!("{head}transfer-encoding: chunked\r\n\r\n200000\r\n").into_bytes();
    chunked.extend(std::iter::repeat_n(b'x', 0x0010_0001));
    let answer = exchange(small.program.hooks, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_dawdle_are_cut_off() {
    let world = World::with(|options| {
        options.header_timeout = 1;
        options.body_timeout = 1;
    })
    .await;
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\n", world.hook_path());
    let answer = exchange(world.program.hooks, head.as_bytes()).await;
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    let half = format!("{head}content-length: 10\r\n\r\n{{");
    let answer = exchange(world.program.hooks, half.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

for_every_provider!(the_admin_port_is_another);
async fn the_admin_port_is_another() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    for path in ["/healthz", "/readyz"] {
        let url = format!("http://{}{path}", world.program.admin);
        assert_eq!(world.http.get(url).send().await.unwrap().status(), StatusCode::OK, "{path}");
        let url = format!("http://{}{path}", world.program.hooks);
        assert_eq!(world.http.get(url).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    let metrics = world.http.get(format!("http://{}/metrics", world.program.admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let name = world.provider.name();
    for line in [
        &*format!(
            "shipwright_trigger_deliveries_received_total{{provider=\"{name}\",event=\"push\",answer=\"accepted\"}} 1"
        ),
        "shipwright_trigger_decisions_total{outcome=\"fired\"} 1",
        "shipwright_trigger_launches_total{outcome=\"created\"} 1",
        "shipwright_trigger_deliveries_pending 0",
    ] {
        assert!(metrics.contains(line), "`{line}` is missing in\n{metrics}");
    }
    for name in ["\"web\"", "acme/web"] {
        assert!(!metrics.contains(name), "metrics name no Build and no repository:\n{metrics}");
    }
}
