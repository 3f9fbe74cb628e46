//! Secrets that cannot be read when an event arrives.

use serde_json::json;
use trigger_journal::State;

use super::scene::{github, trigger, world};
use crate::world::decisions;

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_waits_for_a_secret_that_cannot_be_read_and_others_do_not() {
    let world = world().await;
    world.listener_of_team_b().await;
    world.central_listener().await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    world.forbid_secrets("team-b").await;
    let alone = world.listener_url("team-b", "other");
    let refused = world.push_at(&alone, "1").await;
    assert_eq!(refused.status, 503, "nothing verifies it: {refused:?}");
    assert_eq!(refused.headers.get("retry-after").unwrap(), "5");

    let told = world.push_to_listener("central", "1").await;
    let record = world.tried_at_listener(&told).await;
    let found = decisions(&record);
    assert!(found.contains(&"central/main: fired".to_owned()), "{found:?}");
    assert_eq!(found.iter().filter(|decision| decision.ends_with(": waits")).count(), 1, "{found:?}");
    let error = record.error.unwrap();
    assert!(error.contains("reading the Secret") && error.contains("/github is forbidden"), "{error}");
    assert_eq!((world.created("team-a").await.len(), world.created("team-b").await.len()), (3, 0));
    let record = world.settled_at_listener(&world.push_to_listener("web", "2").await).await;
    assert_eq!(decisions(&record), ["web/main: fired"]);

    world.allow_secrets("team-b").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(record.state, State::Settled, "{record:?}");
    assert_eq!(decisions(&record), ["central/main: fired", "theirs/theirs: fired"]);
    assert_eq!((world.created("team-a").await.len(), world.created("team-b").await.len()), (6, 3));
    world.team_b_works("1").await;
}
