//! The door of the admin API: who is let in, and what everybody may know.

use reqwest::{Method, StatusCode};
use serde_json::json;
use shipwright_trigger::{AdminAuth, Program, ProgramOptions};
use trigger_devcluster::Fault;
use trigger_journal::Address;

use crate::admin::UNKNOWN;
use crate::roles;
use crate::world::{World, usual_rules};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_found_out_by_writing() {
    let world = World::new().await;
    let url = format!("{}/readyz", world.admin_url());
    let ready = || async {
        let answer = world.http.get(&url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(ready().await, (StatusCode::OK, "ok\n".to_owned()));
    world.program.journal.close().await;
    let (_, reason) = world
        .until("it is no longer ready", || async {
            let (status, reason) = ready().await;
            (status == StatusCode::SERVICE_UNAVAILABLE).then_some((status, reason))
        })
        .await;
    assert!(reason.starts_with("not ready: the journal is unavailable"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anybody_at_the_door_everybody_may() {
    let world = World::with(|options| options.access.admin_auth = AdminAuth::None).await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let told = world.order("", &format!("/deliveries/{id}/replay"), json!({"request": "r"})).await;
    assert_eq!(told.status, StatusCode::ACCEPTED);
    let replay = told.body["result"]["delivery"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.settled(&replay).await.delivery.replay.unwrap().by, "anonymous");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_does_not_start_open_to_everybody() {
    let dev = roles::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
    let connection = trigger_cluster::connect(Some(&roles::kubeconfig(&dev).await)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = ProgramOptions::on_loopback(Address::Sqlite(folder.path().join("journal.db")));
    options.access.admin_auth = AdminAuth::None;
    options.admin_listen = "0.0.0.0:0".parse().unwrap();
    let refused = Program::start(&connection, &options).await.err().unwrap().to_string();
    assert!(refused.contains("anyone who can reach 0.0.0.0:0 could read and replay"), "{refused}");
    assert!(!folder.path().join("journal.db").exists(), "nothing was begun");
    options.access.allow_open_admin = true;
    Program::start(&connection, &options).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_is_asked_once_and_its_refusal_is_explained() {
    let world = World::with_users().await;
    let Some(dev) = world.dev_only("its requests are counted, and it misbehaves on order") else { return };
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    dev.requests().reset();
    for _ in 0..5 {
        assert_eq!(world.ask("reader-a", &format!("/deliveries/{id}")).await.status, StatusCode::OK);
    }
    // `ask` reads the description as the administrator before.
    assert_eq!(dev.requests().count("create", "tokenreviews.authentication.k8s.io"), 2);
    assert_eq!(
        dev.requests().count("create", "subjectaccessreviews.authorization.k8s.io"),
        2,
        "everywhere? in team-a?"
    );

    dev.faults().add(Fault::refuse(403).on("create", "subjectaccessreviews"));
    let told = world.ask("reader-b", "/deliveries").await;
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.body["detail"].as_str().unwrap().contains("system:auth-delegator"), "{told:?}");
    dev.faults().set(vec![Fault::refuse(500).on("create", "tokenreviews")]);
    let told = world.ask("nobody", "/deliveries").await;
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!told.body.to_string().contains(&world.token("nobody")), "{told:?}");
    dev.faults().clear();
    assert_eq!(world.ask("nobody", "/deliveries").await.status, StatusCode::OK, "it recovers by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_answers() {
    let world = World::with_users().await;
    let document = world.ask("nobody", "/openapi.json").await.body;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        let path = path.strip_prefix("/api/v1").unwrap().replace("{id}", UNKNOWN);
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let told = world.tell("", method, &path, None).await;
            assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{path} is not open to strangers");
        }
    }
    assert_eq!(paths.len(), 12);
}
