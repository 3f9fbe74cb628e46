use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::limits::{LONGEST_ERROR, MOST_FOREIGN_CONDITIONS};

const URL: &str = "https://hooks.example.com";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    time("2026-01-02T12:00:00.5Z")
}

fn front_status(fixture: &Fixture, url: Option<&str>) -> ListenerStatus {
    fixture.listener("depot", "front").status(url)
}

/// A merge patch, applied as RFC 7386 says.
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return *target = patch.clone() };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The status of an object after the patch. A second patch changes nothing.
fn after(status: &ListenerStatus, before: Option<&Value>, now: Timestamp) -> Value {
    let mut object = json!({"status": before});
    let patch = status.patch(before, Some(7), now).unwrap();
    assert_eq!(status.patch(before, Some(7), now).as_ref(), Some(&patch), "equal inputs give equal patches");
    merge(&mut object, &patch);
    let later = time("2026-02-03T00:00:00Z");
    assert_eq!(status.patch(Some(&object["status"]), Some(7), later), None, "{patch}");
    object["status"].take()
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let mut of_kind = status["conditions"].as_array().unwrap().iter().filter(|it| it["type"] == kind);
    let found = of_kind.next().unwrap_or(&Value::Null);
    assert!(of_kind.next().is_none(), "{kind} stands twice");
    found
}

#[test]
fn a_status_has_what_users_of_tekton_triggers_look_for() {
    let fixture = Fixture::new([front(json!({"labelSelector": {}})), trigger("depot", "release")]);
    let at = "2026-01-02T12:00:00Z";
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": at});
    let elsewhere = "shipwright-trigger serves the listener";
    let expected = json!({
        "address": {"url": "https://hooks.example.com/listeners/depot/front"},
        "configuration": {"generatedName": "el-front"},
        "observedGeneration": 7,
        "conditions": [
            condition("Addressable", "AddressKnown", "senders reach the listener at status.address.url"),
            condition("Available", "Served", &format!("{elsewhere} at the path /listeners/depot/front")),
            condition("Deployment", "NotNeeded", &format!("no Deployment: {elsewhere}")),
            condition("Ready", "EventListenerReady", "EventListener is ready"),
            condition("Service", "NotNeeded", &format!("no Service: {elsewhere}")),
            condition("Triggers", "AllRun", "every trigger can run"),
        ],
    });
    assert_eq!(after(&front_status(&fixture, Some(URL)), None, noon()), expected);
}

#[test]
fn without_a_public_url_there_is_no_address_and_a_condition_says_so() {
    let fixture = Fixture::new([front(json!({"labelSelector": {}})), trigger("depot", "release")]);
    let of_tekton = json!({"address": {"url": "http://el-front.depot.svc.cluster.local:8080"}});
    let found = after(&front_status(&fixture, None), Some(&of_tekton), noon());
    assert_eq!(found.get("address"), None, "that of Tekton's pods does not stay");
    let addressable = condition(&found, "Addressable");
    assert_eq!((&addressable["status"], &addressable["severity"]), (&json!("False"), &json!("Info")));
    let message = "the listener is served at the path /listeners/depot/front of an address that the program does not know: \
                   set --public-url";
    assert_eq!(addressable["message"], message);
    assert_eq!(condition(&found, "Ready")["status"], "True");
}

#[test]
fn a_listener_is_ready_while_one_of_its_triggers_can_run() {
    let hollow = |name: &str| json!({"name": name});
    let sound = json!({"name": "sound", "template": {"spec": {}}});
    let without = "the trigger has neither a template nor a triggerRef: add one of them";
    let missing = "spec.triggers: Error getting Trigger gone in Namespace depot: triggers.triggers.tekton.dev \"gone\" not \
                   found; create the Trigger in the namespace depot, or correct its name";
    let group = json!({"name": "g", "interceptors": [{"ref": {"name": "scanner"}}], "triggerSelector": {"labelSelector": {}}});
    let bad = json!({"matchExpressions": [{"key": "a", "operator": "Like"}]});
    for (spec, ready, reason, begins, severity) in [
        (
            json!({}),
            "True",
            "NoTriggers",
            "the listener has no triggers: events start nothing".to_owned(),
            None,
        ),
        (json!({"triggers": [sound]}), "True", "AllRun", "every trigger can run".to_owned(), None),
        (
            json!({"triggers": [hollow("a")]}),
            "False",
            "TriggersBroken",
            format!("the trigger cannot run: spec.triggers[0]: {without}"),
            None,
        ),
        (
            json!({"triggers": [sound, hollow("a")]}),
            "True",
            "TriggersBroken",
            format!("1 of 2 triggers cannot run; the error: spec.triggers[1]: {without}"),
            Some("Warning"),
        ),
        (
            json!({"triggers": [hollow("a"), hollow("b"), sound]}),
            "True",
            "TriggersBroken",
            format!("2 of 3 triggers cannot run; the first error: spec.triggers[0]: {without}"),
            Some("Warning"),
        ),
        (
            json!({"triggers": [hollow("a"), {"triggerRef": "gone"}, sound]}),
            "True",
            "TriggersBroken",
            format!("2 of 3 triggers cannot run; the first error: {missing}"),
            Some("Warning"),
        ),
        (
            json!({"labelSelector": {}, "triggerGroups": [group]}),
            "True",
            "TriggersBroken",
            "1 of 2 triggers cannot run; the error: spec.triggerGroups[0]: url resolution failed".to_owned(),
            Some("Warning"),
        ),
        (
            json!({"triggerGroups": [group]}),
            "False",
            "TriggersBroken",
            "the trigger cannot run: spec.triggerGroups[0]: url resolution failed".to_owned(),
            None,
        ),
        (
            json!({"triggers": [sound], "labelSelector": bad}),
            "True",
            "ListenerErrors",
            "spec.labelSelector: the label selector is invalid: ".to_owned(),
            Some("Warning"),
        ),
    ] {
        let fixture = Fixture::new([front(spec), trigger("depot", "release")]);
        let found = after(&front_status(&fixture, Some(URL)), None, noon());
        let triggers = condition(&found, "Triggers");
        let message = triggers["message"].as_str().unwrap();
        assert!(message.starts_with(&begins), "{message}");
        assert_eq!(triggers["reason"], reason, "{message}");
        assert_eq!(triggers["status"] == "True", ["AllRun", "NoTriggers"].contains(&reason), "{message}");
        assert_eq!(triggers["severity"].as_str(), severity, "{message}");
        let is_ready = condition(&found, "Ready");
        assert_eq!(is_ready["status"], ready, "{message}");
        let of_ready = is_ready["message"].as_str().unwrap();
        match (ready, severity) {
            ("True", None) => assert_eq!(of_ready, "EventListener is ready"),
            ("True", _) => {
                assert!(of_ready.ends_with("with errors: see the condition Triggers"), "{of_ready}");
            }
            _ => assert!(
                of_ready.starts_with("Condition Triggers has status: False with message: the trigger")
            ),
        }
        assert_eq!(condition(&found, "Available")["status"], "True", "it is served all the same");
    }
}

#[test]
fn a_trigger_object_that_is_broken_is_named() {
    let broken = object(Kind::Trigger, "depot", "release", json!({"template": {"ref": "blueprint"}}));
    let fixture = Fixture::new([front(json!({"labelSelector": {}})), broken, trigger("depot", "other")]);
    let broken = front_status(&fixture, Some(URL));
    let found = after(&broken, None, noon());
    let message = condition(&found, "Triggers")["message"].as_str().unwrap();
    assert!(
        message.starts_with("1 of 2 triggers cannot run; the error: Trigger depot/release: "),
        "{message}"
    );
    assert_eq!(broken.summary(), "EventListener is ready, with errors: see the condition Triggers");

    fixture.apply(object(Kind::TriggerTemplate, "depot", "blueprint", json!({})));
    let mended = after(&front_status(&fixture, Some(URL)), Some(&found), time("2026-01-02T13:00:00Z"));
    for (kind, hour) in [("Triggers", 13), ("Ready", 12), ("Available", 12), ("Addressable", 12)] {
        let since = &condition(&mended, kind)["lastTransitionTime"];
        assert_eq!(
            *since,
            format!("2026-01-02T{hour}:00:00Z"),
            "{kind}: the time is that of a change of status"
        );
    }
    assert_eq!(condition(&mended, "Triggers").get("severity"), None);
    assert_eq!(condition(&mended, "Ready")["message"], "EventListener is ready");
}

#[test]
fn a_hint_is_no_error_of_a_status() {
    let (kind, mut object) = trigger("depot", "release");
    object["metadata"]["annotations"] = json!({"trigger.shipwright.io/interceptor-timeout": "forever"});
    let fixture = Fixture::new([front(json!({"labelSelector": {}})), (kind, object)]);
    let found = after(&front_status(&fixture, Some(URL)), None, noon());
    assert_eq!(condition(&found, "Triggers")["status"], "True");
}

#[test]
fn an_object_that_is_not_served_says_why() {
    let bad = json!({"metadata": {"namespace": "depot", "name": "front"}, "spec": "x"});
    let fixture = Fixture::new([
        (Kind::EventListener, bad),
        (Kind::Trigger, json!({"metadata": {"namespace": "depot", "name": "bad"}, "spec": 7})),
        object(Kind::EventListener, "depot", "good", json!({})),
    ]);
    let set = fixture.0.current().unwrap();
    let broken: Vec<_> = set.not_served().collect();
    let [(key, errors)] = broken[..] else { panic!("{broken:?}") };
    assert_eq!(key.to_string(), "depot/front");
    let status = ListenerStatus::not_served(key, errors);
    let before = json!({"address": {"url": "https://hooks.example.com/listeners/depot/front"}});
    let found = after(&status, Some(&before), noon());
    assert_eq!(found.get("address"), None);
    assert_eq!(found["configuration"]["generatedName"], "el-front");
    let available = condition(&found, "Available");
    assert_eq!(available["status"], "False");
    let message = available["message"].as_str().unwrap();
    assert!(
        message.starts_with("the listener is not served: the object cannot be read: spec must be"),
        "{message}"
    );
    let ready = condition(&found, "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("NotServed")));
    assert_eq!(ready["message"], format!("Condition Available has status: False with message: {message}"));
}

#[test]
fn what_another_controller_said_is_replaced_or_kept() {
    let fixture = Fixture::new([front(json!({"labelSelector": {}})), trigger("depot", "release")]);
    let old = "2025-05-05T05:05:05Z";
    let of = |kind: &str, status: &str, time: &str| json!({"type": kind, "status": status, "lastTransitionTime": time});
    let policy = json!({"type": "PolicyChecked", "status": "False", "note": {"a": 1}});
    let before = json!({
        "address": {"url": "http://el-front.depot.svc:8080", "hostname": "el-front.depot.svc"},
        "observedGeneration": 3,
        "annotations": {"a": "b"},
        "configuration": {"generatedName": "el-front"},
        "conditions": [
            policy,
            of("Ready", "True", old),
            of("Available", "False", old),
            of("Progressing", "True", old),
            of("Ready", "True", "2024-04-04T04:04:04Z"),
            of("Service", "True", "yesterday"),
            "x",
            {"status": "True"},
        ],
    });
    let found = after(&front_status(&fixture, Some(URL)), Some(&before), noon());
    let kinds: Vec<_> = found["conditions"].as_array().unwrap().iter().map(|it| &it["type"]).collect();
    let expected =
        ["PolicyChecked", "Ready", "Available", "Service", "Addressable", "Deployment", "Triggers"];
    assert_eq!(kinds, expected);
    assert_eq!(*condition(&found, "PolicyChecked"), policy);
    let at = "2026-01-02T12:00:00Z";
    for (kind, since) in [("Ready", old), ("Available", at), ("Service", at)] {
        assert_eq!(condition(&found, kind)["lastTransitionTime"], since, "{kind}");
    }
    assert_eq!(found["address"], json!({"url": "https://hooks.example.com/listeners/depot/front"}));
    assert_eq!((&found["annotations"], &found["observedGeneration"]), (&json!({"a": "b"}), &json!(7)));
}

#[test]
fn only_what_changes_is_in_the_patch() {
    let fixture = Fixture::new([front(json!({"labelSelector": {}})), trigger("depot", "release")]);
    let status = front_status(&fixture, Some(URL));
    let found = after(&status, None, noon());
    let patch = status.patch(Some(&found), Some(8), noon());
    assert_eq!(patch, Some(json!({"status": {"observedGeneration": 8}})));
    let moved = front_status(&fixture, Some("https://other.example.com"));
    let patch = moved.patch(Some(&found), Some(7), noon());
    let url = "https://other.example.com/listeners/depot/front";
    assert_eq!(patch, Some(json!({"status": {"address": {"url": url}}})));
}

#[test]
fn messages_and_conditions_of_others_are_bounded() {
    let long = "x".repeat(5000);
    let entries: Vec<_> = (0..100).map(|_| json!({"triggerRef": long})).collect();
    let fixture = Fixture::new([front(json!({"triggers": entries}))]);
    let foreign: Vec<_> =
        (0..100).map(|number| json!({"type": format!("c{number}"), "status": "True"})).collect();
    let found = after(&front_status(&fixture, Some(URL)), Some(&json!({"conditions": foreign})), noon());
    let conditions = found["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), MOST_FOREIGN_CONDITIONS + 6);
    assert!(condition(&found, "c31").is_object());
    let lengths = conditions.iter().filter_map(|it| it["message"].as_str()).map(str::len);
    assert_eq!(lengths.max(), Some(LONGEST_ERROR));
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("address"),
        Just("conditions"),
        Just("configuration"),
        Just("generatedName"),
        Just("lastTransitionTime"),
        Just("observedGeneration"),
        Just("status"),
        Just("type"),
        Just("url"),
    ];
    let text = prop_oneof![
        Just("Ready"),
        Just("Available"),
        Just("Progressing"),
        Just("Foreign"),
        Just("True"),
        Just("2025-05-05T05:05:05Z"),
    ];
    let leaf = prop_oneof![Just(Value::Null), Just(json!(7)), text.prop_map(Value::from)];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn one_patch_is_enough_whatever_the_status_was(before in any_json(), is_known in any::<bool>()) {
        let fixture = Fixture::new([front(json!({"labelSelector": {}})), trigger("depot", "release")]);
        after(&front_status(&fixture, is_known.then_some(URL)), Some(&before), noon());
    }
}
