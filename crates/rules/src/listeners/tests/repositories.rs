//! Triggers found by the repository that their interceptor `git` names.

use serde_json::json;

use super::*;
use crate::interceptors::RecordedVerdict;
use crate::limits::MOST_EVALUATED;

fn git(params: &Value) -> Value {
    let params: Vec<_> = params
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({"ref": {"name": "git"}, "params": params})
}

/// A listener with a trigger for each of many repositories.
fn many() -> ListenerInventory {
    let trigger = |number: usize| {
        let repository = format!("https://git.example.com/acme/r-{number}");
        json!({"name": format!("r-{number}"), "interceptors": [git(&json!({"repository": repository}))],
            "template": {"spec": {"resourcetemplates": []}}})
    };
    let triggers: Vec<_> = (0..=MOST_EVALUATED).map(trigger).collect();
    let inventory = ListenerInventory::default();
    let metadata = json!({"namespace": "team-a", "name": "web", "uid": "uid"});
    inventory.apply(Kind::EventListener, json!({"metadata": metadata, "spec": {"triggers": triggers}}));
    inventory.mark_synced();
    inventory
}

/// A push of a repository, as GitHub sends it.
fn push(repository: &str) -> State {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let url = format!("https://git.example.com/acme/{repository}");
    let body = json!({
        "ref": "refs/heads/main", "before": commit, "after": commit, "created": false, "deleted": false,
        "forced": false, "commits": [], "sender": {"login": "zoe"},
        "repository": {"full_name": format!("acme/{repository}"), "html_url": url, "clone_url": format!("{url}.git")},
    });
    event(&body, &[("X-GitHub-Event", "push"), ("Content-Type", "application/json")])
}

#[test]
fn an_event_concerns_the_triggers_of_its_repository() {
    let inventory = many();
    let listeners = inventory.current().unwrap();
    let listener = listeners.listener("team-a", "web").unwrap();
    let names = |event: &State| {
        let found = listener.candidates(event).into_iter();
        found.map(|(_, trigger)| trigger.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&push("r-7")), ["r-7"]);
    assert_eq!(names(&push("elsewhere")), [""; 0]);
    let decided = listener.decide(&push("r-7"), &ListenerAnswers::default());
    assert!(matches!(decided.triggers[0].outcome, TriggerOutcome::Fired(_)), "{:?}", decided.triggers[0]);
    // Each says that it is no webhook.
    assert_eq!(names(&event(&json!({}), &[])).len(), MOST_EVALUATED + 1);
    let excluded = listener.decide_excluded(&push("r-7"), 1);
    let RecordedVerdict::Stopped { message, .. } = &excluded[0].records[0].verdict else {
        panic!("{excluded:?}")
    };
    let expected = "the repository is git.example.com/acme/r-7, the trigger is for git.example.com/acme/r-0";
    assert_eq!(message, expected);
}

#[test]
fn a_trigger_with_a_repository_and_a_secret_takes_webhooks_without_a_listener() {
    let inventory = ListenerInventory::default();
    let trigger = |name: &str, namespace: &str, params: &Value| {
        let spec = json!({"interceptors": [git(params)], "template": {"spec": {"resourcetemplates": []}}});
        json!({"metadata": {"namespace": namespace, "name": name, "uid": name}, "spec": spec})
    };
    let web = "https://git.example.com/acme/web";
    let secret = json!({"secretName": "hook"});
    for object in [
        trigger("web", "team-a", &json!({"repository": web, "secretRef": secret})),
        trigger("web", "team-b", &json!({"repository": web, "secretRef": secret})),
        trigger("open", "team-c", &json!({"repository": web})),
        trigger("any", "team-c", &json!({"secretRef": secret})),
    ] {
        inventory.apply(Kind::Trigger, object);
    }
    inventory.mark_synced();
    let namespaces = || {
        let names = [trigger_core::RepoId::parse("git@git.example.com:acme/web.git").unwrap()];
        let listeners = inventory.current().unwrap();
        let found =
            listeners.of_repository(&names).into_iter().map(|listener| listener.settings.key.to_string());
        found.collect::<Vec<_>>()
    };
    assert_eq!(namespaces(), ["team-a/provider_hooks", "team-b/provider_hooks"]);
    inventory.apply(Kind::Trigger, trigger("web", "team-b", &json!({"repository": web})));
    assert_eq!(namespaces(), ["team-a/provider_hooks"]);
    let other = json!({"repository": "https://git.example.com/acme/api", "secretRef": secret});
    inventory.apply(Kind::Trigger, trigger("web", "team-a", &other));
    assert_eq!(namespaces(), [""; 0]);
    assert!(inventory.current().unwrap().listener("team-a", PROVIDER_HOOKS).is_some());
    inventory.delete(&ListenerObject::new(Kind::Trigger, "team-a", "web"));
    assert!(inventory.current().unwrap().listener("team-a", PROVIDER_HOOKS).is_none());
}
