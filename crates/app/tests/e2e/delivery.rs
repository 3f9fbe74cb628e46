//! Scenario 2: the same delivery again and again.

use futures::future::join_all;
use reqwest::StatusCode;
use trigger_journal::{DecisionRecord, OutcomeRecord, State};
use trigger_providers::{GitHub, Sample};

use crate::world::{
    Answer, KEY, PROVIDER_ID, SHA, SIGNING_KEY, World, for_every_provider, played_by, usual_rules,
};

for_every_provider!(a_delivery_that_comes_often_runs_once);
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
    assert!(again.body.contains("nothing runs twice"), "{again:?}");
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

for_every_provider!(what_starts_nothing_is_settled_when_it_is_answered);
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
    let again = world.send(&push).await;
    assert_eq!(again.status, StatusCode::OK, "it is known and settled");
    let remedy = format!(
        "decided before and started nothing: replay it (`shipwright-trigger deliveries replay {}`)",
        again.delivery()
    );
    assert!(again.body.contains(&remedy), "{again:?}");
    let metrics = world.http.get(format!("{}/metrics", world.admin_url())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("delivery_attempts_total{outcome=\"settled\"} 1"), "{metrics}");
    assert!(metrics.contains("decisions_total{outcome=\"branch-not-listed\"} 1"), "{metrics}");

    // What starts something is decided by who starts it, after it is kept.
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(a_captured_body_under_a_fresh_id_runs_nothing);
async fn a_captured_body_under_a_fresh_id_runs_nothing() {
    let world = World::with_key(SIGNING_KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.push_main();
    let first = world.send_signed(&push, SIGNING_KEY).await;
    world.settled(&first.delivery()).await;

    // Not the parts that prove it: those are what was captured.
    let push = world.compose(&push);
    let mut headers = world.sign(push.event, PROVIDER_ID, &push.body, Some(SIGNING_KEY));
    headers.extend(world.sign(push.event, "00000000-0000-0000-0000-000000000000", &push.body, None));
    assert_eq!(world.post_with(headers, &push.body).await.status, StatusCode::OK);
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

for_every_provider!(another_push_of_the_same_commit_is_another_delivery);
async fn another_push_of_the_same_commit_is_another_delivery() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;

    let again = Sample { sender: "grace".to_owned(), ..world.push_main() };
    world.deliver(&again).await;
    assert_eq!(world.run_counts().await, (2, 0));
}

/// Of GitHub: it signs the form, and not the JSON in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_encoded_delivery_is_understood() {
    let world = played_by(&GitHub, World::new()).await;
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
