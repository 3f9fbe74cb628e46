//! Interceptors in chains and groups, for the senders that Tekton knows.

use serde_json::{Value, json};

use super::scene::{PUSH, cel, github, hub_signature, trigger, world};
use crate::world::{KEY, decisions};

fn guarded(kind: &str) -> Value {
    let secret = json!({"secretName": "github", "secretKey": "token"});
    json!({"ref": {"name": kind}, "params": [{"name": "secretRef", "value": secret}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_senders_that_tekton_knows_are_verified_each_in_its_way() {
    let world = world().await;
    let signature = hub_signature(KEY, PUSH);
    for (kind, headers) in [
        ("gitlab", [("x-gitlab-event", "Push Hook"), ("x-gitlab-token", KEY)]),
        ("bitbucket", [("x-event-key", "repo:push"), ("x-hub-signature", signature.as_str())]),
        ("github", [("x-github-event", "push"), ("x-hub-signature-256", &signature)]),
    ] {
        world.listener("team-a", kind, json!({"triggers": [trigger("main", &[guarded(kind)])]})).await;
        let told = world.ask_listener(kind, &headers, PUSH).await;
        let record = world.settled_at_listener(&told).await;
        assert_eq!(decisions(&record), [format!("{kind}/main: fired")]);
        let stored = format!("{:?}{:?}", record.delivery.headers, record.facts);
        assert!(!stored.contains(KEY), "{stored}");
        let told = world.ask_listener(kind, &headers[..1], PUSH).await;
        assert_eq!(told.status, 401, "{kind}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_slack_is_read_and_answered() {
    let world = world().await;
    let slack = json!({"ref": {"name": "slack"}, "params": [{"name": "requestedFields", "value": ["text"]}]});
    let template = json!({"params": [{"name": "text"}], "resourcetemplates": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "said-"},
         "data": {"text": "$(tt.params.text)"}}]});
    let triggers = json!([{"name": "said", "interceptors": [slack],
        "bindings": [{"name": "text", "value": "$(extensions.text)"}], "template": {"spec": template}}]);
    world.listener("team-a", "chat", json!({"triggers": triggers})).await;
    world.annotate_listener("team-a", "chat", "tekton.dev/payload-validation", "false").await;
    let headers = [("x-slack-signature", "v0=00"), ("content-type", "application/x-www-form-urlencoded")];
    let record = world
        .settled_at_listener(&world.ask_listener("chat", &headers, "text=deploy+now&user_name=ada").await)
        .await;
    assert_eq!(decisions(&record), ["chat/said: fired"], "{record:?}");
    let created = world.created("team-a").await;
    assert!(created[0].1["data"]["text"].as_str().unwrap().contains("deploy now"), "{created:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_triggers_of_a_group_run_behind_its_interceptors() {
    let world = world().await;
    for (name, wanted) in [("web", "acme/web"), ("api", "acme/api")] {
        let filter = format!("extensions.name == '{wanted}'");
        let mut spec = trigger(name, &[cel(&filter)]);
        spec.as_object_mut().unwrap().remove("name");
        world.tekton("team-a", "Trigger", name, spec).await;
    }
    let overlay = json!({"ref": {"name": "cel"}, "params": [
        {"name": "overlays", "value": [{"key": "name", "expression": "body.repository.full_name"}]}]});
    let group = json!({"name": "all", "interceptors": [github(), overlay],
        "triggerSelector": {"namespaceSelector": {"matchNames": [world.namespace("team-a")]}}});
    world.listener("team-a", "mono", json!({"triggerGroups": [group]})).await;
    let told = world.push_to_listener("mono", "1").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(decisions(&record), ["api/api: interceptor-stopped", "web/web: fired"]);
    assert_eq!(world.created("team-a").await.len(), 3);
    let told = world.ask_listener("mono", &[("x-github-event", "push")], PUSH).await;
    assert_eq!(told.status, 401, "the group authenticates for its triggers: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_triggers_with_sixty_secrets_run_all() {
    let world = world().await;
    let mut triggers = Vec::new();
    for number in 0..60 {
        let secret = format!("hook-{number}");
        world.secret("team-a", &secret, &[("token", KEY)]).await;
        let key = json!({"secretName": secret, "secretKey": "token"});
        let hook = json!({"ref": {"name": "github"}, "params": [{"name": "secretRef", "value": key}]});
        let template = json!({"resourcetemplates": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "of-"}}]});
        triggers.push(
            json!({"name": format!("t{number}"), "interceptors": [hook], "template": {"spec": template}}),
        );
    }
    world.listener("team-a", "many", json!({"triggers": triggers})).await;
    let told = world.push_to_listener("many", "1").await;
    let record = world.settled_at_listener(&told).await;
    assert!(decisions(&record).iter().all(|decision| decision.ends_with(": fired")), "{record:?}");
    assert_eq!(world.created("team-a").await.len(), 60);
}
