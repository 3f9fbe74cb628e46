//! Rules of type `Pipeline`: the lines I6 to I11, X5, X8 and X9.

use std::sync::Arc;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trigger_api::shipwright::Build;
use trigger_core::{Event, KnownHosts, ObjectKey, PipelineRunEvent, RunClass, Unsigned, Verification};

use trigger_targets::build_run::BUILD;

use crate::decide::testing::{decide, verified_by};
use crate::{Inventory, Outcome};

fn build(name: &str, when: &Value) -> Build {
    let metadata = json!({"namespace": "team-a", "name": name, "uid": "u"});
    serde_json::from_value(json!({"metadata": metadata, "spec": {"trigger": {"when": when}}})).unwrap()
}

fn by_name(pipeline: &str, status: &[&str]) -> Value {
    let object_ref = json!({"name": pipeline, "status": status});
    json!({"name": format!("on {pipeline}"), "type": "Pipeline", "github": {}, "objectRef": object_ref})
}

fn by_label(key: &str, value: &str, status: &[&str]) -> Value {
    let object_ref = json!({"selector": {key: value}, "status": status});
    json!({"name": format!("on {key}={value}"), "type": "Pipeline", "github": {}, "objectRef": object_ref})
}

fn run(namespace: &str, pipeline: Option<&str>, class: RunClass, reason: &str) -> Event {
    Event::PipelineRun(PipelineRunEvent {
        run: ObjectKey::new(namespace, "run-1"),
        uid: "run-uid".to_owned(),
        pipeline: pipeline.map(ToOwned::to_owned),
        labels: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        class,
        reason: Some(reason.to_owned()),
        since: "2026-01-02T03:04:05Z".parse().ok(),
        builds: Vec::new(),
        carries_out: None,
        recorded: Vec::new(),
        seen: Arc::new(json!({})),
    })
}

/// The proof of an event that was seen in a namespace.
fn seen_in(namespace: &str) -> Verification {
    Verification { observed: Some(ObjectKey::new(namespace, "run-1")), ..Verification::default() }
}

fn succeeded(pipeline: &str) -> Event {
    run("team-a", Some(pipeline), RunClass::Succeeded, "Succeeded")
}

#[track_caller]
fn check(case: &str, when: &Value, event: &Event, expected: &[&str]) {
    let inventory = Inventory::new(KnownHosts::NONE);
    inventory.mark_synced();
    inventory.apply(&build("app", when));
    let Event::PipelineRun(seen) = event else { unreachable!("these are rules of type Pipeline") };
    let verification = seen_in(&seen.run.namespace);
    let decisions = decide(event, &verification, &inventory.current().unwrap());
    let found: Vec<_> = decisions
        .iter()
        .map(|decision| match &decision.outcome {
            Outcome::Fired(_) => "fired",
            Outcome::AlsoMatched(_) => "also",
            Outcome::Skipped(reason) => reason.name(),
        })
        .collect();
    assert_eq!(found, expected, "{case}: {decisions:#?}");
}

#[test]
fn a_run_is_found_by_pipeline_or_by_labels() {
    let odd = run("team-a", Some("name"), RunClass::Succeeded, "Successful");
    check("I6", &json!([by_name("name", &["Successful"])]), &odd, &["fired"]);
    check("I7", &json!([by_label("k", "v", &["Successful"])]), &odd, &["fired"]);
    check("I8", &json!([by_label("wrong", "label", &["Successful"])]), &odd, &["labels-differ"]);
    check("I9", &json!([by_name("wrong", &["Successful"])]), &odd, &[]);
    let embedded = run("team-a", None, RunClass::Failed, "Failed");
    check("embedded", &json!([by_label("k", "v", &["Failed"])]), &embedded, &["fired"]);
}

#[test]
fn statuses_are_classes_or_literal_reasons() {
    let completed = run("team-a", Some("ci"), RunClass::Succeeded, "Completed");
    let timed_out = run("team-a", Some("ci"), RunClass::TimedOut, "PipelineRunTimeout");
    let cancelled = run("team-a", Some("ci"), RunClass::Cancelled, "Cancelled");
    let running = run("team-a", Some("ci"), RunClass::Started, "Started");
    let broken = run("team-a", Some("ci"), RunClass::Failed, "CouldntGetPipeline");
    for (status, event, expected) in [
        ("Succeeded", &completed, "fired"),
        ("Completed", &completed, "fired"),
        ("Failed", &completed, "status-not-listed"),
        ("TimedOut", &timed_out, "fired"),
        ("PipelineRunTimeout", &timed_out, "fired"),
        ("Failed", &timed_out, "status-not-listed"),
        ("Cancelled", &cancelled, "fired"),
        ("Started", &running, "fired"),
        ("Running", &running, "fired"),
        ("Succeeded", &running, "status-not-listed"),
        ("CouldntGetPipeline", &broken, "fired"),
        ("Failed", &broken, "fired"),
        ("Failed", &cancelled, "status-not-listed"),
    ] {
        check(status, &json!([by_name("ci", &[status])]), event, &[expected]);
    }
}

#[test]
fn one_run_a_target_however_many_rules_match() {
    let when = json!([by_name("ci", &["Succeeded"]), by_label("k", "v", &["Succeeded"])]);
    check("X5", &when, &succeeded("ci"), &["fired", "also"]);
}

#[test]
fn a_stanza_of_another_type_is_never_looked_at() {
    let when = json!([{
        "name": "image", "type": "Image", "github": {}, "image": {"names": ["a"]},
        "objectRef": {"name": "ci", "status": ["Succeeded"]},
    }]);
    check("X8", &when, &succeeded("ci"), &[]);
}

#[test]
fn rules_do_not_cross_a_namespace() {
    let event = run("team-b", Some("ci"), RunClass::Succeeded, "Succeeded");
    let when = json!([by_name("ci", &["Succeeded"]), by_label("k", "v", &["Succeeded"])]);
    check("X9", &when, &event, &[]);
}

#[test]
fn builds_of_both_kinds_live_side_by_side() {
    let inventory = Inventory::new(KnownHosts::NONE);
    inventory.mark_synced();
    inventory.apply(&build("app", &json!([by_name("ci", &["Succeeded"])])));
    inventory.apply(&build("other", &json!([by_name("cd", &["Succeeded"])])));
    let decided = |event: &Event| decide(event, &seen_in("team-a"), &inventory.current().unwrap()).len();
    assert_eq!((decided(&succeeded("ci")), decided(&succeeded("cd"))), (1, 1), "I10");
    inventory.delete(&BUILD.named(ObjectKey::new("team-a", "app")));
    inventory.delete(&BUILD.named(ObjectKey::new("team-a", "other")));
    assert_eq!((decided(&succeeded("ci")), decided(&succeeded("cd"))), (0, 0), "I11");
}

fn changed(change: impl FnOnce(&mut PipelineRunEvent)) -> Event {
    let mut event = succeeded("ci");
    if let Event::PipelineRun(event) = &mut event {
        change(event);
    }
    event
}

#[test]
fn nothing_goes_round_in_circles() {
    let by_name = json!([by_name("ci", &["Succeeded"])]);
    let by_label = json!([by_label("k", "v", &["Succeeded"])]);
    let runs = |build: &str| changed(|event| event.builds = vec![build.to_owned()]);
    check("scenario 14: a task of it, or of finally", &by_name, &runs("app"), &["runs-the-build"]);
    check("R2", &by_label, &runs("app"), &["runs-the-build"]);
    check("another Build", &by_name, &runs("lib"), &["fired"]);
    let of_a_build = changed(|event| event.carries_out = Some("app-1".to_owned()));
    check("scenario 14: the Build controller's", &by_label, &of_a_build, &["carries-out-a-build"]);
}

#[test]
fn what_is_over_starts_nothing() {
    let when = json!([by_name("ci", &["Succeeded"])]);
    for (created, expected) in [
        ("2026-01-02T03:04:04Z", "fired"),
        ("2026-01-02T03:04:05Z", "fired"),
        ("2026-01-02T03:04:06Z", "before-the-build"),
    ] {
        let mut build = build("app", &when);
        build.metadata.creation_timestamp = serde_json::from_value(json!(created)).unwrap();
        let inventory = Inventory::new(KnownHosts::NONE);
        inventory.mark_synced();
        inventory.apply(&build);
        let decisions = decide(&succeeded("ci"), &seen_in("team-a"), &inventory.current().unwrap());
        let found = match &decisions[0].outcome {
            Outcome::Skipped(reason) => reason.name(),
            _ => "fired",
        };
        assert_eq!(found, expected, "{created}");
    }
    let noted = changed(|event| event.recorded = vec!["app".to_owned()]);
    check("R3", &when, &noted, &["started-already"]);
    let of_another = changed(|event| event.recorded = vec!["previous-build".to_owned()]);
    check("A6", &when, &of_another, &["fired"]);
}

#[test]
fn only_what_we_saw_in_the_namespace_counts() {
    let inventory = Inventory::new(KnownHosts::NONE);
    inventory.mark_synced();
    inventory.apply(&build("app", &json!([by_name("ci", &["Succeeded"])])));
    let signed =
        Verification { unsigned: Unsigned::Operator, ..verified_by(ObjectKey::new("team-a", "hook")) };
    for verification in [signed, seen_in("team-b")] {
        let decisions = decide(&succeeded("ci"), &verification, &inventory.current().unwrap());
        let Outcome::Skipped(reason) = &decisions[0].outcome else { panic!("{verification:?}") };
        assert_eq!(reason.name(), "not-seen-here");
    }
}
