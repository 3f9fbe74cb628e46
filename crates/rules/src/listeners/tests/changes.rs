use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use trigger_core::ObjectKey;

use super::*;

fn one_error(changed: &BTreeMap<String, Vec<String>>) -> (&str, &str) {
    assert_eq!(changed.len(), 1, "{changed:?}");
    let (object, errors) = changed.first_key_value().unwrap();
    assert!(errors.len() <= 1, "{errors:?}");
    (object, errors.first().map_or("", String::as_str))
}

#[test]
fn what_is_missing_is_an_error_of_the_trigger_until_it_appears() {
    let spec = json!({
        "bindings": [{"ref": "fields"}, {"ref": "shared", "kind": "ClusterTriggerBinding"}],
        "template": {"ref": "blueprint"},
        "interceptors": [
            {"ref": {"name": "scanner"}},
            {"ref": {"name": "house-rules", "kind": "NamespacedInterceptor"}},
        ],
    });
    let remote = |host: &str| json!({"clientConfig": {"url": format!("http://{host}.example/")}});
    let fixture = Fixture::new([front(json!({"labelSelector": {}}))]);
    let changed = fixture.apply(object(Kind::Trigger, "depot", "release", spec));
    let errors = &changed["Trigger depot/release"];
    let expected = [
        "url resolution failed for interceptor scanner with: clusterinterceptors.triggers.tekton.dev \"scanner\" not found; \
         create the ClusterInterceptor, or correct its name",
        "failed to resolve bindings: error getting TriggerBinding fields: triggerbindings.triggers.tekton.dev \"fields\" not \
         found; create the TriggerBinding in the namespace depot, or correct its name",
    ];
    assert_eq!(*errors, expected);
    assert_eq!(changed.len(), 1, "the listener itself is in order");
    for (added, words) in [
        (
            object(Kind::ClusterInterceptor, "", "scanner", remote("scanner")),
            "interceptor house-rules with: interceptors.",
        ),
        (object(Kind::Interceptor, "depot", "house-rules", remote("rules")), ""),
    ] {
        let changed = fixture.apply(added);
        let first = changed["Trigger depot/release"].first().map_or("", String::as_str);
        assert!(first.contains(words), "{words}: {first}");
    }
    for (added, words) in [
        (
            object(Kind::TriggerBinding, "depot", "fields", json!({})),
            "error getting ClusterTriggerBinding shared: ",
        ),
        (
            object(Kind::ClusterTriggerBinding, "", "shared", json!({})),
            "error getting TriggerTemplate blueprint: ",
        ),
        (object(Kind::TriggerTemplate, "depot", "blueprint", json!({})), ""),
    ] {
        let changed = fixture.apply(added);
        let (object, error) = one_error(&changed);
        assert_eq!(object, "Trigger depot/release");
        assert!(error.contains(words) && error.is_empty() == words.is_empty(), "{words}: {error}");
    }
    for (kind, namespace, name) in [
        (Kind::TriggerTemplate, "depot", "blueprint"),
        (Kind::ClusterTriggerBinding, "", "shared"),
        (Kind::ClusterInterceptor, "", "scanner"),
    ] {
        let changed = fixture.delete(kind, namespace, name);
        assert!(!changed["Trigger depot/release"].is_empty(), "{name} is missing again");
    }
}

#[test]
fn a_reference_to_a_kind_that_cannot_be_seen_says_why() {
    let spec = json!({
        "bindings": [{"ref": "shared", "kind": "ClusterTriggerBinding"}],
        "template": {"spec": {}},
        "interceptors": [{"ref": {"name": "cel"}, "params": [{"name": "filter", "value": "true"}]}],
    });
    let fixture =
        Fixture::new([front(json!({"labelSelector": {}})), object(Kind::Trigger, "depot", "release", spec)]);
    let reason: Arc<str> = "ClusterTriggerBindings may not be listed; bind the role".into();
    let kinds =
        [Kind::ClusterTriggerBinding, Kind::ClusterInterceptor].map(|kind| (kind, Arc::clone(&reason)));
    let gaps = ListenerGaps { kinds: kinds.into(), ..ListenerGaps::default() };
    let changed = texts(fixture.0.note_gaps(gaps.clone()));
    assert_eq!(
        one_error(&changed),
        (
            "Trigger depot/release",
            "failed to resolve bindings: error getting ClusterTriggerBinding shared: the ClusterTriggerBinding shared is not \
             known: ClusterTriggerBindings may not be listed; bind the role"
        ),
        "the core interceptors need no object"
    );
    assert!(fixture.0.note_gaps(gaps).is_empty(), "nothing has changed");
    let changed = texts(fixture.0.note_gaps(ListenerGaps::default()));
    assert!(one_error(&changed).1.contains("\"shared\" not found; create"), "{changed:?}");
}

#[test]
fn a_namespace_that_cannot_be_seen_has_a_reason_and_the_others_have_none() {
    let fixture = Fixture::new([trigger("depot", "release")]);
    let unseen = |namespace| fixture.0.current().unwrap().unseen(namespace).map(ToString::to_string);
    let reason = |text: &str| Some(Arc::from(text));
    fixture.0.note_gaps(ListenerGaps {
        unseen: [("harbour".into(), "no right".into())].into(),
        ..ListenerGaps::default()
    });
    assert_eq!((unseen("harbour").as_deref(), unseen("depot")), (Some("no right"), None));
    fixture.0.note_gaps(ListenerGaps { everywhere: reason("no right at all"), ..ListenerGaps::default() });
    assert_eq!(unseen("depot").as_deref(), Some("no right at all"));
    fixture.0.note_gaps(ListenerGaps { is_stale: true, ..ListenerGaps::default() });
    assert_eq!(unseen("depot"), None, "what is known stays in force");
    assert!(!fixture.0.current().unwrap().gaps().is_complete());
}

#[test]
fn entries_name_their_place_and_a_missing_trigger_is_an_error_of_the_listener() {
    let entries = json!([
        {"triggerRef": "gone"},
        {"name": "hollow"},
        {"name": "twice", "bindings": [{"name": "n", "value": "1"}, {"name": "n", "value": "2"}], "template": {"spec": {}}},
        {"name": "sound", "template": {"spec": {}}},
        {"name": "typo", "bindings": [{"name": "n", "value": "$(body.a})"}], "template": {"spec": {}}},
    ]);
    let group = json!({"name": "g", "interceptors": [{"ref": {"name": "scanner"}}], "triggerSelector": {}});
    let fixture = Fixture::new([front(json!({"triggers": entries, "triggerGroups": [group]}))]);
    let errors = fixture.errors();
    let expected = [
        "spec.triggers: Error getting Trigger gone in Namespace depot: triggers.triggers.tekton.dev \"gone\" not found; create \
         the Trigger in the namespace depot, or correct its name",
        "spec.triggerGroups[0]: url resolution failed for interceptor scanner with: ",
        "spec.triggers[1]: the trigger has neither a template nor a triggerRef: add one of them",
        "spec.triggers[2]: duplicate param name: n; remove all of its bindings but one",
        "spec.triggers[4]: no event can run the trigger: an expression of the param `n` is wrong: ",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}");
    }
    let changed = fixture.apply(trigger("depot", "gone"));
    assert_eq!(changed["EventListener depot/front"].len(), expected.len() - 1);
    assert_eq!(fixture.runs(), ["depot/hollow", "depot/twice", "depot/sound", "depot/typo", "depot/gone"]);
    let changed = fixture.delete(Kind::Trigger, "depot", "gone");
    assert_eq!(changed["EventListener depot/front"].len(), expected.len());
}

#[test]
fn an_object_that_cannot_be_read_is_an_error_of_its_own_and_counts_as_absent() {
    let binding = |params: Value| object(Kind::TriggerBinding, "depot", "fields", json!({"params": params}));
    let bound = json!({"bindings": [{"ref": "fields"}], "template": {"spec": {}}});
    let fixture = Fixture::new([
        front(json!({"labelSelector": {}})),
        binding(json!([])),
        object(Kind::Trigger, "depot", "bound", bound.clone()),
        trigger("depot", "other"),
    ]);
    let changed = fixture.apply(binding(json!([{"name": 7}])));
    let errors = &changed["TriggerBinding depot/fields"];
    assert_eq!(
        *errors,
        ["the object cannot be read: spec.params[0].name must be a string, not the number 7"]
    );
    let words = "the TriggerBinding depot/fields cannot be read; correct the TriggerBinding";
    assert!(changed["Trigger depot/bound"][0].ends_with(words), "{changed:?}");
    assert_eq!(changed.len(), 2);
    assert_eq!(
        fixture.runs(),
        ["depot/bound", "depot/other"],
        "its interceptors are still asked, as Tekton does"
    );
    assert_eq!(fixture.apply(binding(json!([]))).values().flatten().count(), 0);

    let fields = ListenerObject::new(Kind::TriggerBinding, "depot", "fields");
    let changed = texts(fixture.0.refuse(&fields, "it is too large"));
    assert_eq!(changed["TriggerBinding depot/fields"], ["the object cannot be read: it is too large"]);
    assert!(changed["Trigger depot/bound"][0].ends_with(words), "{changed:?}");
    assert_eq!(changed.len(), 2);
    assert_eq!(fixture.apply(binding(json!([]))).values().flatten().count(), 0);

    let bad = (Kind::Trigger, json!({"metadata": {"namespace": "depot", "name": "other"}, "spec": []}));
    assert_eq!(fixture.apply(bad).len(), 1);
    assert_eq!(fixture.runs(), ["depot/bound"]);
    let listed = HashSet::from([ObjectKey::new("depot", "bound")]);
    let changed = texts(fixture.0.retain(Kind::Trigger, Some("depot"), &listed));
    assert_eq!(changed["Trigger depot/other"], [""; 0], "its error is gone with it");

    let bad =
        (Kind::EventListener, json!({"metadata": {"namespace": "depot", "name": "front"}, "spec": "x"}));
    assert_eq!(fixture.apply(bad).len(), 1);
    assert!(fixture.0.current().unwrap().is_empty(), "a listener of which nothing is known serves nothing");
}

#[test]
fn an_interceptor_of_the_namespace_is_looked_for_at_home_and_then_with_the_listener() {
    let url = |fixture: &Fixture, namespace: &str, name: &str| {
        let listener = fixture.listener(namespace, name);
        let (_, trigger) = listener.triggers().next().unwrap();
        let chain = trigger.chain.as_ref().map_err(ToString::to_string)?;
        Ok::<_, String>(
            format!("{chain:?}").split('"').find(|text| text.starts_with("http")).unwrap().to_owned(),
        )
    };
    let rules = |namespace: &str| {
        let config = json!({"clientConfig": {"url": format!("http://{namespace}.example/")}});
        object(Kind::Interceptor, namespace, "rules", config)
    };
    let spec = json!({
        "interceptors": [{"ref": {"name": "rules", "kind": "NamespacedInterceptor"}}],
        "template": {"spec": {}},
    });
    let annex = json!({"namespaceSelector": {"matchNames": ["annex"]}});
    let fixture = Fixture::new([
        object(Kind::Trigger, "annex", "far", spec),
        front(annex.clone()),
        object(Kind::EventListener, "annex", "own", json!({"labelSelector": {}})),
    ]);
    assert!(url(&fixture, "depot", "front").unwrap_err().contains("\"rules\" not found"));
    fixture.apply(rules("depot"));
    assert_eq!(url(&fixture, "depot", "front").unwrap(), "http://depot.example/");
    assert!(url(&fixture, "annex", "own").is_err(), "that of another listener does not count");
    fixture.apply(rules("annex"));
    assert_eq!(url(&fixture, "depot", "front").unwrap(), "http://annex.example/");
    assert_eq!(url(&fixture, "annex", "own").unwrap(), "http://annex.example/");
    fixture.delete(Kind::Interceptor, "annex", "rules");
    assert_eq!(url(&fixture, "depot", "front").unwrap(), "http://depot.example/");
    let changed = fixture.delete(Kind::EventListener, "annex", "own");
    assert_eq!(changed["Trigger annex/far"], [""; 0], "nothing is wrong for the listener that is left");
}

#[test]
fn an_address_comes_from_the_cluster_or_from_the_namespace_of_its_interceptor() {
    let origins = |kind: &str| {
        let trigger =
            json!({"interceptors": [{"ref": {"name": "rules", "kind": kind}}], "template": {"spec": {}}});
        let config = || json!({"clientConfig": {"url": "http://lint.example/"}});
        let fixture = Fixture::new([
            object(Kind::Trigger, "annex", "far", trigger),
            front(json!({"namespaceSelector": {"matchNames": ["annex"]}})),
            object(Kind::ClusterInterceptor, "", "rules", config()),
            object(Kind::Interceptor, "depot", "rules", config()),
        ]);
        let listener = fixture.listener("depot", "front");
        let chain = format!("{:?}", listener.triggers().next().unwrap().1.chain.as_ref().unwrap());
        ["Cluster", "Namespace(\"annex\")", "Namespace(\"depot\")"]
            .map(|origin| chain.contains(&format!("origin: {origin}")))
    };
    assert_eq!(origins("ClusterInterceptor"), [true, false, false]);
    assert_eq!(
        origins("NamespacedInterceptor"),
        [false, false, true],
        "that of the listener is all there is"
    );
}

#[test]
fn an_object_that_changes_compiles_only_what_refers_to_it() {
    let spec = |number: usize| json!({"bindings": [{"ref": format!("fields-{number}")}], "template": {"ref": "blueprint"}});
    let number = 1000;
    let mut objects = vec![
        front(json!({"labelSelector": {}})),
        object(Kind::TriggerTemplate, "depot", "blueprint", json!({})),
    ];
    for number in 0..number {
        objects.push(object(Kind::TriggerBinding, "depot", &format!("fields-{number}"), json!({})));
        objects.push(object(Kind::Trigger, "depot", &format!("t-{number:03}"), spec(number)));
    }
    let fixture = Fixture::new(objects);
    let before = fixture.listener("depot", "front");
    let same = |after: &Listener| {
        let pairs = before.triggers().zip(after.triggers());
        pairs.filter(|((_, before), (_, after))| Arc::ptr_eq(before, after)).count()
    };
    assert_eq!(before.triggers().count(), number);
    fixture.apply(object(
        Kind::TriggerBinding,
        "depot",
        "fields-7",
        json!({"params": [{"name": "n", "value": "1"}]}),
    ));
    assert_eq!(same(&fixture.listener("depot", "front")), number - 1);
    fixture.apply(object(Kind::Trigger, "depot", "t-500", json!({"template": {"spec": {}}})));
    assert_eq!(same(&fixture.listener("depot", "front")), number - 2);
    fixture.apply(object(Kind::TriggerBinding, "depot", "unused", json!({})));
    fixture.apply(trigger("annex", "elsewhere"));
    assert_eq!(same(&fixture.listener("depot", "front")), number - 2);
    fixture.apply(object(Kind::TriggerTemplate, "depot", "blueprint", json!({"params": [{"name": "n"}]})));
    let after = fixture.listener("depot", "front");
    assert_eq!(same(&after), 0, "all but one refer to the template");
    let chain = |listener: &Listener| {
        let (_, trigger) = listener.triggers().next().unwrap();
        Arc::clone(trigger.chain.as_ref().unwrap())
    };
    assert!(Arc::ptr_eq(&chain(&before), &chain(&after)), "interceptors are not compiled for a template");
}

/// Everything that an inventory says, as text.
fn summary(set: &ListenerSet) -> Vec<String> {
    let mut lines = Vec::new();
    let trigger = |(place, trigger): (&TriggerPlace, &Arc<ListenerTrigger>)| {
        let errors: Vec<_> = trigger.errors().map(ToString::to_string).collect();
        let blueprint =
            trigger.blueprint.as_ref().map(|blueprint| (&blueprint.bindings, &blueprint.template));
        format!("{place:?} {:?} {:?} {errors:?} {blueprint:?}", trigger.chain, trigger.demand)
    };
    for listener in set.listeners() {
        let mut triggers: Vec<_> = listener.triggers().map(trigger).collect();
        for group in listener.groups() {
            triggers.push(format!("{} {:?}", group.name, group.chain));
            triggers.extend(group.triggers().map(trigger));
        }
        lines.push(format!("{} {triggers:#?} {:?}", listener.settings.key, listener.errors()));
    }
    lines.extend(set.errors.iter().map(|(object, errors)| format!("{object} {errors:?}")));
    lines.sort();
    lines
}

fn universe() -> impl Strategy<Value = (Kind, Value)> {
    let namespace = prop_oneof![Just("depot"), Just("annex")];
    let interceptor = prop_oneof![
        Just(json!([])),
        Just(json!([{"ref": {"name": "rules", "kind": "NamespacedInterceptor"}}])),
        Just(json!([{"ref": {"name": "scanner"}}])),
        Just(json!([{"ref": {"name": "github"}, "params": [{"name": "eventTypes", "value": ["push"]}]}])),
    ];
    let reference = prop_oneof![Just("x"), Just("y")];
    let labels = prop_oneof![Just(json!({})), Just(json!({"tier": "gold"}))];
    let part = (interceptor.clone(), reference.clone(), reference.clone()).prop_map(|(interceptors, binding, template)| {
        json!({"interceptors": interceptors, "bindings": [{"ref": binding}], "template": {"ref": template}})
    });
    let selector = prop_oneof![
        Just(json!({})),
        Just(json!({"namespaceSelector": {"matchNames": ["*"]}})),
        Just(
            json!({"namespaceSelector": {"matchNames": ["annex"]}, "labelSelector": {"matchLabels": {"tier": "gold"}}})
        ),
        Just(json!({"labelSelector": {}})),
    ];
    let listener = (selector.clone(), selector, part.clone(), interceptor).prop_map(
        |(mut spec, group, entry, interceptors)| {
            spec["triggers"] = json!([{"triggerRef": "x"}, entry]);
            spec["triggerGroups"] =
                json!([{"name": "g", "interceptors": interceptors, "triggerSelector": group}]);
            spec
        },
    );
    let params =
        prop_oneof![Just(json!({})), Just(json!({"params": [{"name": "n"}]})), Just(json!("unreadable"))];
    let config = prop_oneof![Just(json!({})), Just(json!({"clientConfig": {"url": "http://x.example"}}))];
    prop_oneof![
        3 => (namespace.clone(), reference.clone(), part, labels)
            .prop_map(|(namespace, name, spec, labels)| labelled(labels, object(Kind::Trigger, namespace, name, spec))),
        2 => (namespace.clone(), reference.clone(), listener)
            .prop_map(|(namespace, name, spec)| object(Kind::EventListener, namespace, name, spec)),
        2 => (namespace.clone(), reference.clone(), params.clone(), any::<bool>())
            .prop_map(|(namespace, name, spec, is_template)| {
                let kind = if is_template { Kind::TriggerTemplate } else { Kind::TriggerBinding };
                object(kind, namespace, name, spec)
            }),
        1 => config.clone().prop_map(|spec| object(Kind::ClusterInterceptor, "", "scanner", spec)),
        1 => (namespace, config).prop_map(|(namespace, spec)| object(Kind::Interceptor, namespace, "rules", spec)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_listeners_follow_from_the_objects_and_not_from_their_history(
        steps in prop::collection::vec((universe(), any::<bool>()), 1..40)
    ) {
        let fixture = Fixture::new([]);
        let mut objects = BTreeMap::new();
        for ((kind, object), is_kept) in steps {
            let text = |name: &str| object["metadata"][name].as_str().unwrap().to_owned();
            let id = ListenerObject::new(kind, text("namespace"), text("name"));
            if is_kept {
                fixture.0.apply(kind, object.clone());
                objects.insert(id, object);
            } else {
                fixture.0.delete(&id);
                objects.remove(&id);
            }
        }
        let fresh = Fixture::new(objects.iter().map(|(id, object)| (id.kind, object.clone())));
        prop_assert_eq!(summary(&fixture.0.current().unwrap()), summary(&fresh.0.current().unwrap()));
        for id in objects.keys() {
            fixture.0.delete(id);
        }
        prop_assert_eq!(summary(&fixture.0.current().unwrap()), Vec::<String>::new());
        prop_assert!(fixture.0.is_spotless(), "nothing is remembered of objects that are gone");
    }
}

#[test]
fn a_uri_for_cloud_events_that_is_no_address_is_an_error_and_stops_no_trigger() {
    let spec = |uri: &str| json!({"cloudEventURI": uri, "labelSelector": {}});
    let fixture = Fixture::new([front(spec("sink")), trigger("depot", "release")]);
    let error = "spec.cloudEventURI: no CloudEvents are sent: the URL is none of an HTTP server: begin it with `http://` \
                 or `https://` and a host";
    assert_eq!(fixture.errors(), [error]);
    assert_eq!(fixture.runs(), ["depot/release"]);
    fixture.apply(front(spec("http://sink.depot.svc")));
    assert!(fixture.errors().is_empty());
    let address = fixture.listener("depot", "front").settings.cloud_event_uri.clone().unwrap().unwrap();
    assert_eq!(&**address.url(), "http://sink.depot.svc");
}
