//! A delivery that started nothing is decided again when its provider sends it again, if the operator wants that.

use std::sync::Arc;

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use shipwright_trigger::{DecideAgain, ProgramOptions};
use trigger_core::ObjectKey;
use trigger_providers::Sample;
use trigger_targets::build_run::BUILD;

use crate::postgres;
use crate::world::{World, decisions, for_every_provider, rule};

fn nothing_started(options: &mut ProgramOptions) {
    options.decide_again = DecideAgain::NothingStarted;
}

/// A Build whose rule names the wrong branch, and a push to the right one that starts nothing.
async fn mistaken(world: &World) -> Sample {
    world.build("team-a", "web", json!([rule("push", &["Push"], &["release"])])).await;
    let push = world.push_main();
    assert_eq!(decisions(&world.deliver(&push).await), ["web/push: branch-not-listed"]);
    push
}

async fn mend(world: &World, branch: &str) {
    let when = json!([rule("push", &["Push"], &[branch])]);
    world.edit_build("team-a", "web", json!({"spec": {"trigger": {"when": when}}})).await;
}

for_every_provider!(a_redelivery_after_a_fix_starts_the_run_once);
async fn a_redelivery_after_a_fix_starts_the_run_once() {
    let world = World::with(nothing_started).await;
    let push = mistaken(&world).await;
    let id = world.send(&push).await;
    assert_eq!(id.status, StatusCode::ACCEPTED, "decided again: {id:?}");
    let record = world.settled(&id.delivery()).await;
    assert_eq!((record.attempts, decisions(&record)), (2, vec!["web/push: branch-not-listed".to_owned()]));

    mend(&world, "main").await;
    let answers = join_all((0..6).map(|_| world.send(&push))).await;
    assert!(answers.iter().all(|answer| answer.delivery() == id.delivery()), "{answers:?}");
    assert!(answers.iter().any(|answer| answer.status == StatusCode::ACCEPTED), "{answers:?}");
    let record = world.settled(&id.delivery()).await;
    assert_eq!(record.launches.len(), 1, "{record:?}");
    assert_eq!(world.settled_run_counts().await, (1, 0));

    let again = world.send(&push).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(again.body.contains("nothing runs twice"), "{again:?}");
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

for_every_provider!(without_the_option_a_fix_needs_a_replay);
async fn without_the_option_a_fix_needs_a_replay() {
    let world = World::new().await;
    let push = mistaken(&world).await;
    mend(&world, "main").await;
    let again = world.send(&push).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(again.body.contains("started nothing: replay it"), "{again:?}");
    assert_eq!(world.settled_run_counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_get_the_redelivery_at_once_decide_it_once() {
    let test = "two_replicas_that_get_the_redelivery_at_once_decide_it_once";
    let Some(journal) = postgres::database(test) else { return };
    let world = World::with(|options| {
        nothing_started(options);
        options.journal = journal.parse().unwrap();
    })
    .await;
    let push = mistaken(&world).await;
    let other = world.replica().await;
    let build = BUILD.named(ObjectKey::new(world.namespace("team-a"), "web"));
    let known = || other.inventory.current().and_then(|rules| rules.owner(&build).cloned());
    let before = known().unwrap();
    mend(&world, "main").await;
    world
        .until("the replica knows the edit", || async {
            known().filter(|now| !Arc::ptr_eq(now, &before)).map(drop)
        })
        .await;

    let request = world.compose(&push);
    let headers = world.sign(request.event, "again", &request.body, Some(crate::world::KEY));
    let urls = [world.program.hooks, other.hooks].map(|hooks| format!("http://{hooks}{}", world.hook_path()));
    let sent = (0..10).map(|place| world.post_to(&urls[place % 2], headers.clone(), &request.body));
    let answers = join_all(sent).await;
    let id = answers[0].delivery();
    assert!(answers.iter().all(|answer| answer.delivery() == id), "{answers:?}");
    let record = world.settled(&id).await;
    assert_eq!((record.attempts, record.launches.len()), (2, 1), "{record:?}");
    assert_eq!(world.settled_run_counts().await, (1, 0));
}
