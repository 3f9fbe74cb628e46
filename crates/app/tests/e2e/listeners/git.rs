//! The interceptor `git`: one trigger for every provider, with an EventListener and without.

use http::StatusCode;
use serde_json::{Value, json};
use trigger_core::RepoId;
use trigger_providers::Sample;

use super::scene::{ACCOUNT, Told, world};
use crate::world::{KEY, SHA, World, decisions, for_every_provider, repository_of, usual_rules};

/// Triggers with the interceptor, each with these parameters beside repository and Secret. A trigger creates a ConfigMap
/// of what the interceptor says of the event.
fn triggers(world: &World, of: &[(&str, Value)]) -> Value {
    let of = of.iter().map(|(name, params)| {
        let mut params = params.as_object().unwrap().clone();
        params.insert("repository".to_owned(), world.repository().into());
        params.insert("secretRef".to_owned(), json!({"secretName": "github", "secretKey": "token"}));
        let params: Vec<_> = params.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let bindings = [
            ("event", "$(extensions.git.event)"),
            ("branch", "$(extensions.webhooks-tekton-git-branch)"),
            ("tag", "$(extensions.webhooks-tekton-image-tag)"),
            ("head", "$(extensions.git.head)"),
        ];
        let data: Value = bindings.iter().map(|(name, _)| (*name, format!("$(tt.params.{name})"))).collect();
        let declared: Vec<_> = bindings.iter().map(|(name, _)| json!({"name": name})).collect();
        let bindings: Vec<_> =
            bindings.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        json!({
            "name": name,
            "interceptors": [{"ref": {"name": "git"}, "params": params}],
            "bindings": bindings,
            "template": {"spec": {"params": declared, "resourcetemplates": [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": format!("{name}-")}, "data": data},
            ]}},
        })
    });
    json!({"triggers": of.collect::<Vec<_>>()})
}

/// Sends an event to the listener `web` under an id, signed with a key.
async fn send(world: &World, sample: &Sample, id: &str, key: Option<&str>) -> Told {
    let request = world.compose(sample);
    let signed = world.sign(request.event, id, &request.body, key);
    let headers: Vec<_> =
        signed.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    world.ask_listener("web", &headers, std::str::from_utf8(&request.body).unwrap()).await
}

for_every_provider!(one_trigger_takes_the_events_of_every_provider);
async fn one_trigger_takes_the_events_of_every_provider() {
    let world = world().await;
    let of = [
        ("main", json!({"events": ["Push"], "branches": ["main"], "paths": ["src/**"]})),
        ("review", json!({"events": ["PullRequest"]})),
        ("release", json!({"events": ["Tag"], "tags": ["v*"]})),
    ];
    world.listener("team-a", "web", triggers(&world, &of)).await;
    for (id, sample, fired, event, branch, tag) in [
        ("1", world.push_of(SHA, &["src/main.rs"]), "main", "Push", "main", &SHA[..7]),
        (
            "2",
            world.pull_request("opened", "feature/login", "main"),
            "review",
            "PullRequest",
            "login",
            &SHA[..7],
        ),
        ("3", world.push("refs/tags/v1.0", SHA), "release", "Tag", "v1.0", "v1.0"),
    ] {
        let record = world.settled_at_listener(&send(&world, &sample, id, Some(KEY)).await).await;
        let ended = decisions(&record);
        assert_eq!(ended.iter().filter(|one| one.ends_with(": fired")).count(), 1, "{ended:?}");
        assert!(ended.contains(&format!("web/{fired}: fired")), "{ended:?}");
        let created = world.created("team-a").await;
        let (_, object) = created
            .iter()
            .find(|(_, object)| object["data"]["event"] == event)
            .unwrap_or_else(|| panic!("{created:?}"));
        let expected = json!({"event": event, "branch": branch, "tag": tag});
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(object["data"].get(name), Some(value), "{object}");
        }
    }
    assert_eq!(world.created("team-a").await.len(), 3);
    let docs = world.push_of(SHA, &["docs/a.md"]);
    let record = world.settled_at_listener(&send(&world, &docs, "4", Some(KEY)).await).await;
    let text = format!("{record:?}");
    assert!(text.contains("the changed files are docs/a.md, the rule is for src/**"), "{text}");
    assert_eq!(world.created("team-a").await.len(), 3);
}

for_every_provider!(a_sender_without_the_key_and_another_repository_start_nothing);
async fn a_sender_without_the_key_and_another_repository_start_nothing() {
    let world = world().await;
    world.listener("team-a", "web", triggers(&world, &[("main", json!({}))])).await;
    for (id, key) in [("1", Some("another key")), ("2", None)] {
        let told = send(&world, &world.push_main(), id, key).await;
        assert_eq!(told.status, 401, "{told:?}");
    }
    let mut elsewhere = world.push_main();
    elsewhere.repository = RepoId::parse(&repository_of(world.provider, "acme/elsewhere")).unwrap();
    let told = send(&world, &elsewhere, "3", Some(KEY)).await;
    assert_eq!(told.status, 202, "{told:?}");
    assert_eq!(world.created("team-a").await.len(), 0);
    let record = world.settled_at_listener(&send(&world, &world.push_main(), "4", Some(KEY)).await).await;
    assert_eq!(decisions(&record), ["web/main: fired"]);
    let stored = format!("{:?}{:?}", record.delivery.headers, record.facts);
    assert!(!stored.contains(KEY), "{stored}");
}

/// A Trigger with the interceptor, and the deliveries of it among all.
async fn hook_trigger(world: &World, team: &str, name: &str, params: Value) {
    let of = [(name, params)];
    let mut spec = triggers(world, &of)["triggers"][0].clone();
    spec.as_object_mut().unwrap().remove("name");
    spec["serviceAccountName"] = ACCOUNT.into();
    world.tekton(team, "Trigger", name, spec).await;
    let (namespace, repository) = (world.namespace(team), RepoId::parse(&world.repository()).unwrap());
    world
        .until("the program knows the Trigger", || async {
            let listeners = world.program.listeners.current()?;
            let of_repository = listeners.of_repository(std::slice::from_ref(&repository));
            of_repository.iter().any(|listener| *listener.settings.key.namespace == namespace).then_some(())
        })
        .await;
}

for_every_provider!(a_trigger_takes_webhooks_without_a_listener);
async fn a_trigger_takes_webhooks_without_a_listener() {
    let world = world().await;
    let unused = world.send(&world.push_main()).await;
    assert_eq!(unused.status, world.unused(), "{unused:?}");
    hook_trigger(&world, "team-a", "main", json!({"branches": ["main"]})).await;
    let refused = world.send_signed(&world.push_main(), "another key").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{refused:?}");
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let record = world.settled(&answer.delivery()).await;
    assert_eq!(decisions(&record), ["main/main: fired"]);
    let created = world.created("team-a").await;
    assert_eq!(created[0].1["data"]["branch"], "main", "{created:?}");
    let again = world.send(&world.push_main()).await;
    assert_eq!((again.status, again.delivery()), (StatusCode::OK, answer.delivery()), "{again:?}");
    assert_eq!(world.created("team-a").await.len(), 1);
}

for_every_provider!(a_webhook_is_for_builds_and_for_triggers_of_each_namespace);
async fn a_webhook_is_for_builds_and_for_triggers_of_each_namespace() {
    let world = world().await;
    world.account_of_listeners("team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    for team in ["team-a", "team-b"] {
        hook_trigger(&world, team, "main", json!({"branches": ["main"]})).await;
    }
    let record = world.deliver(&world.push_main()).await;
    assert!(decisions(&record).contains(&"web/push main: fired".to_owned()), "{record:?}");
    for team in ["team-a", "team-b"] {
        world
            .until("the Trigger has created its object", || async {
                (world.created(team).await.len() == 1).then_some(())
            })
            .await;
    }
    // The key of a Build does not open the Trigger of another namespace.
    world.delete_secret("team-b", "github").await;
    world.secret("team-b", "github", &[("token", "another key")]).await;
    let second = world.push("refs/heads/main", &SHA.replace('0', "1"));
    world.deliver(&second).await;
    world
        .until("the Trigger of team-a runs again", || async {
            (world.created("team-a").await.len() == 2).then_some(())
        })
        .await;
    assert_eq!(world.created("team-b").await.len(), 1);
}
