//! From a request to the objects of a template.

use serde_json::json;
use trigger_journal::{OutcomeRecord, State};

use super::scene::{ACCOUNT, cel, config_map, github, three_objects, trigger, world};
use crate::world::decisions;

#[tokio::test(flavor = "multi_thread")]
async fn a_push_creates_the_objects_of_its_trigger_once() {
    let world = world().await;
    let triggers = [
        trigger("main", &[github(), cel("body.ref == 'refs/heads/main'")]),
        trigger("tags", &[github(), cel("body.ref.startsWith('refs/tags/')")]),
    ];
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let told = world.push_to_listener("web", "1").await;
    let (namespace, body) = (world.namespace("team-a"), told.json());
    assert_eq!((&body["eventListener"], &body["namespace"]), (&json!("web"), &json!(namespace)));
    let record = world.settled_at_listener(&told).await;
    assert_eq!(record.state, State::Settled, "{record:?}");
    assert_eq!(decisions(&record), ["web/main: fired", "web/tags: interceptor-stopped"]);
    let operands = &record.decisions[1].checks;
    assert!(operands.iter().any(|check| check.found.contains("body.ref is")), "{operands:?}");

    let created = world.created("team-a").await;
    let kinds: Vec<_> = created.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["ConfigMap", "ConfigMap", "PipelineRun"]);
    let event = body["eventID"].as_str().unwrap();
    for (_, object) in &created {
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["triggers.tekton.dev/triggers-eventid"], event);
        assert_eq!(labels["triggers.tekton.dev/trigger"], "main");
        let delivery = &object["metadata"]["annotations"]["trigger.shipwright.io/delivery"];
        assert_eq!(*delivery, record.delivery.id.as_str());
    }
    assert_eq!(created[2].1["spec"]["params"][0]["value"], "acme/web");
    assert!(record.delivery.headers.iter().all(|(name, _)| name != "authorization"));

    // The provider sends it again.
    let again = world.push_to_listener("web", "1").await;
    assert_eq!(again.json(), body);
    world.drained().await;
    assert_eq!(world.created("team-a").await.len(), 3);
    // Another one.
    let other = world.push_to_listener("web", "2").await;
    world.settled_at_listener(&other).await;
    assert_eq!(world.created("team-a").await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_their_sender_does_not_name_are_events_of_their_own() {
    let world = world().await;
    world.listener("team-a", "clock", json!({"triggers": [trigger("tick", &[])]})).await;
    for count in 1..=2 {
        let told = world.ask_listener("clock", &[], "{}").await;
        let record = world.settled_at_listener(&told).await;
        assert_eq!(decisions(&record), ["clock/tick: fired"]);
        assert_eq!(world.created("team-a").await.len(), 3 * count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_nothing_and_loses_nothing() {
    let world = world().await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    let first = world.push_to_listener("web", "1").await;
    let away = world.away().await;
    let world = away.back().await;
    world.settled_at_listener(&first).await;
    assert_eq!(world.created("team-a").await.len(), 3);
    let again = world.push_to_listener("web", "1").await;
    assert_eq!(again.delivery(), first.delivery());
    world.drained().await;
    assert_eq!(world.created("team-a").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_created_with_the_rights_of_the_account_only() {
    let world = world().await;
    let template = json!({"resourcetemplates": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"generateName": "stolen-"}},
    ]});
    let triggers = json!([trigger("main", &[github()]),
        {"name": "secret", "interceptors": [github()], "template": {"spec": template}}]);
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let told = world.push_to_listener("web", "1").await;
    world
        .until("the other objects are created", || async {
            (world.created("team-a").await.len() == 3).then_some(())
        })
        .await;
    let record = world
        .until("the refusal is recorded", || async {
            let record = world.program.journal.find(&told.delivery()).await.unwrap()?;
            record.launches.iter().any(|launch| launch.error.is_some()).then_some(record)
        })
        .await;
    let error = record.launches.iter().find_map(|launch| launch.error.as_ref()).unwrap();
    let account =
        format!("the service account {}/{ACCOUNT} may not create secrets", world.namespace("team-a"));
    assert!(error.contains(&account) && error.contains("kubectl create role"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_grants_no_impersonation_starts_nothing_and_says_what_is_missing() {
    let world = world().await;
    world.service_account("team-b", ACCOUNT).await;
    world.secret("team-b", "github", &[("token", crate::world::KEY)]).await;
    world.listener("team-b", "web", json!({"triggers": [trigger("main", &[])]})).await;
    let told = world.ask_at(&world.listener_url("team-b", "web"), &[], "{}").await;
    let record = world
        .until("the refusal is recorded", || async {
            let record = world.program.journal.find(&told.delivery()).await.unwrap()?;
            record.error.is_some().then_some(record)
        })
        .await;
    let error = record.error.unwrap();
    assert!(error.contains("impersonate"), "{error}");
    assert_eq!(world.created("team-b").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_a_fixed_name_that_somebody_else_made_is_no_success() {
    let world = world().await;
    config_map(&world, "team-a", "latest").await;
    let template = json!({"resourcetemplates": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "latest"}},
    ]});
    let triggers = json!([{"name": "fixed", "interceptors": [github()], "template": {"spec": template}}]);
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let told = world.push_to_listener("web", "1").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(record.state, State::Failed);
    assert!(record.error.as_ref().unwrap().contains("latest"), "{record:?}");
    assert!(matches!(record.decisions[0].outcome, OutcomeRecord::Fired { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_for_a_right_that_is_granted_later() {
    let world = world().await;
    world.service_account("team-a", "late").await;
    let spec = json!({"serviceAccountName": "late", "template": {"spec": three_objects()}});
    world.tekton("team-a", "Trigger", "release", spec).await;
    world.listener("team-a", "web", json!({"triggers": [{"triggerRef": "release"}]})).await;
    let told = world.ask_listener("web", &[], "{}").await;
    world
        .until("the missing right is recorded", || async {
            let record = world.program.journal.find(&told.delivery()).await.unwrap()?;
            record.error.filter(|error| error.contains("may not create configmaps")).map(|_| ())
        })
        .await;
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        {"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["create"]},
    ]);
    world.grant("team-a", "late", rules).await;
    let record = world.settled_at_listener(&told).await;
    assert!(record.state == State::Settled && record.attempts > 1, "{record:?}");
    assert_eq!(decisions(&record), ["release/release: fired"]);
    assert_eq!(world.created("team-a").await.len(), 3);
}
