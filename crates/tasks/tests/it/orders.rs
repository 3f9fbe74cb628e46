//! What a task asks for, and the BuildRun that it becomes.

use serde_json::{Value, json};
use trigger_tasks::{NamedBuild, ObservedRun, Step, step};

use crate::scene::{at, custom_run, read, read_run, run};

/// The lines C5, C6 and X10.
#[test]
fn only_tasks_that_ask_for_a_build_are_ours() {
    let reference = |version: &str, kind: &str| json!({"spec": {"customRef": {"apiVersion": version, "kind": kind, "name": "web"}}});
    for (change, ours) in [
        (reference("shipwright.io/v1beta1", "Build"), true),
        (reference("shipwright.io/v1alpha1", "Build"), true),
        (reference("shipwright.io/v1", "Build"), false),
        (reference("shipwright.io/v1beta1", "BuildRun"), false),
        (reference("tekton.dev/v1", "Task"), false),
        (reference("", ""), false),
        (json!({"spec": {"customRef": null}}), false),
        (json!({"spec": null}), false),
        (json!({"spec": {"customRef": "odd"}}), false),
        (
            json!({"spec": {"customRef": null, "customSpec": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build"}}}),
            true,
        ),
        // The name of a field of the other kind.
        (
            json!({"spec": {"customRef": null, "ref": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build"}}}),
            false,
        ),
    ] {
        assert_eq!(read(&custom_run(&change)).is_some(), ours, "{change}");
    }
    assert!(read_run(&run(&json!({}))).is_some());
    assert!(read_run(&custom_run(&json!({}))).is_none());
}

fn refused(change: &Value, reason: &str, words: &str) {
    let task = read(&custom_run(change)).unwrap();
    let Step::Write(write) = step(&task, &ObservedRun::Absent, at(0)) else {
        panic!("{change} is not refused")
    };
    let said = &write.said;
    assert_eq!((said.status.as_str(), said.reason.as_str()), ("False", reason), "{change}");
    assert!(said.message.contains(words), "{change}: {}", said.message);
}

#[test]
fn what_cannot_be_carried_out_is_refused_with_a_reason() {
    let spec = |spec: Value| json!({ "spec": spec });
    let embedded = |spec: Value| {
        json!({"spec": {
            "customRef": null,
            "customSpec": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "spec": spec},
        }})
    };
    refused(&spec(json!({"customRef": {"name": null}})), "InvalidSpec", "no name");
    refused(&spec(json!({"customRef": {"name": ""}})), "InvalidSpec", "no name");
    refused(&spec(json!({"customRef": {"name": "../secrets/x"}})), "InvalidSpec", "no name that");
    refused(&spec(json!({"customSpec": {"spec": {}}})), "InvalidSpec", "both named and embedded");
    refused(&embedded(Value::Null), "InvalidSpec", "no spec");
    refused(&embedded(json!("odd")), "InvalidSpec", "cannot be read");
    refused(&embedded(json!({"source": 5})), "InvalidSpec", "cannot be read");
    refused(&spec(json!({"timeout": "soon"})), "InvalidSpec", "\"soon\"");
    refused(&spec(json!({"timeout": 5})), "InvalidSpec", "cannot be read");
    refused(&spec(json!({"params": "odd"})), "InvalidSpec", "cannot be read");
    refused(&spec(json!({"retries": "many"})), "InvalidSpec", "cannot be read");
    refused(
        &spec(json!({"params": [{"name": "p", "value": {"k": "v"}}]})),
        "InvalidParams",
        "\"p\" is an object",
    );
    let workspaces = json!([{"name": "w", "emptyDir": {}, "subPath": "x"}]);
    refused(&spec(json!({"workspaces": workspaces})), "CustomRunWorkspaceNotSupported", "subPath");
    // One that nobody can read can still be cancelled.
    refused(&spec(json!({"params": "odd", "status": "RunCancelled"})), "CustomRunCancelled", "cancelled");
}

fn made(change: &Value) -> Value {
    read(&custom_run(change)).unwrap().creation(&NamedBuild::default()).unwrap().object
}

#[test]
fn a_named_build_is_run_with_what_the_task_says_beside_it() {
    let change = json!({"spec": {
        "params": [{"name": "a", "value": "1"}, {"name": "b", "value": ["2"]}],
        "timeout": "10m", "serviceAccountName": "builder",
        "workspaces": [{"name": "cache", "emptyDir": {}}],
    }});
    assert_eq!(
        made(&change)["spec"],
        json!({
            "build": {"name": "web"},
            "paramValues": [{"name": "a", "value": "1"}, {"name": "b", "values": [{"value": "2"}]}],
            "timeout": "660s", "serviceAccount": "builder",
            "volumes": [{"name": "cache", "emptyDir": {}}],
        })
    );
    for unsaid in [json!({}), json!({"timeout": "", "serviceAccountName": "default", "params": null})] {
        let expected = json!({"build": {"name": "web"}, "timeout": "3660s"});
        assert_eq!(made(&json!({ "spec": unsaid }))["spec"], expected);
    }
    assert_eq!(made(&json!({"spec": {"timeout": "0s"}}))["spec"], json!({"build": {"name": "web"}}));
}

#[test]
fn an_embedded_build_holds_what_may_not_stand_beside_it() {
    let beta = json!({
        "output": {"image": "registry.example/web"},
        "strategy": {"name": "buildah", "kind": "ClusterBuildStrategy"},
        "trigger": {"when": []}, "retention": {"atBuildDeletion": true},
        "paramValues": [{"name": "a", "value": "theirs"}, {"name": "b", "value": "theirs"}],
    });
    let change = |version: &str, spec: Value| {
        json!({"spec": {
            "customRef": null, "params": [{"name": "a", "value": "ours"}], "timeout": "10m",
            "serviceAccountName": "builder",
            "customSpec": {"apiVersion": version, "kind": "Build", "spec": spec},
        }})
    };
    let object = made(&change("shipwright.io/v1beta1", beta));
    assert_eq!(
        object["spec"],
        json!({"serviceAccount": "builder", "build": {"spec": {
            "output": {"image": "registry.example/web"},
            "strategy": {"name": "buildah", "kind": "ClusterBuildStrategy"},
            "paramValues": [{"name": "b", "value": "theirs"}, {"name": "a", "value": "ours"}],
            "timeout": "660s",
        }}})
    );
    assert!(object["metadata"]["labels"]["build.shipwright.io/name"].is_null(), "it has no Build");

    let alpha = json!({
        "source": {"url": "https://git.example/web"}, "dockerfile": "Dockerfile.prod",
        "output": {"image": "registry.example/web", "credentials": {"name": "push"}},
    });
    assert_eq!(
        made(&change("shipwright.io/v1alpha1", alpha))["spec"]["build"]["spec"],
        json!({
            "source": {"type": "Git", "git": {"url": "https://git.example/web"}},
            "output": {"image": "registry.example/web", "pushSecret": "push"},
            "paramValues": [{"name": "dockerfile", "value": "Dockerfile.prod"}, {"name": "a", "value": "ours"}],
            "timeout": "660s",
        })
    );
}

#[test]
fn the_limit_of_a_build_stays_where_it_passes_before_that_of_the_task() {
    let named = |timeout: &str| {
        let build = NamedBuild::read(&json!({"spec": {"timeout": timeout}}));
        read(&custom_run(&json!({}))).unwrap().creation(&build).unwrap().object
    };
    assert!(named("5m")["spec"]["timeout"].is_null());
    assert_eq!(named("1h")["spec"]["timeout"], "3660s");
    let embedded = |timeout: &str| {
        let spec = json!({"output": {"image": "web"}, "timeout": timeout});
        let spec = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "spec": spec});
        made(&json!({"spec": {"customRef": null, "customSpec": spec}}))
    };
    assert_eq!(embedded("5m")["spec"]["build"]["spec"]["timeout"], "5m");
    assert_eq!(embedded("1h")["spec"]["build"]["spec"]["timeout"], "3660s");
}

/// The line C8, and the owner trap of `retention.atBuildDeletion`.
#[test]
fn the_run_says_whose_it_is() {
    let labels = json!({"tekton.dev/pipelineRun": "release-7", "tekton.dev/pipelineTask": "image"});
    let task = read(&custom_run(&json!({"metadata": {"labels": labels}, "spec": {"retries": 2}}))).unwrap();
    let creation = task.creation(&NamedBuild::default()).unwrap();
    let metadata = &creation.object["metadata"];
    assert_eq!(metadata["name"], *creation.key.name);
    assert_eq!(
        metadata["labels"],
        json!({
            "trigger.shipwright.io/customrun-uid": "uid-1",
            "triggers.shipwright.io/owned-by-customrun": "release-image",
            "build.shipwright.io/name": "web",
        })
    );
    assert_eq!(
        metadata["annotations"],
        json!({"trigger.shipwright.io/customrun": "release-image", "trigger.shipwright.io/pipelinerun": "release-7"})
    );
    assert_eq!(
        metadata["ownerReferences"],
        json!([{
            "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "name": "release-image", "uid": "uid-1",
            "controller": false, "blockOwnerDeletion": false,
        }])
    );
    assert_eq!(creation.condition.reason, "CustomRun");
    assert_eq!(
        creation.condition.message,
        "attempt 1 of 3 of task image of PipelineRun release-7 (CustomRun release-image)"
    );
    let taking = NamedBuild::read(&json!({"spec": {"retention": {"atBuildDeletion": true}}}));
    assert!(task.creation(&taking).unwrap().object["metadata"]["ownerReferences"].is_null());
    let run = read_run(&run(&json!({}))).unwrap().creation(&NamedBuild::default()).unwrap();
    assert_eq!(run.object["metadata"]["labels"]["triggers.shipwright.io/owned-by-run"], "release-image");
    assert_eq!(run.condition.message, "attempt 1 of 1 of Run release-image");
}

#[test]
fn the_run_goes_on_with_the_trace_that_tekton_notes() {
    let trace = |digit: &str| format!("00-{}-{}-01", digit.repeat(32), digit.repeat(16));
    let context = |digit: &str| json!({"traceparent": trace(digit), "tracestate": ""}).to_string();
    let (of_task, of_run) = ("tekton.dev/taskrunSpanContext", "tekton.dev/pipelinerunSpanContext");
    let given = "tekton.dev/deliveryTraceparent";
    for (annotations, expected) in [
        (json!({}), None),
        (json!({of_run: context("a")}), Some("a")),
        (json!({of_run: context("a"), of_task: context("b"), given: trace("c")}), Some("b")),
        (json!({"tekton.dev/customrunSpanContext": context("d"), of_task: context("b")}), Some("d")),
        (json!({given: trace("c")}), Some("c")),
        (json!({of_task: "{}", of_run: "not JSON", given: trace("c")}), Some("c")),
        (json!({of_task: context("0")}), None),
        (json!({given: "00-1-2-01"}), None),
    ] {
        let task = read(&custom_run(&json!({"metadata": {"annotations": annotations}}))).unwrap();
        let object = task.creation(&NamedBuild::default()).unwrap().object;
        let found = object["metadata"]["annotations"]["trigger.shipwright.io/traceparent"].as_str();
        assert_eq!(found, expected.map(trace).as_deref(), "{annotations}");
    }
}

#[test]
fn a_name_that_is_too_long_for_a_label_is_left_out_there() {
    let long = format!("a.{}", "b".repeat(200));
    let object = made(&json!({"metadata": {"name": long}}));
    assert!(object["metadata"]["labels"]["triggers.shipwright.io/owned-by-customrun"].is_null());
    assert_eq!(object["metadata"]["annotations"]["trigger.shipwright.io/customrun"], *long);
    assert!(object["metadata"]["name"].as_str().unwrap().len() <= 63);
}

#[test]
fn the_name_of_the_run_follows_from_task_and_attempt() {
    let name = |change: &Value| read(&custom_run(change)).unwrap().run().name.to_string();
    let first = name(&json!({}));
    assert!(first.starts_with("release-image-"), "{first}");
    assert_eq!(first, name(&json!({"metadata": {"resourceVersion": "9"}, "spec": {"params": []}})));
    assert_ne!(first, name(&json!({"metadata": {"uid": "uid-2"}})));
    assert_ne!(first, name(&json!({"status": {"retriesStatus": [{}]}})));
}
