//! Builds that change, and a cluster that is not ready.

use reqwest::StatusCode;
use serde_json::json;

use crate::elsewhere::skipped;
use crate::roles;
use crate::world::{KEY, World, decisions, for_every_provider, rule, usual_rules};

for_every_provider!(an_edited_or_deleted_build_takes_effect);
async fn an_edited_or_deleted_build_takes_effect() {
    let world = World::new().await;
    world.build("team-a", "web", json!([rule("push", &["Push"], &["main"])])).await;
    world.deliver(&world.push_main()).await;

    let to_dev = json!({"spec": {"trigger": {"when": [rule("push", &["Push"], &["dev"])]}}});
    world.patch_build("team-a", "web", to_dev).await;
    let mut commit = 0;
    world
        .until("a push to main no longer fires", || {
            commit += 1;
            let push = world.push("refs/heads/main", &format!("{commit:040x}"));
            let world = &world;
            async move {
                let record = world.deliver(&push).await;
                (decisions(&record) == ["web/push: branch-not-listed"]).then_some(())
            }
        })
        .await;

    world.delete_build("team-a", "web").await;
    world
        .until("no rule is about the repository", || {
            commit += 1;
            let push = world.push("refs/heads/main", &format!("{commit:040x}"));
            let world = &world;
            async move { (world.send(&push).await.status == world.unused()).then_some(()) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_in_before_every_build_has_been_seen() {
    if skipped("definitions are installed while it runs") {
        return;
    }
    let world = World::on(roles::builder().start().await.unwrap(), |_| {}).await;
    let readyz = || async {
        let url = format!("http://{}/readyz", world.program.admin);
        let answer = world.http.get(url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    world
        .until("the missing definition is named", || async {
            let (status, reason) = readyz().await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            reason.contains("builds.shipwright.io is not installed").then_some(())
        })
        .await;
    assert_eq!(world.send(&world.push_main()).await.status, StatusCode::SERVICE_UNAVAILABLE);

    let dev = world.dev_only("it was checked before").unwrap();
    for definition in trigger_api::crds::all().unwrap() {
        dev.store().apply(definition).await.unwrap();
    }
    world.until("it is ready without a restart", || async { (readyz().await.0 == 200).then_some(()) }).await;
    world.hook_secret("team-a", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(an_api_server_that_goes_away_loses_nothing);
async fn an_api_server_that_goes_away_loses_nothing() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
    world.build("team-a", "web", usual_rules()).await;
    dev.faults().add(trigger_devcluster::Fault::refuse(503).on("create", "buildruns").times(2));
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));

    dev.stop().await;
    let push = world.push("refs/heads/main", &"e".repeat(40));
    let answer = world.send(&push).await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "it cannot be verified, so it is not accepted"
    );
    dev.start_again().await.unwrap();
    world
        .until("the delivery is accepted again", || async {
            let answer = world.send(&push).await;
            (answer.status == StatusCode::ACCEPTED).then(|| answer.delivery())
        })
        .await;
    world.until("it has its run", || async { (world.run_counts().await == (2, 0)).then_some(()) }).await;
}

for_every_provider!(a_run_of_a_kind_that_is_not_installed_waits_and_is_told_on_its_build);
async fn a_run_of_a_kind_that_is_not_installed_waits_and_is_told_on_its_build() {
    let is_of_runs = |definition: &serde_json::Value| definition["spec"]["names"]["kind"] == "BuildRun";
    let (of_runs, others): (Vec<_>, Vec<_>) =
        trigger_api::crds::all().unwrap().into_iter().partition(is_of_runs);
    let world = World::on(crate::roles::builder().crds(others).start().await.unwrap(), |_| {}).await;
    let Some(dev) = world.dev_only("definitions are installed while it runs") else { return };
    world.program.ready().await;
    world.hook_secret("team-a", crate::world::KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    let accepted = world.send(&world.push_main()).await;
    let remedy = "the API server does not serve this kind; install its CustomResourceDefinition";
    let notes = world.events("team-a", "web", "BuildRunDelayed").await;
    assert!(notes[0].ends_with(remedy), "{notes:?}");

    for definition in of_runs {
        dev.store().apply(definition).await.unwrap();
    }
    let record = world.settled(&accepted.delivery()).await;
    assert_eq!((record.state, record.launches.len()), (trigger_journal::State::Settled, 1));
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(a_run_that_the_cluster_refuses_is_told_on_its_build);
async fn a_run_that_the_cluster_refuses_is_told_on_its_build() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
    world.build("team-a", "web", usual_rules()).await;
    let refusal = "exceeded quota: builds";
    dev.faults().add(trigger_devcluster::Fault::deny_admission("buildruns", 403, refusal).times(1));
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(record.state, trigger_journal::State::Failed);
    assert!(record.error.as_deref().is_some_and(|fault| fault.contains(refusal)), "{:?}", record.error);
    let notes = world.events("team-a", "web", "BuildRunRefused").await;
    assert!(notes[0].contains(refusal), "{notes:?}");

    // What failed is worked on again when it is sent again.
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}
