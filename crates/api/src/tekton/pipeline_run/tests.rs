//! The lines P1 to P8 and X4, and what a run means.

use super::*;

fn run(spec: &Value, status: &Value) -> PipelineRun {
    let metadata = json!({"namespace": "team-a", "name": "ci-1", "uid": "uid-1", "resourceVersion": "7"});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
}

fn ended(status: &str, reason: &str) -> Value {
    let condition = json!({
        "type": "Succeeded", "status": status, "reason": reason, "lastTransitionTime": "2026-01-02T03:04:05Z",
    });
    json!({"conditions": [condition], "startTime": "2026-01-02T03:04:00Z"})
}

fn now() -> Timestamp {
    "2026-01-02T03:05:00Z".parse().unwrap()
}

#[test]
fn the_class_is_what_a_rule_can_name() {
    let unstarted = json!({});
    let running = json!({"startTime": "2026-01-02T03:04:50Z"});
    let long_ago = json!({"startTime": "1982-01-02T03:04:05Z"});
    let limit = |text: &str| json!({"timeouts": {"pipeline": text}});
    for (line, spec, status, expected) in [
        ("R1", json!({}), unstarted, None),
        ("P4", json!({"status": "Cancelled"}), running.clone(), Some(RunClass::Cancelled)),
        ("P5", json!({}), running.clone(), Some(RunClass::Started)),
        ("P6", limit("1s"), long_ago.clone(), Some(RunClass::TimedOut)),
        ("within its limit", limit("1h0m0s"), running.clone(), Some(RunClass::Started)),
        ("without a limit", limit("0s"), long_ago.clone(), Some(RunClass::Started)),
        ("a limit of nonsense", limit("soon"), long_ago, Some(RunClass::Started)),
        ("P7", json!({}), ended("True", "Succeeded"), Some(RunClass::Succeeded)),
        ("tasks were skipped", json!({}), ended("True", "Completed"), Some(RunClass::Succeeded)),
        ("P8", json!({}), ended("False", "Failed"), Some(RunClass::Failed)),
        (
            "it never came to a Pipeline",
            json!({}),
            ended("False", "CouldntGetPipeline"),
            Some(RunClass::Failed),
        ),
        ("X4", json!({}), ended("False", "Cancelled"), Some(RunClass::Cancelled)),
        ("X4", json!({}), ended("False", "PipelineRunTimeout"), Some(RunClass::TimedOut)),
        (
            "cancelled too late",
            json!({"status": "Cancelled"}),
            ended("True", "Succeeded"),
            Some(RunClass::Succeeded),
        ),
        (
            "finally is under way",
            json!({}),
            ended("Unknown", "CancelledRunningFinally"),
            Some(RunClass::Started),
        ),
    ] {
        assert_eq!(run(&spec, &status).class(now()), expected, "{line}");
    }
}

#[test]
fn the_moment_is_when_it_came_into_the_class() {
    let running = |spec: Value| {
        let mut status = ended("Unknown", "Running");
        status["conditions"][0]["lastTransitionTime"] = json!("2026-01-02T03:04:01Z");
        run(&spec, &status).event(now()).unwrap().since
    };
    let at = |text: &str| text.parse::<Timestamp>().ok();
    assert_eq!(running(json!({})), at("2026-01-02T03:04:00Z"), "its start");
    let limited = json!({"timeouts": {"pipeline": "30s"}});
    assert_eq!(running(limited), at("2026-01-02T03:04:30Z"), "the end of its time");
    assert_eq!(running(json!({"status": "Cancelled"})), None, "not when it began to run");
    let over = run(&json!({}), &ended("False", "Failed"));
    assert_eq!(
        over.event(now()).unwrap().since,
        at("2026-01-02T03:04:05Z"),
        "no completion time: the condition's"
    );
}

#[test]
fn the_builds_of_its_tasks_are_known() {
    let task = |api: &str, kind: &str| json!({"taskRef": {"apiVersion": api, "kind": kind, "name": "web"}});
    let of = |tasks: Value| json!({"startTime": "2026-01-02T03:04:00Z", "pipelineSpec": tasks});
    for (line, status, expected) in [
        ("P1", json!({"startTime": "2026-01-02T03:04:00Z"}), &[][..]),
        ("P2", of(json!({"tasks": [{"name": "a"}]})), &[]),
        ("P3", of(json!({"tasks": [task("shipwright.io/v1beta1", "Build")]})), &["web"]),
        ("any version", of(json!({"tasks": [task("shipwright.io/v1alpha1", "Build")]})), &["web"]),
        ("finally", of(json!({"finally": [task("shipwright.io/v1beta1", "Build")]})), &["web"]),
        ("another kind", of(json!({"tasks": [task("shipwright.io/v1beta1", "Other")]})), &[]),
        ("another group", of(json!({"tasks": [task("example.dev/v1", "Build")]})), &[]),
    ] {
        let run = run(&json!({"pipelineRef": {"name": "ci"}}), &status);
        for run in [run.reduced(), run] {
            assert_eq!(run.event(now()).unwrap().builds, expected, "{line}");
        }
    }
}

#[test]
fn the_pipeline_is_named_by_reference_or_by_label() {
    let labelled = |spec: Value| {
        let mut run = run(&spec, &json!({"startTime": "2026-01-02T03:04:00Z"}));
        let labels = [(LABEL_PIPELINE, "of-the-label"), ("team", "a"), ("triggers.shipwright.io/x", "y")];
        run.metadata.labels = Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        run.event(now()).unwrap()
    };
    let named = labelled(json!({"pipelineRef": {"name": "ci"}}));
    assert_eq!(named.pipeline.as_deref(), Some("ci"));
    assert_eq!(named.labels.keys().collect::<Vec<_>>(), ["team", LABEL_PIPELINE], "ours do not count");
    let resolved = labelled(json!({"pipelineRef": {"resolver": "cluster"}}));
    assert_eq!(resolved.pipeline.as_deref(), Some("of-the-label"));
    let embedded = labelled(json!({"pipelineSpec": {"tasks": []}}));
    assert_eq!(embedded.pipeline, None, "Tekton labels it with its own name");
}

#[test]
fn a_run_of_the_build_controller_is_known_by_label_or_owner() {
    let status = ended("True", "Succeeded");
    let mut labelled = run(&json!({}), &status);
    labelled.metadata.labels =
        Some([(annotations::LABEL_BUILD_RUN_NAME.to_owned(), "web-1".to_owned())].into());
    let mut owned = run(&json!({}), &status);
    owned.metadata.owner_references = serde_json::from_value(
        json!([{"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun", "name": "web-1", "uid": "u"}]),
    )
    .unwrap();
    for run in [labelled.reduced(), owned.reduced(), labelled, owned] {
        assert_eq!(run.event(now()).unwrap().carries_out.as_deref(), Some("web-1"));
    }
    assert_eq!(run(&json!({}), &status).event(now()).unwrap().carries_out, None);
}

#[test]
fn a_note_counts_only_on_the_run_that_it_is_about() {
    let noted = |name: &str, builds: &str| {
        let mut run = run(&json!({}), &ended("True", "Completed"));
        let notes = [(annotations::RECORD_OF, name), (annotations::TRIGGERED_BUILDS, builds)];
        run.metadata.annotations = Some(notes.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        run.event(now()).unwrap().recorded
    };
    let at = |status: &str| format!(r#"[{{"buildName":"web","objectRef":{{"status":["{status}"]}}}}]"#);
    assert_eq!(noted("ci-1", &at("Succeeded")), ["web"]);
    assert_eq!(noted("ci-1", &at("Completed")), ["web"], "the literal reason is the same status");
    assert_eq!(noted("ci-1", &at("Started")), [""; 0]);
    assert_eq!(noted("ci-0", &at("Succeeded")), [""; 0], "it was copied with the run");
    assert_eq!(noted("ci-1", "bogus stuff"), [""; 0]);
}

#[test]
fn the_reduced_run_means_the_same_and_is_small() {
    let tasks: Vec<_> =
        (0..500).map(|n| json!({"name": format!("task-{n}"), "taskSpec": {"steps": []}})).collect();
    let mut status = ended("False", "Failed");
    status["completionTime"] = json!("2026-01-02T03:04:06Z");
    status["pipelineSpec"] = json!({"tasks": tasks});
    let mut run =
        run(&json!({"pipelineRef": {"name": "ci"}, "params": [{"name": "token", "value": "x"}]}), &status);
    run.metadata.annotations = Some([("someones".to_owned(), "secret".to_owned())].into());
    let reduced = run.reduced();
    assert_eq!(reduced.event(now()), run.event(now()));
    assert_eq!(run.event(now()).unwrap().since, "2026-01-02T03:04:06Z".parse().ok());
    let text = serde_json::to_string(&reduced).unwrap();
    assert!(text.len() < 600 && !text.contains("secret") && !text.contains("token"), "{text}");
}

#[test]
fn nonsense_is_no_event() {
    for object in [
        json!({"metadata": {}}),
        json!({"metadata": {}, "spec": 7, "status": "x"}),
        json!({"metadata": {}, "status": {"conditions": {"type": 3}}}),
    ] {
        let run: PipelineRun = serde_json::from_value(object).unwrap();
        assert_eq!(run.event(now()), None);
        assert_eq!(run.reduced().event(now()), None);
    }
}
