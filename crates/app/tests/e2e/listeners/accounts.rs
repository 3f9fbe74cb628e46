//! Service accounts that do not exist, or that the program may not act as.

use serde_json::json;
use trigger_journal::State;

use super::scene::{ACCOUNT, github, rights, trigger, world};
use crate::world::{KEY, decisions};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_exist_holds_up_its_own_trigger_alone() {
    let world = world().await;
    world.listener_of_team_b().await;
    let mut lost = trigger("lost", &[github()]);
    lost["serviceAccountName"] = "absent".into();
    let triggers = [trigger("main", &[github()]), lost];
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let told = world.push_to_listener("web", "1").await;
    let error = world.tried_at_listener(&told).await.error.unwrap();
    let account =
        format!("the service account {}/absent may not create configmaps", world.namespace("team-a"));
    assert!(error.contains(&account) && error.contains("kubectl create role"), "{error}");
    assert_eq!(world.created("team-a").await.len(), 3);
    world.team_b_works("1").await;

    world.service_account("team-a", "absent").await;
    world.grant("team-a", "absent", rights()).await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(record.state, State::Settled, "{record:?}");
    assert_eq!(decisions(&record), ["web/lost: fired", "web/main: fired"]);
    assert_eq!(world.created("team-a").await.len(), 6, "nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_forbids_impersonation_holds_up_its_own_triggers_alone() {
    let world = world().await;
    world.service_account("team-b", ACCOUNT).await;
    world.grant("team-b", ACCOUNT, rights()).await;
    world.secret("team-b", "github", &[("token", KEY)]).await;
    world.central_listener().await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    let told = world.push_to_listener("central", "1").await;
    let error = world.tried_at_listener(&told).await.error.unwrap();
    assert!(error.contains("impersonate"), "{error}");
    assert_eq!((world.created("team-a").await.len(), world.created("team-b").await.len()), (3, 0));
    let record = world.settled_at_listener(&world.push_to_listener("web", "2").await).await;
    assert_eq!(decisions(&record), ["web/main: fired"]);

    world.allow_impersonation("team-b").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(decisions(&record), ["central/main: fired", "theirs/theirs: fired"]);
    assert_eq!((world.created("team-a").await.len(), world.created("team-b").await.len()), (6, 3));
}
