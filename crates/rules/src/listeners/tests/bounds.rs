use serde_json::json;

use super::*;
use crate::limits::{LARGEST_LISTENER_OBJECTS, MOST_LISTENER_OBJECTS, MOST_SELECTED};

#[test]
fn the_objects_of_a_namespace_are_bounded_and_leave_room_for_those_of_others() {
    let fixture = Fixture::new([]);
    let binding = |namespace: &str, number: usize, size: usize| {
        let params: Vec<_> = (0..size >> 15)
            .map(|place| json!({"name": place.to_string(), "value": "x".repeat(1 << 15)}))
            .collect();
        object(Kind::TriggerBinding, namespace, &number.to_string(), json!({"params": params}))
    };
    let refused = |changed: BTreeMap<String, Vec<String>>| {
        let errors: Vec<_> = changed.into_values().flatten().collect();
        assert!(errors.iter().all(|error| error.contains("delete some, then change this one")), "{errors:?}");
        !errors.is_empty()
    };
    let most = (0..200).find(|number| refused(fixture.apply(binding("depot", *number, 1 << 20)))).unwrap();
    assert_eq!(most, (LARGEST_LISTENER_OBJECTS >> 21) - 1, "each takes a little more than twice its text");
    assert!(!refused(fixture.apply(binding("annex", 0, 1 << 20))));
    assert!(!refused(fixture.apply(binding("depot", 0, 1 << 20))), "one that changes is counted once");
    fixture.delete(Kind::TriggerBinding, "depot", "0");
    assert!(!refused(fixture.apply(binding("depot", most, 1 << 20))), "a deleted one makes room");

    // Of small parts, which take eighty times as much memory as their text.
    let fixture = Fixture::new([]);
    let parts = |number: usize| {
        let templates =
            json!([{"apiVersion": "v1", "kind": "ConfigMap", "data": vec![json!({"a": 0}); 10_000]}]);
        object(Kind::TriggerTemplate, "depot", &number.to_string(), json!({"resourcetemplates": templates}))
    };
    let most = (0..200).find(|number| refused(fixture.apply(parts(*number)))).unwrap();
    assert!(most < 4, "{most} of 80 KB each are read");

    let fixture = Fixture::new([]);
    let most = (0..10_000).find(|number| refused(fixture.apply(binding("depot", *number, 0)))).unwrap();
    assert_eq!(most, MOST_LISTENER_OBJECTS);
}

#[test]
fn the_triggers_that_the_listeners_of_a_namespace_select_are_bounded_together() {
    let everything = json!({"namespaceSelector": {"matchNames": ["annex"]}});
    let groups = vec![json!({"triggerSelector": everything}); 63];
    let mut spec = everything.clone();
    spec["triggerGroups"] = json!(groups);
    let triggers = MOST_SELECTED / 64;
    let mut objects = vec![front(spec.clone())];
    objects.extend((0..triggers).map(|number| trigger("annex", &number.to_string())));
    let fixture = Fixture::new(objects);
    assert_eq!(fixture.runs().len(), MOST_SELECTED);
    assert_eq!(fixture.errors(), [""; 0]);

    fixture.apply(object(Kind::EventListener, "depot", "second", spec.clone()));
    fixture.apply(object(Kind::EventListener, "attic", "third", everything));
    let set = fixture.0.current().unwrap();
    let second = set.listener("depot", "second").unwrap();
    assert_eq!(second.triggers().count(), 0);
    assert!(second.errors()[0].to_string().contains("narrow the selectors"), "{:?}", second.errors());
    assert_eq!(
        set.listener("attic", "third").unwrap().triggers().count(),
        triggers,
        "another namespace has room"
    );

    fixture.delete(Kind::EventListener, "depot", "front");
    let second = fixture.listener("depot", "second");
    assert_eq!(second.triggers().count(), triggers);
    assert_eq!(second.errors(), []);
}

#[test]
fn large_bindings_that_many_triggers_share_are_bounded() {
    let params: Vec<_> =
        (0..4).map(|place| json!({"name": place.to_string(), "value": "x".repeat(60 << 10)})).collect();
    let spec = json!({"bindings": [{"ref": "fields"}], "template": {"spec": {}}});
    let mut objects = vec![object(Kind::TriggerBinding, "depot", "fields", json!({"params": params}))];
    objects.extend(
        (0..100).map(|number| object(Kind::Trigger, "depot", &format!("t-{number:02}"), spec.clone())),
    );
    let fixture = Fixture::new(objects.into_iter().chain([front(json!({"labelSelector": {}}))]));
    let listener = fixture.listener("depot", "front");
    let sound = listener.triggers().filter(|(_, trigger)| trigger.blueprint.is_ok()).count();
    assert!((60..75).contains(&sound), "{sound}");
    let set = fixture.0.current().unwrap();
    let errors = set.errors_of(&ListenerObject::new(Kind::Trigger, "depot", "t-99"));
    assert!(errors[0].to_string().contains("make them smaller"), "{errors:?}");

    let mut long = params[..1].to_vec();
    for place in 0..5 {
        long.push(json!({"name": format!("l{place}"), "value": "x".repeat(60 << 10)}));
    }
    fixture.apply(object(Kind::TriggerBinding, "depot", "fields", json!({"params": long})));
    let set = fixture.0.current().unwrap();
    let errors = set.errors_of(&ListenerObject::new(Kind::Trigger, "depot", "t-00"));
    assert!(errors[0].to_string().contains("more than 256 KiB: bind fewer params"), "{errors:?}");
}

#[test]
fn the_errors_of_an_object_are_bounded() {
    let entries = vec![json!({"name": "hollow"}); 1000];
    let fixture = Fixture::new([front(json!({"triggers": entries}))]);
    let errors = fixture.errors();
    assert_eq!(errors.len(), crate::limits::MOST_ERRORS + 1);
    assert!(errors.last().unwrap().contains("968 further errors are left out"), "{errors:?}");
}
