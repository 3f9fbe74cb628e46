//! Fault injection and the request log.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigger_devcluster::Fault;

use crate::scene::{BUILDS, MAPS, Scene, build, config_map, eventually};

#[tokio::test]
async fn the_next_requests_fail_and_then_it_works() {
    let scene = Scene::new().await;
    scene.cluster.faults().add(Fault::refuse(429).on("create", "builds").times(2));
    for _ in 0..2 {
        let answer = scene.post(BUILDS, &build("web")).await;
        assert_eq!(answer.headers["retry-after"], "1");
        let refused = answer.expect(429);
        assert_eq!(refused["reason"], "TooManyRequests");
        assert_eq!(refused["details"]["retryAfterSeconds"], 1);
    }
    scene.get(BUILDS).await.expect(200);
    scene.made(BUILDS, &build("web")).await;
}

#[tokio::test]
async fn every_status_has_its_reason() {
    let scene = Scene::new().await;
    for (status, reason) in
        [(500, "InternalError"), (503, "ServiceUnavailable"), (504, "Timeout"), (403, "Forbidden")]
    {
        scene.cluster.faults().set(vec![Fault::refuse(status)]);
        assert_eq!(scene.get(MAPS).await.expect(status)["reason"], reason);
    }
    scene.cluster.faults().clear();
    scene.get(MAPS).await.expect(200);
}

#[tokio::test]
async fn a_rate_affects_some_requests() {
    let scene = Scene::new().await;
    scene.cluster.faults().add(Fault::refuse(500).at_rate(0.5));
    let mut refused = 0;
    for _ in 0..100 {
        refused += u32::from(scene.get(MAPS).await.status == 500);
    }
    assert!((10..=90).contains(&refused), "{refused} of 100 with a rate of a half");
}

#[tokio::test]
async fn a_delay_adds_latency() {
    let scene = Scene::new().await;
    scene.cluster.faults().add(Fault::delay(Duration::from_millis(200)).on("list", "configmaps"));
    let begun = Instant::now();
    scene.get(MAPS).await.expect(200);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn admission_refuses_creations_only() {
    let scene = Scene::new().await;
    scene.made(BUILDS, &build("old")).await;
    scene.cluster.faults().add(Fault::deny_admission("builds.shipwright.io", 403, "no more builds"));
    let refused = scene.post(BUILDS, &build("new")).await.expect(403);
    assert_eq!(refused["message"], "admission webhook \"devcluster\" denied the request: no more builds");
    scene.merge(&format!("{BUILDS}/old"), &json!({"metadata": {"labels": {"a": "b"}}})).await.expect(200);
}

#[tokio::test]
async fn faults_can_be_set_over_http() {
    let scene = Scene::new().await;
    let wanted =
        json!({"rules": [{"verbs": ["get"], "resources": ["configmaps"], "status": 503, "remaining": 1}]});
    let set = scene.put("/devcluster/faults", &wanted).await.expect(200);
    assert_eq!(set["rules"][0]["remaining"], 1);
    scene.get(&format!("{MAPS}/a")).await.expect(503);
    assert_eq!(scene.get("/devcluster/faults").await.expect(200)["rules"][0]["remaining"], 0);
    scene.get(&format!("{MAPS}/a")).await.expect(404);
    scene.put("/devcluster/faults", &json!({"typo": 1})).await.expect(400);
    scene.delete("/devcluster/faults", &Value::Null).await.expect(200);
    assert_eq!(scene.cluster.faults().list(), []);
}

#[tokio::test]
async fn a_stopped_server_refuses_connections_and_restarts_with_its_objects() {
    let scene = Scene::new().await;
    scene.made(MAPS, &config_map("a", &json!({}))).await;
    let mut watch = scene.watch(&format!("{MAPS}?watch=true&resourceVersion=1")).await;
    assert_eq!(watch.step().await.1, "a");
    let address = scene.cluster.url().trim_start_matches("http://").to_owned();
    scene.cluster.stop().await;
    assert!(watch.next().await.is_none());
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
    scene.cluster.start_again().await.unwrap();
    scene.get(&format!("{MAPS}/a")).await.expect(200);
}

#[tokio::test]
async fn an_outage_over_http_ends_by_itself() {
    let scene = Scene::new().await;
    scene.made(MAPS, &config_map("a", &json!({}))).await;
    scene.put("/devcluster/faults", &json!({"outageMs": 100})).await.expect(200);
    let address = scene.cluster.url().trim_start_matches("http://").to_owned();
    let connect = async || tokio::net::TcpStream::connect(&address).await;
    eventually("the outage begins", async || connect().await.is_err().then_some(())).await;
    eventually("the outage ends", async || connect().await.ok()).await;
    scene.get(&format!("{MAPS}/a")).await.expect(200);
}

#[tokio::test]
async fn requests_are_counted_by_verb_and_resource() {
    let scene = Scene::new().await;
    let requests = scene.cluster.requests();
    scene.made(BUILDS, &build("web")).await;
    scene
        .merge(&format!("{BUILDS}/web/status"), &json!({"status": {"registered": "True"}}))
        .await
        .expect(200);
    scene.get("/api/v1/namespaces/default/secrets/hook").await.expect(404);
    let _watch = scene.watch(&format!("{MAPS}?watch=true")).await;
    assert_eq!(requests.count("create", "builds.shipwright.io"), 1);
    assert_eq!(requests.count("patch", "builds.shipwright.io"), 1);
    assert_eq!(requests.count("get", "secrets"), 1);
    assert_eq!(requests.count("list", "secrets") + requests.count("watch", "secrets"), 0);
    assert_eq!(requests.count("watch", "configmaps"), 1);
    let log = requests.log();
    assert_eq!(log[1].kind.subresource, "status");
    assert_eq!((log[2].status, log[2].name.as_str()), (404, "hook"));
    let shown = scene.get("/devcluster/requests").await.expect(200);
    assert_eq!(shown["counts"].as_array().unwrap().len(), 4);
    requests.reset();
    assert!(requests.counts().is_empty() && requests.log().is_empty());
}
