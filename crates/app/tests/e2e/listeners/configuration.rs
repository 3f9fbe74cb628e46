//! Changes and mistakes in the objects of a listener.

use kube::api::{Patch, PatchParams};
use serde_json::json;
use trigger_journal::{OutcomeRecord, Record, State};

use super::scene::{cel, github, trigger, world};
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
    let triggers = [trigger("main", &[github()]), broken];
    world.faulty_listener("team-a", "web", json!({"triggers": triggers})).await;
    let namespace = world.namespace("team-a");
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

/// The message of the trigger that was skipped.
fn message<'a>(record: &'a Record, trigger: &str) -> &'a str {
    let decision = record.decisions.iter().find(|decision| decision.rule == trigger);
    match &decision.unwrap().outcome {
        OutcomeRecord::Skipped { message, .. } => message,
        other => panic!("{trigger} was not skipped: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_that_are_none_or_do_not_end_stop_their_triggers_alone() {
    let world = world().await;
    world.listener_of_team_b().await;
    let list = "lists.range(200)";
    let endless = format!("{list}.all(a, {list}.all(b, {list}.all(c, {list}.all(d, a + b + c + d >= 0))))");
    let filters = [("broken", "body.ref =="), ("endless", endless.as_str()), ("number", "body.ref.size()")];
    let mut triggers = filters.map(|(name, filter)| trigger(name, &[github(), cel(filter)])).to_vec();
    triggers.push(trigger("main", &[github()]));
    world.faulty_listener("team-a", "web", json!({"triggers": triggers})).await;
    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    let expected = [
        "web/broken: trigger-broken",
        "web/endless: interceptor-stopped",
        "web/main: fired",
        "web/number: interceptor-stopped",
    ];
    assert_eq!(decisions(&record), expected);
    for (trigger, words) in [("broken", "failed to parse expression"), ("endless", "was ended")] {
        let message = message(&record, trigger);
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(world.created("team-a").await.len(), 3);
    world.team_b_works("1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_without_a_value_stops_its_trigger_alone() {
    let world = world().await;
    world.listener_of_team_b().await;
    let mut unresolved = trigger("unresolved", &[github()]);
    unresolved["bindings"] = json!([{"name": "repository", "value": "$(body.no.such)"}]);
    unresolved["template"]["spec"]["params"] = json!([{"name": "repository"}]);
    let triggers = [trigger("main", &[github()]), unresolved];
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    assert_eq!(decisions(&record), ["web/main: fired", "web/unresolved: params-unresolved"]);
    assert_eq!(world.created("team-a").await.len(), 3);
    world.team_b_works("1").await;
}

/// With Tekton, values with quotes make a template that is no JSON, and create nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_with_quotes_is_text_and_a_template_of_no_object_fails_for_its_trigger_alone() {
    let world = world().await;
    world.listener_of_team_b().await;
    let text = r#"say "hi" in C:\dir"#;
    let mut quoted = trigger("quoted", &[github()]);
    quoted["bindings"] = json!([{"name": "repository", "value": text}]);
    let mut broken = trigger("broken", &[github()]);
    broken["template"]["spec"]["resourcetemplates"] = json!([
        {"apiVersion": "v1/$(tt.params.repository)", "kind": "ConfigMap", "metadata": {"generateName": "x-"}},
    ]);
    let triggers = [trigger("main", &[github()]), quoted, broken];
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    assert_eq!(decisions(&record), ["web/broken: not-rendered", "web/main: fired", "web/quoted: fired"]);
    assert_eq!(record.state, State::Failed);
    let error = record.error.as_ref().unwrap();
    assert!(error.contains("apiVersion has to be group/version"), "{error}");
    assert_eq!(message(&record, "broken"), error);
    let created = world.created("team-a").await;
    let texts = created.iter().filter(|(_, object)| object["data"]["repository"] == text).count();
    assert_eq!((created.len(), texts), (6, 2), "{created:?}");
    world.team_b_works("1").await;
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
