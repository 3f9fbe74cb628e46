//! The answers of a listener to its senders, and the requests that are kept.

use serde_json::json;

use super::scene::{PUSH, github, hub_signature, trigger, world};
use crate::world::{KEY, decisions};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_not_kept_and_not_told_why() {
    let world = world().await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    let wrong = hub_signature("wrong", PUSH);
    for headers in [
        &[("x-github-event", "push")][..],
        &[("x-github-event", "push"), ("x-hub-signature-256", &wrong)],
        &[("x-github-event", "push"), ("x-hub-signature-256", "sha256=")],
    ] {
        let told = world.ask_listener("web", headers, PUSH).await;
        assert_eq!(told.status, 401, "{told:?}");
        assert!(!told.body.contains("github") && !told.body.contains(KEY), "{told:?}");
    }
    let stats = world.program.journal.stats().await.unwrap();
    assert_eq!((stats.pending, stats.claimed), (0, 0));
    assert_eq!(world.created("team-a").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_and_path_below_a_listener_is_an_event_and_probes_are_none() {
    let world = world().await;
    let cel = super::scene::cel("requestURL == '/deep/path?a=b'");
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[cel])]})).await;
    let base = world.listener_url("team-a", "web");
    let told = world.ask_at(&format!("{base}/deep/path?a=b"), &[], "{}").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(decisions(&record), ["web/main: fired"]);
    let put = world.http.put(format!("{base}/other")).body("{}").send().await.unwrap();
    assert_eq!(put.status(), 202);
    let live = world.http.get(format!("{base}/live")).send().await.unwrap();
    assert_eq!((live.status().as_u16(), live.text().await.unwrap()), (200, "ok".to_owned()));
    let told = world.ask_listener("web", &[], "[]").await;
    assert_eq!(told.status, 400, "{told:?}");
    assert!(
        told.json()["errorMessage"].as_str().unwrap().starts_with("Invalid event body format"),
        "{told:?}"
    );
    for absent in ["none", "a%2Fb", "UPPER", "web%00"] {
        let told = world.ask_listener(absent, &[], "{}").await;
        assert_eq!(told.status, 404, "{absent}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_found_by_the_host_that_tekton_gives_it() {
    let world = world().await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    let namespace = world.namespace("team-a");
    let signature = hub_signature(KEY, PUSH);
    let root = format!("http://{}/", world.program.hooks);
    for (id, host) in
        [("1", format!("el-web.{namespace}.svc.cluster.local")), ("2", format!("el-web.{namespace}:8080"))]
    {
        let headers = [
            ("host", host.as_str()),
            ("x-github-event", "push"),
            ("x-github-delivery", id),
            ("x-hub-signature-256", &signature),
        ];
        let told = world.ask_at(&root, &headers, PUSH).await;
        let record = world.settled_at_listener(&told).await;
        assert_eq!(decisions(&record), ["web/main: fired"], "{host}");
    }
    let told = world.ask_at(&root, &[("host", "el-none.elsewhere.svc")], "{}").await;
    assert_eq!(told.status, 404, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_trigger_waits_for_is_kept_with_its_reason() {
    let world = world().await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    let told = world.ask_listener("web", &[("x-github-event", "star")], "{}").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(record.attempts, 1, "it is settled as it is stored");
    assert_eq!(world.created("team-a").await.len(), 0);
}
