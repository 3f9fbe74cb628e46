//! Several replicas over one PostgreSQL: what all do, what one of them does, and how they come and go.

mod cut;
mod duties;
mod fleet;
mod leading;
mod rolling;

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::StatusCode;
use trigger_journal::State;
use trigger_providers::DeliveryIdentity;
use trigger_testkit::postgres::PostgresServer;

use crate::outages::endure;
use crate::postgres;
use crate::world::{KEY, PROVIDER_ID, World, for_every_provider, usual_rules};

/// A world whose first replica uses an empty database.
async fn world(test: &str, lease: u64) -> Option<World> {
    let journal = postgres::database(test)?;
    let world = World::with(|options| {
        options.journal = journal.parse().unwrap();
        options.work.claim_timeout = lease;
    })
    .await;
    world.build("team-a", "web", usual_rules()).await;
    Some(world)
}

for_every_provider!(one_delivery_sent_fifty_times_at_once_to_two_replicas_runs_once);
async fn one_delivery_sent_fifty_times_at_once_to_two_replicas_runs_once() {
    let Some(world) = world("one_delivery_sent_fifty_times_at_once_to_two_replicas_runs_once", 60).await
    else {
        return;
    };
    let other = world.replica().await;
    let urls = [world.hook_url(), format!("http://{}{}", other.hooks, world.hook_path())];
    let request = world.compose(&world.push_main());
    let answers = join_all((0..50).map(|n| {
        // Where the id proves nothing, under a fresh one each time, as a replayed capture would be.
        let id = match world.provider.delivery_identity() {
            DeliveryIdentity::Body => format!("72d3162e-cc78-11e3-81ab-{n:012}"),
            DeliveryIdentity::BodyAndId => PROVIDER_ID.to_owned(),
        };
        let headers = world.sign(request.event, &id, &request.body, Some(KEY));
        world.post_to(&urls[n % 2], headers, &request.body)
    }))
    .await;
    for answer in &answers {
        assert!(matches!(answer.status, StatusCode::ACCEPTED | StatusCode::OK), "{answer:?}");
        assert_eq!(answer.delivery(), answers[0].delivery());
    }
    let record = world.settled(&answers[0].delivery()).await;
    assert_eq!((record.state, record.launches.len()), (State::Settled, 1));
    assert_eq!(world.run_counts().await, (1, 0));
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_is_told_and_waited_for() {
    let test = "a_database_that_crashes_is_told_and_waited_for";
    // A server of its own: the others' tests go on.
    if postgres::database(test).is_none() {
        return;
    }
    let server = PostgresServer::start().unwrap();
    server.create_database("journal").unwrap();
    let world = World::with(|options| {
        options.journal = server.url("journal").parse().unwrap();
        // A claim whose answer the crash has swallowed comes back when its lease has run out.
        options.work.claim_timeout = 5;
    })
    .await;
    world.build("team-a", "web", usual_rules()).await;
    let readyz = || async {
        let url = format!("http://{}/readyz", world.program.admin);
        let answer = world.http.get(url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    endure(&world, || async {
        server.kill().unwrap();
        let asked = Instant::now();
        let request = world.compose(&world.push("refs/heads/main", &"f".repeat(40)));
        let headers = world.sign(request.event, "id", &request.body, Some(KEY));
        let url = world.hook_url();
        let answer = world.http.post(url).headers(headers).body(request.body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        let (status, reason) = readyz().await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reason.contains("PostgreSQL"), "{reason}");
        server.start_again().unwrap();
    })
    .await;
    world.until("it is ready again", || async { (readyz().await.0 == StatusCode::OK).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_replica_drains_it_takes_deliveries_in_and_every_answer_ends_its_connection() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let post = || async {
        let request = world.compose(&world.push_main());
        let headers = world.sign(request.event, "id", &request.body, Some(KEY));
        let sent = world.http.post(world.hook_url()).headers(headers).body(request.body).send();
        let answer = sent.await.unwrap();
        (answer.status(), answer.headers().get("connection").cloned())
    };
    assert_eq!(post().await, (StatusCode::ACCEPTED, None));
    world.program.drain();
    let (status, connection) = post().await;
    assert!(status.is_success(), "{status}");
    assert_eq!(connection.unwrap(), "close");
    let ready = world.http.get(format!("{}/readyz", world.admin_url())).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
}
