//! Changes and mistakes in the objects of a listener.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::scene::{ACCOUNT, cel, github, trigger, world};
use crate::world::{World, decisions};

impl World {
    /// Annotates a listener; returns when the program knows it.
    pub(super) async fn annotate_listener(&self, team: &str, name: &str, key: &str, value: &str) {
        let listeners = self.objects(team, "triggers.tekton.dev", "v1beta1", "EventListener");
        let before = self.program.listeners.current().unwrap();
        let patch = json!({"metadata": {"annotations": {key: value}}});
        listeners.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        self.until("the program knows the annotation", || async {
            let now = self.program.listeners.current().unwrap();
            (!std::sync::Arc::ptr_eq(&before, &now)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_template_is_an_error_of_its_trigger_and_heals() {
    let world = world().await;
    let broken = json!({"name": "broken", "interceptors": [github()], "template": {"ref": "absent"}});
    let spec = json!({"serviceAccountName": ACCOUNT, "triggers": [trigger("main", &[github()]), broken]});
    world.tekton("team-a", "EventListener", "web", spec).await;
    let namespace = world.namespace("team-a");
    world
        .until("the program knows the listener", || async {
            world.program.listeners.current()?.listener(&namespace, "web").map(|_| ())
        })
        .await;
    let told = world.push_to_listener("web", "1").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(decisions(&record), ["web/broken: trigger-broken", "web/main: fired"]);
    world
        .until("the error is reported on the listener", || async {
            let notes = world.events_of("team-a", "EventListener", "web").await;
            notes.iter().any(|note| note.contains("absent")).then_some(())
        })
        .await;

    world.tekton("team-a", "TriggerTemplate", "absent", super::scene::three_objects()).await;
    world
        .until("the trigger is whole", || async {
            let listeners = world.program.listeners.current()?;
            listeners.listener(&namespace, "web")?.errors().is_empty().then_some(())
        })
        .await;
    let told = world.push_to_listener("web", "2").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(decisions(&record), ["web/broken: fired", "web/main: fired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_without_a_value_and_a_filter_that_is_none_stop_their_trigger_alone() {
    let world = world().await;
    let mut unresolved = trigger("unresolved", &[github()]);
    unresolved["bindings"] = json!([{"name": "repository", "value": "$(body.no.such)"}]);
    unresolved["template"]["spec"]["params"] = json!([{"name": "repository"}]);
    let triggers =
        [trigger("main", &[github()]), unresolved, trigger("number", &[github(), cel("body.ref.size()")])];
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    let found = decisions(&record);
    assert_eq!(found[0], "web/main: fired");
    assert!(found[1].starts_with("web/number: interceptor-"), "{found:?}");
    assert_eq!(found[2], "web/unresolved: params-unresolved");
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_of_another_namespace_run_only_if_the_account_may_list_them() {
    let world = world().await;
    let mut spec = trigger("main", &[]);
    spec.as_object_mut().unwrap().remove("name");
    world.tekton("team-b", "Trigger", "theirs", spec).await;
    let selector = json!({"matchNames": [world.namespace("team-b")]});
    world.listener("team-a", "central", json!({"namespaceSelector": selector, "triggers": []})).await;
    let namespace = world.namespace("team-a");
    world
        .until("the listener selects the Trigger", || async {
            let listeners = world.program.listeners.current()?;
            let listener = listeners.listener(&namespace, "central")?;
            (listener.triggers().count() == 1).then_some(())
        })
        .await;
    let record = world.settled_at_listener(&world.ask_listener("central", &[], "{}").await).await;
    assert_eq!(decisions(&record), ["theirs/theirs: trigger-not-readable"]);
    assert_eq!(world.created("team-b").await.len(), 0);
}
