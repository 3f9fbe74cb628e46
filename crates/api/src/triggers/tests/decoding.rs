use serde_json::{Map, Value, json};

use crate::limits::{LARGEST_RESOURCE_TEMPLATES, LONGEST_TEXT, MOST_METADATA_ENTRIES, MOST_TRIGGERS};
use crate::triggers::{
    ClientConfig, ClusterInterceptor, EventListener, HeaderValue, Interceptor, Kind, Trigger, TriggerBinding,
    TriggerInterceptor, TriggerSpecBinding, TriggerTemplate,
};

fn listener(spec: impl Into<Value>) -> EventListener {
    EventListener::try_from(json!({"metadata": {"name": "l"}, "spec": spec.into()})).unwrap()
}

fn listener_error(spec: impl Into<Value>) -> String {
    EventListener::try_from(json!({"metadata": {"name": "l"}, "spec": spec.into()})).unwrap_err().to_string()
}

/// In the spelling in which it is written.
fn full_listener() -> Value {
    json!({
        "metadata": {"name": "l", "namespace": "a", "labels": {"Kept": "AsItIs"}},
        "spec": {
            "serviceAccountName": "builder",
            "cloudEventURI": "http://sink.a.svc",
            "namespaceSelector": {"matchNames": ["a", "b"]},
            "labelSelector": {
                "matchLabels": {"Team": "x"},
                "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}],
            },
            "triggers": [{"triggerRef": "other"}, {
                "name": "push",
                "serviceAccountName": "own",
                "interceptors": [
                    {
                        "name": "first",
                        "ref": {"name": "mine", "kind": "NamespacedInterceptor", "apiVersion": "triggers.tekton.dev"},
                        "params": [{"name": "p", "value": {"AnyCase": [1, null, {"X": true}]}}],
                    },
                    {"webhook": {
                        "objectRef": {"kind": "Service", "apiVersion": "v1", "name": "w", "namespace": "n"},
                        "header": [{"name": "X-A", "value": "1"}, {"name": "X-B", "value": ["1", "2"]}],
                    }},
                ],
                "bindings": [
                    {"ref": "tb", "kind": "TriggerBinding"},
                    {"ref": "ctb", "kind": "ClusterTriggerBinding", "apiversion": "v1beta1"},
                    {"name": "p", "value": "", "kind": "TriggerBinding"},
                ],
                "template": {"ref": "tt", "apiversion": "v1beta1"},
            }, {
                "template": {"spec": {
                    "params": [{"name": "p", "description": "d", "default": ""}, {"name": "q"}],
                    "resourcetemplates": [{"apiVersion": "v1", "kind": "ConfigMap", "Data": {"Key": "$(tt.params.p)"}}],
                }},
            }],
            "triggerGroups": [{
                "name": "g",
                "interceptors": [{"ref": {"name": "cel", "kind": "ClusterInterceptor"}}],
                "triggerSelector": {"namespaceSelector": {"matchNames": ["*"]}, "labelSelector": {}},
            }],
            "resources": {"kubernetesResource": {"replicas": 2}},
        },
        "status": {"address": {"url": "http://el-l.a.svc:8080"}},
    })
}

#[test]
fn nothing_is_lost_or_moved() {
    let written = full_listener();
    let read = EventListener::try_from(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
    let again: EventListener = serde_json::from_value(written).unwrap();
    assert_eq!(again, read, "a client reads it the same");
}

#[test]
fn unknown_fields_are_kept() {
    let spec =
        json!({"triggers": [{"template": {"ref": "t", "new": 1}, "later": {"a": 1}}], "beyond": [true]});
    let read = listener(spec);
    assert_eq!(read.spec.other["beyond"], json!([true]));
    assert_eq!(read.spec.triggers[0].other["later"], json!({"a": 1}));
    assert_eq!(read.spec.triggers[0].template.as_ref().unwrap().other["new"], 1);
}

/// Changes the case of each key that a type names; keys of the user's are left alone.
fn shout(value: &mut Value, path: &str) {
    let is_users = ["labels", "matchlabels", "value", "resourcetemplates", "resources", "status"]
        .iter()
        .any(|end| path.to_lowercase().ends_with(end));
    match value {
        Value::Object(fields) if !is_users => {
            let entries: Vec<_> = std::mem::take(fields).into_iter().collect();
            for (key, mut value) in entries {
                let mut key = key.to_uppercase();
                shout(&mut value, &key);
                if path.is_empty() && key == "SPEC" {
                    key = "sPeC".to_owned();
                }
                fields.insert(key, value);
            }
        }
        Value::Array(entries) if !is_users => entries.iter_mut().for_each(|entry| shout(entry, "[]")),
        _ => {}
    }
}

#[test]
fn keys_match_in_any_case() {
    let mut written = full_listener();
    shout(&mut written, "");
    assert!(written.to_string().contains("\"TRIGGERREF\""));
    let read = EventListener::try_from(written).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), full_listener());
}

#[test]
fn of_two_spellings_the_canonical_one_counts() {
    for (written, expected) in [
        (json!({"Triggerref": "upper", "triggerRef": "canonical", "triggerref": "lower"}), "canonical"),
        (json!({"Triggerref": "upper", "triggerref": "lower"}), "lower"),
    ] {
        let read = listener(json!({"triggers": [written]}));
        assert_eq!(read.spec.triggers[0].trigger_ref.as_deref(), Some(expected));
        assert!(read.spec.triggers[0].other.is_empty());
    }
}

#[test]
fn template_and_bindings_take_both_spellings_of_their_version() {
    let read = listener(json!({"triggers": [{
        "bindings": [{"ref": "b", "apiVersion": "v1alpha1"}],
        "template": {"ref": "t", "apiVersion": "v1beta1"},
    }]}));
    let trigger = &read.spec.triggers[0];
    assert_eq!(trigger.bindings[0].api_version.as_deref(), Some("v1alpha1"));
    assert_eq!(trigger.template.as_ref().unwrap().api_version.as_deref(), Some("v1beta1"));

    let template =
        json!({"metadata": {}, "spec": {"resourceTemplates": [{"kind": "X"}], "Params": [{"Name": "p"}]}});
    let template = TriggerTemplate::try_from(template).unwrap();
    assert_eq!(template.spec.resource_templates, [json!({"kind": "X"})]);
    assert_eq!(template.spec.params[0].name, "p");
}

#[test]
fn null_is_absent_everywhere() {
    let absent = listener(json!({}));
    let nulls = json!({
        "serviceAccountName": null, "triggers": null, "triggerGroups": null, "namespaceSelector": null,
        "labelSelector": null, "resources": null, "cloudEventURI": null,
    });
    assert_eq!(listener(nulls), absent);
    assert_eq!(
        EventListener::try_from(json!({"metadata": null, "spec": null})).unwrap(),
        EventListener::default()
    );
    assert_eq!(EventListener::try_from(Value::Null).unwrap(), EventListener::default());

    let read = listener(json!({"triggers": [null, {"bindings": [null], "interceptors": [null]}]}));
    assert_eq!(read.spec.triggers[0], listener(json!({"triggers": [{}]})).spec.triggers[0]);
    assert_eq!(read.spec.triggers[1].bindings, [TriggerSpecBinding::default()]);
    assert_eq!(read.spec.triggers[1].interceptors, [TriggerInterceptor::default()]);

    let annotated = json!({"metadata": {"annotations": {"k": null}, "creationTimestamp": null}});
    let annotated = TriggerBinding::try_from(annotated).unwrap();
    assert_eq!(annotated.metadata.annotations.unwrap()["k"], "");
}

#[test]
fn kinds_of_references_are_filled_in() {
    let read = listener(json!({"triggers": [{
        "bindings": [{"ref": "a"}, {"name": "p", "value": "v"}, {"ref": "b", "kind": "ClusterTriggerBinding"}],
        "interceptors": [{"ref": {"name": "github"}}, {"ref": {"name": "own", "kind": "NamespacedInterceptor"}}],
    }]}));
    let trigger = &read.spec.triggers[0];
    let kinds: Vec<_> = trigger.bindings.iter().map(|binding| binding.kind.as_str()).collect();
    assert_eq!(kinds, ["TriggerBinding", "TriggerBinding", "ClusterTriggerBinding"]);
    assert!(trigger.bindings[2].is_cluster());
    let kinds: Vec<_> = trigger
        .interceptors
        .iter()
        .map(|interceptor| interceptor.reference.as_ref().unwrap().kind.as_str())
        .collect();
    assert_eq!(kinds, ["ClusterInterceptor", "NamespacedInterceptor"]);
}

#[test]
fn the_reference_of_a_trigger_object_is_no_field() {
    let trigger = Trigger::try_from(json!({"metadata": {}, "spec": {"triggerRef": "x"}})).unwrap();
    assert_eq!(trigger.spec.trigger_ref, None);
    assert_eq!(trigger.spec.other["triggerRef"], "x");
}

#[test]
fn a_wrong_type_is_told_with_its_path_and_the_value() {
    for (spec, expected) in [
        (
            json!({"triggers": [{"name": false}]}),
            "spec.triggers[0].name must be a string, not the boolean false",
        ),
        (json!({"triggers": [{"Name": 5}]}), "spec.triggers[0].name must be a string, not the number 5"),
        (json!({"triggers": {"name": "t"}}), "spec.triggers must be a list, not an object"),
        (json!({"triggers": ["t"]}), "spec.triggers[0] must be an object, not a string"),
        (json!([]), "spec must be an object, not a list"),
        (
            json!({"triggers": [{"bindings": [{"name": "p", "value": 1.5}]}]}),
            "spec.triggers[0].bindings[0].value must be a string, not the number 1.5",
        ),
        (
            json!({"triggers": [{"template": {"spec": {"params": [{"name": "p", "default": true}]}}}]}),
            "spec.triggers[0].template.spec.params[0].default must be a string, not the boolean true",
        ),
        (
            json!({"triggers": [{"template": "t"}]}),
            "spec.triggers[0].template must be an object, not a string",
        ),
        (
            json!({"labelSelector": {"matchLabels": {"a": 1}}}),
            "spec.labelSelector.matchLabels.a must be a string, not the number 1",
        ),
        (
            json!({"labelSelector": {"matchExpressions": [{"values": "v"}]}}),
            "spec.labelSelector.matchExpressions[0].values must be a list, not a string",
        ),
        (
            json!({"namespaceSelector": {"matchNames": [["a"]]}}),
            "spec.namespaceSelector.matchNames[0] must be a string, not a list",
        ),
        (
            json!({"triggerGroups": [{"triggerSelector": []}]}),
            "spec.triggerGroups[0].triggerSelector must be an object, not a list",
        ),
        (
            json!({"triggers": [{"interceptors": [{"webhook": {"url": 1}}]}]}),
            "spec.triggers[0].interceptors[0].webhook.url must be a string, not the number 1",
        ),
    ] {
        assert_eq!(listener_error(spec), expected);
    }
    let error = |object: Value| TriggerBinding::try_from(object).unwrap_err().to_string();
    assert_eq!(error(json!({"metadata": {"name": 1}})), "metadata.name must be a string, not the number 1");
    assert_eq!(
        error(json!({"metadata": {"labels": {"a": true}}})),
        "metadata.labels.a must be a string, not the boolean true"
    );
    assert!(error(json!({"metadata": {"generation": "x"}})).starts_with("metadata is invalid: "));
    assert_eq!(error(json!("text")), "the manifest must be an object, not a string");
}

#[test]
fn an_object_that_is_too_large_is_refused() {
    let triggers = vec![json!({"triggerRef": "t"}); MOST_TRIGGERS];
    assert_eq!(listener(json!({"triggers": triggers})).spec.triggers.len(), MOST_TRIGGERS);
    let triggers = vec![json!({"triggerRef": "t"}); MOST_TRIGGERS + 1];
    assert_eq!(
        listener_error(json!({"triggers": triggers})),
        "spec.triggers has 1025 entries, at most 1024 are permitted: split the object"
    );
    for (spec, path) in [
        (json!({"triggerGroups": vec![Value::Null; 65]}), "spec.triggerGroups has 65 entries"),
        (
            json!({"triggers": [{"bindings": vec![Value::Null; 65]}]}),
            "spec.triggers[0].bindings has 65 entries",
        ),
        (
            json!({"triggers": [{"interceptors": vec![Value::Null; 33]}]}),
            "spec.triggers[0].interceptors has 33 entries",
        ),
        (
            json!({"triggers": [{"interceptors": [{"params": vec![Value::Null; 65]}]}]}),
            "spec.triggers[0].interceptors[0].params has 65 entries",
        ),
        (
            json!({"triggers": [{"interceptors": [{"webhook": {"header": vec![Value::Null; 65]}}]}]}),
            "spec.triggers[0].interceptors[0].webhook.header has 65 entries",
        ),
        (
            json!({"triggers": [{"interceptors": [{"cel": {"overlays": vec![Value::Null; 257]}}]}]}),
            "spec.triggers[0].interceptors[0].cel.overlays has 257 entries",
        ),
        (
            json!({"triggers": [{"interceptors": [{"params": [{"name": "p", "value": "x".repeat(128 << 10)}]}]}]}),
            "spec.triggers[0].interceptors[0].params has 131097 bytes",
        ),
        (
            json!({"namespaceSelector": {"matchNames": vec!["a"; 257]}}),
            "spec.namespaceSelector.matchNames has 257",
        ),
        (
            json!({"triggers": [{"triggerRef": "x".repeat(LONGEST_TEXT + 1)}]}),
            "spec.triggers[0].triggerRef has 65537 bytes, at most 65536 are permitted: shorten it",
        ),
    ] {
        let error = listener_error(spec);
        assert!(error.starts_with(path), "{error}");
    }
    for field in ["labels", "annotations"] {
        let binding = |entries: usize| {
            let map: Map<_, _> = (0..entries).map(|number| (format!("k{number}"), json!(""))).collect();
            TriggerBinding::try_from(json!({"metadata": {field: map}}))
        };
        assert!(binding(MOST_METADATA_ENTRIES).is_ok(), "{field}");
        let error = binding(MOST_METADATA_ENTRIES + 1).unwrap_err();
        assert_eq!(error.path(), format!("metadata.{field}"));
    }
    let template = |spec| TriggerTemplate::try_from(json!({"metadata": {}, "spec": spec}));
    let error = template(json!({"params": vec![Value::Null; 257]})).unwrap_err();
    assert_eq!(error.path(), "spec.params");
    let error = template(json!({"resourcetemplates": vec![Value::Null; 65]})).unwrap_err();
    assert_eq!(error.path(), "spec.resourcetemplates");
    let large = "x".repeat(LARGEST_RESOURCE_TEMPLATES - "[\"\"]".len());
    assert!(template(json!({"resourcetemplates": [large.clone()]})).is_ok());
    let error = template(json!({"resourcetemplates": [large, null]})).unwrap_err();
    assert_eq!(error.path(), "spec.resourcetemplates");
}

#[test]
fn values_of_headers_take_any_json() {
    let text = |text: &str| HeaderValue::One(text.to_owned());
    for (value, expected) in [
        (json!("v"), text("v")),
        (json!(""), text("")),
        (json!(null), text("")),
        (json!(5), text("5")),
        (json!(true), text("true")),
        (json!(["a", "b"]), HeaderValue::Many(vec!["a".to_owned(), "b".to_owned()])),
        (json!(["a", null]), HeaderValue::Many(vec!["a".to_owned(), String::new()])),
        (json!([]), HeaderValue::Many(Vec::new())),
        (json!([1, "a"]), text(r#"[1,"a"]"#)),
        (json!({"a": "b"}), HeaderValue::Many(Vec::new())),
        (json!({"a": 1}), text(r#"{"a":1}"#)),
    ] {
        let header = json!([{"name": "X-A", "value": value}]);
        let spec = json!({"triggers": [{"interceptors": [{"webhook": {"header": header}}]}]});
        let webhook = listener(spec).spec.triggers[0].interceptors[0].webhook.clone().unwrap();
        assert!(webhook.header[0].value == expected, "{value}");
    }
}

#[test]
fn values_of_headers_are_not_printed() {
    let header = json!([{"name": "X-A", "value": "token-1234"}]);
    let read = listener(json!({"triggers": [{"interceptors": [{"webhook": {"header": header}}]}]}));
    let printed = format!("{read:?}");
    assert!(printed.contains("X-A"));
    assert!(!printed.contains("token-1234"));
}

#[test]
fn the_address_of_an_interceptor_follows_from_its_service() {
    for (config, expected) in [
        (json!({}), None),
        (json!({"url": "https://example.com/x"}), Some("https://example.com/x")),
        (json!({"service": {"name": "s", "namespace": "n"}}), Some("http://s.n.svc:80")),
        (json!({"service": {"name": "s", "namespace": "n", "path": "a/b"}}), Some("http://s.n.svc:80/a/b")),
        (
            json!({"service": {"name": "s", "namespace": "n", "path": "/a", "port": 81}}),
            Some("http://s.n.svc:81/a"),
        ),
        (
            json!({"caBundle": "QQ==", "service": {"name": "s", "namespace": "n"}}),
            Some("https://s.n.svc:8443"),
        ),
        (json!({"caBundle": "", "service": {"name": "s", "namespace": "n"}}), Some("http://s.n.svc:80")),
        (json!({"url": "http://u", "service": {"name": "s", "namespace": "n"}}), Some("http://u")),
    ] {
        let object = json!({"metadata": {"name": "i"}, "spec": {"clientConfig": config}});
        let read = ClusterInterceptor::try_from(object.clone()).unwrap();
        assert_eq!(read.spec.client_config.address().as_deref(), expected, "{config}");
        assert_eq!(Interceptor::try_from(object).unwrap().spec, read.spec);
    }
    assert_eq!(ClientConfig::default().address(), None);
    for (config, expected) in [
        (json!({"caBundle": "%"}), "spec.clientConfig.caBundle is invalid: it is no base64"),
        (
            json!({"service": {"port": "80"}}),
            "spec.clientConfig.service.port must be a whole number of 32 bits, not a string",
        ),
        (
            json!({"service": {"port": 4_294_967_296_u64}}),
            "spec.clientConfig.service.port must be a whole number of 32 bits, not the number 4294967296",
        ),
    ] {
        let object = json!({"metadata": {"name": "i"}, "spec": {"clientConfig": config}});
        assert_eq!(Interceptor::try_from(object).unwrap_err().to_string(), expected);
    }
}

#[test]
fn annotations_set_switches() {
    for (annotations, validates) in [
        (json!({}), true),
        (json!({"tekton.dev/payload-validation": "true"}), true),
        (json!({"tekton.dev/payload-validation": "no"}), true),
        (json!({"tekton.dev/payload-validation": "false"}), false),
    ] {
        let object = json!({"metadata": {"annotations": annotations}});
        assert_eq!(EventListener::try_from(object).unwrap().validates_payload(), validates);
    }
    let object = json!({"metadata": {"annotations": {"triggers.tekton.dev/old-escape-quotes": ""}}});
    assert!(TriggerTemplate::try_from(object).unwrap().escapes_quotes());
    assert!(!TriggerTemplate::default().escapes_quotes());
}

#[test]
fn kinds_are_told_by_group_version_and_name() {
    for (api_version, kind, expected) in [
        ("triggers.tekton.dev/v1beta1", "EventListener", Some(Kind::EventListener)),
        ("triggers.tekton.dev/v1alpha1", "EventListener", Some(Kind::EventListener)),
        ("triggers.tekton.dev/v1", "EventListener", None),
        ("triggers.tekton.dev/v1alpha1", "Interceptor", Some(Kind::Interceptor)),
        ("triggers.tekton.dev/v1beta1", "Interceptor", None),
        ("triggers.tekton.dev/v1beta1", "eventlistener", None),
        ("tekton.dev/v1beta1", "Trigger", None),
        ("v1", "Trigger", None),
    ] {
        assert_eq!(Kind::of(api_version, kind), expected, "{api_version} {kind}");
    }
    for kind in Kind::ALL {
        assert_eq!(Kind::of(&format!("triggers.tekton.dev/{}", kind.versions()[0]), kind.name()), Some(kind));
        assert_eq!(kind.plural(), format!("{}s", kind.name().to_lowercase()));
        assert_eq!(kind.is_namespaced(), !kind.name().starts_with("Cluster"));
    }
}
