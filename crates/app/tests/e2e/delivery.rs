//! Scenario 2: the same delivery again and again.

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use trigger_journal::{DecisionRecord, OutcomeRecord, State};

use crate::world::{Answer, KEY, SHA, World, usual_rules};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_comes_often_runs_once() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.push_main();

    let answers = join_all((0..5).map(|_| world.send(&push))).await;
    let ids: Vec<_> = answers.iter().map(Answer::delivery).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    world.settled(&ids[0]).await;
    assert_eq!(world.run_counts().await, (1, 0));

    let again = world.send(&push).await;
    assert_eq!((again.status, again.delivery()), (StatusCode::OK, ids[0].clone()));
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_starts_nothing_is_settled_when_it_is_answered() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.push("refs/heads/elsewhere", SHA);
    let answer = world.send(&push).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    // Without waiting: nobody has to take it up.
    let record = world.program.journal.find(&answer.delivery()).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempts, record.launches.len()), (State::Settled, 1, 0));
    assert_eq!(record.delivery.body, world.compose(&push).body);
    let skipped = |decision: &DecisionRecord| matches!(&decision.outcome, OutcomeRecord::Skipped { .. });
    assert!(!record.decisions.is_empty() && record.decisions.iter().all(skipped), "{:?}", record.decisions);
    assert_eq!(world.send(&push).await.status, StatusCode::OK, "it is known and settled");
    let metrics = world.http.get(format!("{}/metrics", world.admin_url())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("delivery_attempts_total{outcome=\"settled\"} 1"), "{metrics}");
    assert!(metrics.contains("decisions_total{outcome=\"branch-not-listed\"} 1"), "{metrics}");

    // What starts something is decided by who starts it, after it is kept.
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_body_under_a_fresh_id_runs_nothing() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.push_main();
    world.deliver(&push).await;

    let body = world.compose(&push).body;
    let headers = world.sign("push", "00000000-0000-0000-0000-000000000000", &body, Some(KEY));
    assert_eq!(world.post_with(headers, &body).await.status, StatusCode::OK);
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_push_of_the_same_commit_is_another_delivery() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;

    let mut payload: Value = serde_json::from_slice(&world.compose(&world.push_main()).body).unwrap();
    payload["before"] = "fedcba9876543210fedcba9876543210fedcba98".into();
    let answer = world.post("push", payload.to_string().as_bytes(), Some(KEY)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    world.settled(&answer.delivery()).await;
    assert_eq!(world.run_counts().await, (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_encoded_delivery_is_understood() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let json = String::from_utf8(world.compose(&world.push_main()).body).unwrap();
    let body = reqwest::Url::parse_with_params("http://x", [("payload", json)]).unwrap();
    let body = body.query().unwrap().as_bytes().to_vec();
    let mut headers = world.sign("push", "id", &body, Some(KEY));
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let answer = world.post_with(headers, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    world.settled(&answer.delivery()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}
