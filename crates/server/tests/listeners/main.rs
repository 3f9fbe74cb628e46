//! Requests to listeners over real HTTP, up to the journal. `scene` sets the server up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

mod hook_triggers;
mod interceptor;
mod scene;

use scene::{KEY, Response, Scene, push};
use serde_json::{Value, json};
use trigger_core::{ObjectKey, Ordinal, event_id};
use trigger_journal::{OutcomeRecord, State};
use trigger_server::IngestSettings;

/// A push that fires.
const MAIN: &str = r#"{"ref":"refs/heads/main"}"#;
/// A push that starts nothing.
const DEV: &str = r#"{"ref":"refs/heads/dev"}"#;

async fn signed(scene: &Scene, listener: &str, key: &str, body: &str, more: &[(&str, &str)]) -> Response {
    let headers = push(key, body);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied());
    scene.post(listener, &headers.collect::<Vec<_>>(), body).await
}

/// The body of the answer to an event of `team-a/NAME`.
fn accepted(name: &str, event_id: &str) -> Value {
    json!({"eventListener": name, "namespace": "team-a", "eventListenerUID": format!("uid-{name}"), "eventID": event_id})
}

#[tokio::test]
async fn a_body_that_does_not_arrive_holds_no_version_of_rules_and_listeners() {
    let scene = Scene::new().await;
    let mut slow = Vec::new();
    for path in ["/listeners/team-a/web", "/listeners/team-a/open", "/hooks/github"] {
        slow.push(scene.wait_for_body(&format!("POST {path}")).await);
    }
    assert_eq!(scene.change(), (false, false));
}

#[tokio::test]
async fn a_verified_event_is_answered_as_tekton_does_once_it_is_kept() {
    let scene = Scene::new().await;
    let more =
        [("X-GitHub-Delivery", "d-1"), ("Authorization", "Bearer hush"), ("X-Part", "a"), ("x-part", "b")];
    let response = signed(&scene, "team-a/web/ci?x=1", KEY, MAIN, &more).await;
    let kept = scene.kept().await;
    let [record] = kept.as_slice() else { panic!("{kept:?}") };
    let delivery = &record.delivery;
    assert_eq!(response.status, 202, "{}", response.body);
    assert_eq!(response.json(), accepted("web", &event_id(&delivery.id, Ordinal::FIRST)));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert!(response.body.ends_with("}\n"));

    assert_eq!((record.state, &delivery.body[..]), (State::Pending, MAIN.as_bytes()));
    assert_eq!((&*delivery.source, &*delivery.path), ("listener", "/listeners/team-a/web"));
    assert_eq!((delivery.event.as_str(), delivery.provider_id.as_deref()), ("push", Some("d-1")));
    assert_eq!(record.verification.listener, Some(ObjectKey::new("team-a", "web")));
    assert_eq!(record.facts.iter().count(), 1, "the verdict of the key");
    let values = |name: &str| {
        let of_name = delivery.headers.iter().filter(|(other, _)| other == name);
        of_name.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!((values(":path"), values("x-part")), (vec!["/ci?x=1"], vec!["a", "b"]));
    for left_out in ["host", "authorization"] {
        assert_eq!(values(left_out), Vec::<&str>::new(), "{left_out}");
    }

    let again = signed(&scene, "team-a/web", KEY, MAIN, &more[..1]).await;
    assert_eq!((again.status, &again.body), (202, &response.body), "it is the same delivery");
    assert_eq!(scene.kept().await.len(), 1);
    let series = "deliveries_received_total{provider=\"listener\",event=\"request\",answer=\"accepted\"}";
    assert_eq!(scene.metric(series), "2");
    assert_eq!(scene.metric("eventlistener_event_received_total{status=\"succeeded\"}"), "2");
}

#[tokio::test]
async fn an_event_that_starts_nothing_is_settled_at_once() {
    let scene = Scene::new().await;
    for _ in 0..2 {
        let response = signed(&scene, "team-a/web", KEY, DEV, &[("Webhook-Id", "1")]).await;
        assert_eq!(response.status, 202, "{}", response.body);
    }
    let kept = scene.kept().await;
    let [record] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!(record.state, State::Settled);
    let outcomes: Vec<_> = record.decisions.iter().map(|decision| &decision.outcome).collect();
    assert!(matches!(outcomes.as_slice(), [OutcomeRecord::Skipped { .. }]), "{outcomes:?}");
    let series = "deliveries_received_total{provider=\"listener\",event=\"request\",answer=\"duplicate\"}";
    assert_eq!(scene.metric(series), "1");
}

#[tokio::test]
async fn equal_requests_without_an_id_are_events_of_their_own() {
    let scene = Scene::new().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(scene.post("team-a/open", &[], MAIN).await.json()["eventID"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(scene.kept().await.len(), 2);
}

#[tokio::test]
async fn a_sender_that_no_key_verifies_is_rejected_and_nothing_is_kept() {
    let scene = Scene::new().await;
    let forged = signed(&scene, "team-a/web", "another key", MAIN, &[]).await;
    assert_eq!((forged.status, forged.json()["status"].as_str()), (401, Some("unauthorized")));
    let reads = scene.reads();
    let unsigned = scene.post("team-a/web", &[("X-GitHub-Event", "push")], DEV).await;
    assert_eq!(unsigned.status, 401);
    assert_eq!(scene.reads(), reads, "without a signature no Secret is read");
    let keyless = signed(&scene, "team-a/keyless", KEY, MAIN, &[]).await;
    assert_eq!(keyless.status, 401);
    let mut rejections = scene.rejections(3).await;
    rejections.sort_by(|one, other| one.path.cmp(&other.path).then(one.tried.len().cmp(&other.tried.len())));
    let found = |index: usize| {
        let rejection = &rejections[index];
        let tried = rejection.tried.iter().map(|tried| (tried.secret.to_string(), tried.finding.clone()));
        (rejection.path.as_str(), rejection.event.as_str(), tried.collect::<Vec<_>>())
    };
    let finding = |secret: &str, finding: &str| vec![(secret.to_owned(), finding.to_owned())];
    assert_eq!(
        found(0),
        (
            "/listeners/team-a/keyless",
            "push",
            finding("team-a/absent", "the Secret team-a/absent does not exist")
        )
    );
    assert_eq!(found(1), ("/listeners/team-a/web", "push", Vec::new()));
    assert_eq!(
        found(2),
        ("/listeners/team-a/web", "push", finding("team-a/hook", "its key does not verify the signature"))
    );
    assert_eq!(scene.kept().await.len(), 0);
    assert_eq!(scene.metric("deliveries_rejected_total{reason=\"not-verified\"}"), "1");
    assert_eq!(scene.metric("eventlistener_event_received_total{status=\"failed\"}"), "3");
}

#[tokio::test]
async fn a_sender_whose_secret_cannot_be_read_is_asked_to_come_again() {
    let scene = Scene::new().await;
    scene.secrets_fail(true);
    let response = signed(&scene, "team-a/web", KEY, MAIN, &[]).await;
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    assert_eq!(scene.kept().await.len(), 0);
    scene.secrets_fail(false);
    assert_eq!(signed(&scene, "team-a/web", KEY, MAIN, &[]).await.status, 202);
}

#[tokio::test]
async fn only_listeners_that_exist_answer() {
    let scene = Scene::new().await;
    let unknown = scene.post("team-a/other", &[], MAIN).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json()["message"], "there is no such listener");
    assert_eq!(scene.post("team-a/Other", &[], MAIN).await.status, 404);
    let elsewhere = scene.send("POST /elsewhere", &[], MAIN).await;
    let message = elsewhere.json()["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("at /hooks/github, /listeners/<namespace>/<name>"), "{message}");
    assert_eq!(scene.rejections(1).await[0].reason, "there is no EventListener team-a/other");
    let early = Scene::not_synced().await;
    let response = early.post("team-a/web", &[], MAIN).await;
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
}

#[tokio::test]
async fn requests_reach_a_listener_by_the_name_of_its_service() {
    let scene = Scene::new().await;
    for (host, target) in [
        ("el-open.team-a", "/ci"),
        ("el-open.team-a.svc:8080", "/listeners/team-a/web"),
        ("EL-open.team-a.svc.cluster.local", "/hooks/other?a"),
    ] {
        let response = scene.send(&format!("POST {target}"), &[("Host", host)], MAIN).await;
        assert_eq!(
            (response.status, response.json()["eventListener"].as_str()),
            (202, Some("open")),
            "{host}"
        );
        let kept = scene.kept().await;
        let url = kept.first().and_then(|record| record.delivery.headers.first());
        assert_eq!(url, Some(&(":path".to_owned(), target.to_owned())), "{host}");
    }
    let hook = scene.send("POST /hooks/github", &[("Host", "el-open.team-a")], MAIN).await;
    assert_ne!(hook.status, 202, "the path of a provider is the provider's");
    let absolute = scene.send("POST http://el-open.team-b/x", &[], MAIN).await;
    assert_eq!(absolute.json()["namespace"], "team-b");
    assert_eq!(scene.send("POST /x", &[("Host", "el-other.team-a")], MAIN).await.status, 404);
}

#[tokio::test]
async fn probes_unclean_paths_and_payloads_are_answered_without_keeping_anything() {
    let scene = Scene::new().await;
    let probe = scene.send("GET /listeners/team-a/web/live", &[], "").await;
    assert_eq!((probe.status, probe.body.as_str()), (200, "ok"));
    let unclean = scene.post("team-a/web//ci/../x?a=b", &[], MAIN).await;
    assert_eq!((unclean.status, unclean.body.as_str()), (307, ""));
    assert_eq!(unclean.header("location"), Some("/listeners/team-a/web/x?a=b"));
    let payload = scene.post("team-a/web", &[], "[]").await;
    assert_eq!((payload.status, payload.json()["eventListener"].as_str()), (400, Some("web")));
    let message = payload.json()["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Invalid event body format : "), "{message}");
    assert_eq!(scene.rejections(1).await[0].answer, "malformed");
    assert_eq!((scene.kept().await.len(), scene.reads()), (0, 0));
    assert_eq!(scene.metric("eventlistener_event_received_total{status=\"failed\"}"), "1", "the payload");
}

#[tokio::test]
async fn every_method_brings_an_event_and_head_gets_no_body() {
    let scene = Scene::new().await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let response = scene.send(&format!("{method} /listeners/team-a/open/x"), &[], MAIN).await;
        assert_eq!(response.status, 202, "{method}");
    }
    let posted = scene.post("team-a/open", &[], MAIN).await;
    let head = scene.send("HEAD /listeners/team-a/open/x", &[], MAIN).await;
    assert_eq!((head.status, head.body.as_str()), (202, ""));
    assert_eq!(head.header("content-length"), Some(posted.body.len().to_string().as_str()));
    assert_eq!(scene.kept().await.len(), 8);
    let refused = scene.send("HEAD /listeners/team-a/other", &[], "").await;
    assert_eq!((refused.status, refused.body.as_str()), (404, ""));
}

#[tokio::test]
async fn headers_are_kept_as_text_and_a_cloud_event_is_answered_by_one() {
    let scene = Scene::new().await;
    let mut request =
        b"POST /listeners/team-a/open HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-odd: a\xff\xfeb\r\n"
            .to_vec();
    request.extend_from_slice(b"ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /shop\r\nce-type: sold\r\n");
    request.extend_from_slice(format!("content-length: {}\r\n\r\n{MAIN}", MAIN.len()).as_bytes());
    let response = scene.send_bytes(&request).await;
    assert_eq!((response.status, response.header("ce-source")), (202, Some("open")));
    let kept = scene.kept().await;
    let delivery = &kept[0].delivery;
    assert_eq!(response.header("ce-id"), Some(event_id(&delivery.id, Ordinal::FIRST).as_str()));
    assert_eq!((delivery.event.as_str(), delivery.provider_id.as_deref()), ("sold", Some("/shop 1")));
    assert!(delivery.headers.contains(&("x-odd".to_owned(), "a\u{fffd}\u{fffd}b".to_owned())));
}

#[tokio::test]
async fn bodies_have_the_bound_of_all_deliveries() {
    let settings = IngestSettings { largest_body: 1024, ..IngestSettings::default() };
    let scene = Scene::with(settings).await;
    let body = |length: usize| format!("{{\"ref\":\"{}\"}}", "a".repeat(length - 10));
    assert_eq!(scene.post("team-a/open", &[], &body(1024)).await.status, 202);
    assert_eq!(scene.post("team-a/open", &[], &body(1025)).await.status, 413);
}

#[tokio::test]
async fn the_hook_of_an_organization_is_verified_for_repositories_without_a_trigger() {
    let settings = IngestSettings { open_listener_budget: 0, ..IngestSettings::default() };
    let scene = Scene::with(settings).await;
    for (repository, state) in [("acme/r-7", State::Pending), ("acme/none", State::Settled)] {
        let body = json!({"repository": {"full_name": repository}}).to_string();
        assert_eq!(signed(&scene, "team-a/organization", KEY, &body, &[]).await.status, 202, "{repository}");
        let kept = scene.kept().await;
        assert_eq!((kept[0].state, &kept[0].delivery.body[..]), (state, body.as_bytes()));
        let forged = signed(&scene, "team-a/organization", "another key", &body, &[]).await;
        assert_eq!(forged.status, 401, "{repository}");
    }
    assert_eq!(scene.metric("open_requests_not_kept_total"), "0");
    assert_eq!(scene.kept().await.len(), 2);
}

#[tokio::test]
async fn strangers_cannot_fill_the_disk_through_an_open_listener() {
    let settings = IngestSettings { open_listener_budget: 16 * 1024, ..IngestSettings::default() };
    let scene = Scene::with(settings).await;
    for _ in 0..4 {
        assert_eq!(scene.post("team-a/open", &[], MAIN).await.status, 202);
    }
    let beyond = scene.post("team-a/open", &[], MAIN).await;
    assert_eq!(
        (beyond.status, beyond.header("retry-after")),
        (503, Some("5")),
        "it would have started something"
    );
    let nothing = scene.post("team-a/open", &[], DEV).await;
    assert_eq!(nothing.status, 202, "it would have started nothing");
    assert_eq!(scene.kept().await.len(), 4);
    assert_eq!(scene.metric("open_requests_not_kept_total"), "1");
    assert_eq!(scene.metric("deliveries_rejected_total{reason=\"open-budget\"}"), "1");
    assert_eq!(signed(&scene, "team-a/web", KEY, MAIN, &[]).await.status, 202, "a key verifies it");
    assert_eq!(scene.post("team-b/open", &[], MAIN).await.status, 202, "another namespace has its own share");
    assert_eq!(scene.kept().await.len(), 6);
}

#[tokio::test]
async fn what_is_settled_or_refused_at_once_is_announced_at_once() {
    let scene = Scene::new().await;
    signed(&scene, "team-a/web", KEY, MAIN, &[]).await;
    assert!(scene.cloud_events().await.is_empty(), "the dispatcher announces an event that fires");
    for _ in 0..2 {
        signed(&scene, "team-a/web", KEY, DEV, &[("Webhook-Id", "1")]).await;
    }
    let record = scene.kept().await.into_iter().find(|record| record.state == State::Settled).unwrap();
    let event_id = event_id(&record.delivery.id, Ordinal::FIRST);
    let mut told = scene.cloud_events().await;
    told.sort();
    assert_eq!(told, [("done".to_owned(), event_id.clone()), ("started".to_owned(), event_id)]);

    for _ in 0..2 {
        let response = signed(&scene, "team-a/web", "another key", "[]", &[("Webhook-Id", "2")]).await;
        assert_eq!(response.status, 400, "{}", response.body);
    }
    let refused = scene.cloud_events().await.split_off(2);
    assert!(refused.iter().all(|(kind, _)| kind == "failed"), "{refused:?}");
    assert_eq!(refused[0], refused[1], "it is the same event");
}
