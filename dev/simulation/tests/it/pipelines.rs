//! The simulated PipelineRun controller. The tests act as the controller of a custom task.

mod stage;

use serde_json::{Value, json};
use trigger_devcluster::DevCluster;

use self::stage::{ENDLESS, QUICK, Stage, condition, definitions, runs};
use crate::poll::eventually;

/// A task with more fields.
fn with(mut task: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("more fields must be an object") };
    task.as_object_mut().unwrap().extend(more);
    task
}

fn ordinary(name: &str) -> Value {
    json!({"name": name, "taskRef": {"name": "some-task"}})
}

fn custom(name: &str) -> Value {
    json!({"name": name, "taskRef": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "web"}})
}

fn when(input: &str, operator: &str, values: &[&str]) -> Value {
    json!({"when": [{"input": input, "operator": operator, "values": values}]})
}

fn skipped(run: &Value) -> Value {
    run["status"]["skippedTasks"].clone()
}

#[tokio::test]
async fn a_run_of_ordinary_tasks_is_running_and_then_succeeds() {
    let stage = Stage::new(QUICK).await;
    stage
        .pipeline("p", json!({"tasks": [ordinary("a"), with(ordinary("b"), json!({"runAfter": ["a"]}))]}))
        .await;
    let mut watch = stage.store().watch(&runs(), "").await.unwrap();
    stage.run_with("r", json!({"labels": {"team": "red"}}), json!({"pipelineRef": {"name": "p"}})).await;
    let mut reasons = Vec::new();
    let last = loop {
        let object = watch.next().await.unwrap().object().clone();
        reasons.extend(condition(&object)["reason"].as_str().map(str::to_owned));
        if reasons.last().is_some_and(|reason| reason == "Succeeded") {
            break object;
        }
    };
    reasons.dedup();
    assert_eq!(reasons, ["Started", "Running", "Succeeded"]);
    let labels = json!({"team": "red", "tier": "back", "tekton.dev/pipeline": "p"});
    assert_eq!(last["metadata"]["labels"], labels);
    assert!(last["status"]["startTime"].is_string() && last["status"]["completionTime"].is_string());
    assert_eq!(last["status"]["pipelineSpec"]["tasks"][1]["name"], "b");
    assert!(last["status"].get("childReferences").is_none());
}

#[tokio::test]
async fn an_embedded_pipeline_has_the_name_of_its_run() {
    let stage = Stage::new(QUICK).await;
    stage.embedded("r", json!({"tasks": [{"name": "a", "taskSpec": {"steps": []}}]})).await;
    let run = stage.reaches("r", "True", "Succeeded").await;
    assert_eq!(run["metadata"]["labels"]["tekton.dev/pipeline"], "r");
    assert_eq!(run["status"]["pipelineSpec"], run["spec"]["pipelineSpec"]);
}

#[tokio::test]
async fn a_run_that_cannot_start_fails_with_the_reason() {
    let stage = Stage::new(QUICK).await;
    let after = |name: &str, other: &str| with(ordinary(name), json!({"runAfter": [other]}));
    let workspaces = json!({"workspaces": [{"name": "w"}], "tasks": [ordinary("a")]});
    let params = json!({"params": [{"name": "p"}], "tasks": [ordinary("a")]});
    let long = "r".repeat(64);
    let one = json!({"tasks": [ordinary("a")]});
    let cases = [
        ("missing", json!({"pipelineRef": {"name": "nothing"}}), "CouldntGetPipeline", false),
        ("nothing", json!({}), "CouldntGetPipeline", false),
        ("resolver", json!({"pipelineRef": {"resolver": "git"}}), "CouldntGetPipeline", false),
        (
            "cycle",
            json!({"pipelineSpec": {"tasks": [after("a", "b"), after("b", "a")]}}),
            "PipelineValidationFailed",
            true,
        ),
        (long.as_str(), json!({"pipelineSpec": one}), "PipelineValidationFailed", false),
        (
            "number",
            json!({"pipelineSpec": one, "timeouts": {"pipeline": 5}}),
            "PipelineValidationFailed",
            false,
        ),
        (
            "timeout",
            json!({"pipelineSpec": one, "timeouts": {"pipeline": "soon"}}),
            "PipelineValidationFailed",
            false,
        ),
        ("workspace", json!({"pipelineSpec": workspaces}), "InvalidWorkspaceBindings", true),
        ("param", json!({"pipelineSpec": params}), "ParameterMissing", true),
    ];
    for (name, spec, reason, has_spec) in cases {
        stage.run(name, spec).await;
        let run = stage.reaches(name, "False", reason).await;
        assert_eq!(run["status"].get("pipelineSpec").is_some(), has_spec, "{name}");
    }
}

#[tokio::test]
async fn a_custom_task_becomes_a_custom_run() {
    let stage = Stage::new(QUICK).await;
    let task = json!({
        "name": "build",
        "taskRef": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "web"},
        "params": [
            {"name": "text", "value": "v$(params.version)-$(context.pipelineRun.name)"},
            {"name": "list", "value": ["x", "$(params.list[*])", "$(params.version)"]},
            {"name": "all", "value": "$(params.list[*])"},
            {"name": "first", "value": "$(params.list[0])"},
        ],
        "retries": 2,
        "timeout": "5m",
        "workspaces": [{"name": "src", "workspace": "shared", "subPath": "sub"}, {"name": "cache"}],
    });
    let embedded = json!({"name": "other", "taskSpec": {
        "apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"labels": {"of": "spec"}}, "spec": {"k": [1]}}});
    let pipeline = json!({
        "params": [{"name": "version", "default": "1"}, {"name": "list", "type": "array"}],
        "workspaces": [{"name": "shared"}, {"name": "cache", "optional": true}],
        "tasks": [task],
        "finally": [embedded],
    });
    stage.pipeline("p", pipeline).await;
    let metadata = json!({"labels": {"mine": "x"}, "annotations": {
        "note": "kept", "dev.shipwright.io/simulate": "fail: other"}});
    let spec = json!({
        "pipelineRef": {"name": "p"},
        "params": [{"name": "list", "value": ["a", "b"]}],
        "workspaces": [{"name": "shared", "configMap": {"name": "c"}}],
    });
    stage.run_with("r", metadata, spec).await;
    let first = stage.custom_run("r-build").await;
    let run = stage.reaches("r", "Unknown", "Running").await;
    let owner = json!([{"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": "r",
        "uid": run["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}]);
    assert_eq!(first["metadata"]["ownerReferences"], owner);
    let labels = json!({
        "mine": "x", "team": "blue", "tier": "back", "tekton.dev/pipeline": "p", "tekton.dev/pipelineRun": "r",
        "tekton.dev/pipelineRunUID": run["metadata"]["uid"], "tekton.dev/pipelineTask": "build",
        "tekton.dev/memberOf": "tasks",
    });
    assert_eq!(first["metadata"]["labels"], labels);
    let annotations = json!({"note": "kept", "dev.shipwright.io/simulated": "true"});
    assert_eq!(first["metadata"]["annotations"], annotations);
    let expected = json!({
        "customRef": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "web"},
        "params": [
            {"name": "text", "value": "v1-r"},
            {"name": "list", "value": ["x", "a", "b", "1"]},
            {"name": "all", "value": ["a", "b"]},
            {"name": "first", "value": "a"},
        ],
        "retries": 2, "timeout": "5m", "serviceAccountName": "default",
        "workspaces": [{"name": "src", "configMap": {"name": "c"}, "subPath": "sub"}],
    });
    assert_eq!(first["spec"], expected);
    let reference = |name: &str, task: &str| {
        json!({"apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun",
        "name": name, "pipelineTaskName": task})
    };
    assert_eq!(run["status"]["childReferences"], json!([reference("r-build", "build")]));
    assert_eq!(stage.custom_run_names().await, ["r-build"]);

    stage.settle("r-build", "True", "Succeeded", json!([])).await;
    let second = stage.custom_run("r-other").await;
    let spec = json!({"apiVersion": "example.dev/v1", "kind": "Thing",
        "metadata": {"labels": {"of": "spec"}}, "spec": {"k": [1]}});
    assert_eq!(second["spec"], json!({"customSpec": spec, "serviceAccountName": "default"}));
    assert_eq!(second["metadata"]["labels"]["tekton.dev/memberOf"], "finally");
    assert_eq!(second["metadata"]["labels"]["of"], "spec");
    stage.settle("r-other", "True", "Succeeded", json!([])).await;
    let run = stage.reaches("r", "True", "Succeeded").await;
    let references = json!([reference("r-build", "build"), reference("r-other", "other")]);
    assert_eq!(run["status"]["childReferences"], references);
}

#[tokio::test]
async fn a_custom_run_has_the_service_account_and_the_claim_of_its_run() {
    let stage = Stage::new(QUICK).await;
    let one = with(custom("one"), json!({"workspaces": [{"name": "src"}]}));
    let two = with(custom("two"), json!({"workspaces": [{"name": "code", "workspace": "src"}]}));
    let spec = json!({
        "taskRunTemplate": {"serviceAccountName": "builder"},
        "workspaces": [{"name": "src", "volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}],
        "pipelineSpec": {"workspaces": [{"name": "src"}], "tasks": [one, two]},
    });
    stage.run("r", spec).await;
    let (one, two) = (stage.custom_run("r-one").await, stage.custom_run("r-two").await);
    assert_eq!(one["spec"]["serviceAccountName"], "builder");
    let claim = &one["spec"]["workspaces"][0]["persistentVolumeClaim"];
    assert!(claim["claimName"].as_str().unwrap().starts_with("pvc-"));
    let expected = json!([{"name": "code", "persistentVolumeClaim": claim}]);
    assert_eq!(two["spec"]["workspaces"], expected);
}

#[tokio::test]
async fn long_names_are_truncated_to_valid_names() {
    let stage = Stage::new(QUICK).await;
    let (run, task) = ("r".repeat(60), "t".repeat(60));
    stage.embedded(&run, json!({"tasks": [custom(&task)]})).await;
    let run = stage.reaches(&run, "Unknown", "Running").await;
    let name = run["status"]["childReferences"][0]["name"].as_str().unwrap();
    assert!(name.len() <= 63 && name.starts_with("rrr"), "{name}");
    assert_eq!(stage.custom_run_names().await, [name]);
}

#[tokio::test]
async fn results_are_passed_to_later_tasks_and_to_the_pipeline() {
    let stage = Stage::new(QUICK).await;
    let consumer = with(
        custom("deploy"),
        json!({"params": [
            {"name": "image", "value": "at $(tasks.build.results.image)"},
            {"name": "tags", "value": "$(tasks.build.results.tags[*])"},
            {"name": "tag", "value": "$(tasks.build.results['tags'][1])"},
            {"name": "commit", "value": "$(tasks.clone.results.commit)"},
        ]}),
    );
    let last = with(custom("report"), json!({"params": [{"name": "how", "value": "$(tasks.status)"}]}));
    let results = json!([
        {"name": "image", "value": "$(tasks.build.results.image)"},
        {"name": "answer", "value": "$(finally.report.results.answer)"},
        {"name": "absent", "value": "$(tasks.build.results.absent)"},
    ]);
    // The list is in the wrong order; the references to results give the right one.
    let pipeline = json!({"tasks": [consumer, ordinary("clone"), custom("build")], "finally": [last], "results": results});
    stage.embedded("r", pipeline).await;
    let results = json!([{"name": "image", "value": "web:1"}, {"name": "tags", "value": "[\"a\",\"b\"]"}]);
    stage.settle("r-build", "True", "Succeeded", results).await;
    let deploy = stage.custom_run("r-deploy").await;
    let params = json!([
        {"name": "image", "value": "at web:1"},
        {"name": "tags", "value": ["a", "b"]},
        {"name": "tag", "value": "b"},
        {"name": "commit", "value": "simulated-commit"},
    ]);
    assert_eq!(deploy["spec"]["params"], params);
    stage.settle("r-deploy", "True", "Succeeded", json!([])).await;
    let report = stage.custom_run("r-report").await;
    assert_eq!(report["spec"]["params"], json!([{"name": "how", "value": "Succeeded"}]));
    stage.settle("r-report", "True", "Succeeded", json!([{"name": "answer", "value": "yes"}])).await;
    let run = stage.reaches("r", "True", "Succeeded").await;
    let results = json!([{"name": "image", "value": "web:1"}, {"name": "answer", "value": "yes"}]);
    assert_eq!(run["status"]["results"], results);
}

#[tokio::test]
async fn a_result_that_is_missing_fails_the_run() {
    let stage = Stage::new(QUICK).await;
    let params = json!({"params": [{"name": "p", "value": "$(tasks.build.results.image)"}]});
    stage.embedded("r", json!({"tasks": [custom("build"), with(custom("deploy"), params)]})).await;
    stage.settle("r-build", "True", "Succeeded", json!([{"name": "other", "value": "x"}])).await;
    let run = stage.reaches("r", "False", "InvalidTaskResultReference").await;
    let message = condition(&run)["message"].as_str().unwrap();
    assert!(["deploy", "build", "image"].iter().all(|word| message.contains(word)), "{message}");
    assert_eq!(stage.custom_run_names().await, ["r-build"]);
}

#[tokio::test]
async fn a_failed_custom_run_fails_the_run_after_finally() {
    let stage = Stage::new(QUICK).await;
    let later = with(custom("later"), json!({"runAfter": ["build"]}));
    let params = json!({"params": [{"name": "how", "value": "$(tasks.build.status) $(tasks.later.status)"}]});
    let needy = json!({"params": [{"name": "image", "value": "$(tasks.build.results.image)"}]});
    let finally = json!([with(custom("report"), params), with(custom("needy"), needy)]);
    stage
        .embedded("r", json!({"tasks": [custom("build"), custom("beside"), later], "finally": finally}))
        .await;
    stage.settle("r-build", "False", "BuildRunTimeout", json!([])).await;
    // Running tasks continue to their end.
    stage.reaches("r", "Unknown", "PipelineRunStopping").await;
    assert_eq!(stage.custom_run_names().await, ["r-beside", "r-build"]);
    stage.settle("r-beside", "True", "Succeeded", json!([])).await;
    let report = stage.custom_run("r-report").await;
    assert_eq!(report["spec"]["params"], json!([{"name": "how", "value": "Failed None"}]));
    stage.settle("r-report", "True", "Succeeded", json!([])).await;
    let run = stage.reaches("r", "False", "Failed").await;
    let message = condition(&run)["message"].as_str().unwrap();
    assert!(message.contains("BuildRunTimeout"), "{message}");
    let expected = json!([
        {"name": "later", "reason": "PipelineRun was stopping"},
        {"name": "needy", "reason": "Results were missing"},
    ]);
    assert_eq!(skipped(&run), expected);
}

#[tokio::test]
async fn tasks_that_the_annotation_lists_fail() {
    let stage = Stage::new(QUICK).await;
    let orders = json!({"annotations": {"dev.shipwright.io/simulate": "fail: test"}});
    let later = with(ordinary("later"), json!({"runAfter": ["test"]}));
    let spec = json!({"pipelineSpec": {"tasks": [ordinary("test"), later], "finally": [ordinary("clean")]}});
    stage.run_with("r", orders, spec).await;
    let run = stage.reaches("r", "False", "Failed").await;
    assert!(condition(&run)["message"].as_str().unwrap().contains("\"test\""));
    assert_eq!(skipped(&run), json!([{"name": "later", "reason": "PipelineRun was stopping"}]));
}

#[tokio::test]
async fn a_custom_run_that_was_cancelled_cancels_the_run() {
    let stage = Stage::new(QUICK).await;
    stage.embedded("r", json!({"tasks": [custom("build")]})).await;
    stage.settle("r-build", "False", "CustomRunCancelled", json!([])).await;
    stage.reaches("r", "False", "Cancelled").await;
}

#[tokio::test]
async fn tasks_with_a_false_when_are_skipped() {
    let stage = Stage::new(QUICK).await;
    let after = |name: &str, other: &str| with(custom(name), json!({"runAfter": [other]}));
    let needy = json!({"params": [{"name": "p", "value": "$(tasks.not.results.r)"}]});
    let tasks = json!([
        with(custom("not"), when("$(params.branch)", "in", &["release", "next"])),
        with(custom("nor"), when("$(params.branch)", "notin", &["$(params.branches[*])"])),
        with(custom("yes"), when("$(params.branch)", "in", &["$(params.branches[*])"])),
        after("after", "not"),
        with(custom("needy"), needy),
        after("after-needy", "needy"),
    ]);
    let params =
        json!([{"name": "branch", "default": "main"}, {"name": "branches", "default": ["main", "dev"]}]);
    stage.embedded("r", json!({"params": params, "tasks": tasks})).await;
    stage.settle("r-yes", "True", "Succeeded", json!([])).await;
    stage.settle("r-after", "True", "Succeeded", json!([])).await;
    let run = stage.reaches("r", "True", "Completed").await;
    assert_eq!(stage.custom_run_names().await, ["r-after", "r-yes"]);
    let mut reasons: Vec<_> = skipped(&run).as_array().unwrap().iter().map(Value::to_string).collect();
    reasons.sort();
    let expected = [
        json!({"name": "after-needy", "reason": "Parent Tasks were skipped"}),
        json!({"name": "needy", "reason": "Results were missing"}),
        json!({"name": "nor", "reason": "When Expressions evaluated to false"}),
        json!({"name": "not", "reason": "When Expressions evaluated to false"}),
    ];
    assert_eq!(reasons, expected.map(|skipped| skipped.to_string()));
}

#[tokio::test]
async fn a_cancelled_run_ends_at_once_and_cancels_its_custom_runs() {
    let stage = Stage::new(ENDLESS).await;
    stage
        .embedded(
            "r",
            json!({"tasks": [custom("done"), custom("build"), ordinary("slow")], "finally": [custom("f")]}),
        )
        .await;
    stage.settle("r-done", "True", "Succeeded", json!([])).await;
    stage.custom_run("r-build").await;
    stage.set_spec_status("r", "Cancelled").await;
    stage.reaches("r", "False", "Cancelled").await;
    let build = stage.custom_run("r-build").await;
    assert_eq!(build["spec"]["status"], "RunCancelled");
    assert!(build["spec"]["statusMessage"].as_str().unwrap().ends_with("has been cancelled."));
    assert!(stage.custom_run("r-done").await["spec"].get("status").is_none());
    // Later results of the CustomRun have no effect.
    let before = stage.get("r").await;
    stage.settle("r-build", "False", "CustomRunCancelled", json!([])).await;
    stage.embedded("next", json!({"tasks": [custom("build")]})).await;
    stage.custom_run("next-build").await;
    assert_eq!(stage.get("r").await, before);
    assert_eq!(stage.custom_run_names().await, ["next-build", "r-build", "r-done"]);
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_its_start_starts_no_tasks() {
    let stage = Stage::new(QUICK).await;
    stage.run("r", json!({"status": "Cancelled", "pipelineSpec": {"tasks": [custom("build")]}})).await;
    stage.reaches("r", "False", "Cancelled").await;
    assert!(stage.custom_run_names().await.is_empty());
}

#[tokio::test]
async fn a_graceful_end_runs_finally() {
    let cases = [
        ("CancelledRunFinally", "CancelledRunningFinally", "PipelineRun was gracefully cancelled"),
        ("StoppedRunFinally", "StoppedRunningFinally", "PipelineRun was gracefully stopped"),
    ];
    for (request, reason, skip) in cases {
        let stage = Stage::new(QUICK).await;
        let later = with(custom("later"), json!({"runAfter": ["build"]}));
        stage.embedded("r", json!({"tasks": [custom("build"), later], "finally": [custom("clean")]})).await;
        stage.custom_run("r-build").await;
        stage.set_spec_status("r", request).await;
        stage.reaches("r", "Unknown", reason).await;
        if request == "CancelledRunFinally" {
            stage.cancelled("r-build").await;
            stage.settle("r-build", "False", "CustomRunCancelled", json!([])).await;
        } else {
            assert!(stage.custom_run("r-build").await["spec"].get("status").is_none());
            stage.settle("r-build", "True", "Succeeded", json!([])).await;
        }
        stage.settle("r-clean", "True", "Succeeded", json!([])).await;
        let run = stage.reaches("r", "False", "Cancelled").await;
        assert_eq!(skipped(&run), json!([{"name": "later", "reason": skip}]));
    }
}

#[tokio::test]
async fn running_ordinary_tasks_end_when_they_are_cancelled() {
    let stage = Stage::new(ENDLESS).await;
    stage.embedded("r", json!({"tasks": [ordinary("slow")], "finally": [custom("clean")]})).await;
    stage.reaches("r", "Unknown", "Running").await;
    stage.set_spec_status("r", "CancelledRunFinally").await;
    stage.settle("r-clean", "True", "Succeeded", json!([])).await;
    stage.reaches("r", "False", "Cancelled").await;
}

#[tokio::test]
async fn a_run_beyond_its_timeout_fails() {
    let stage = Stage::new(ENDLESS).await;
    let spec = json!({"timeouts": {"pipeline": "1s"},
        "pipelineSpec": {"tasks": [custom("build"), ordinary("slow")], "finally": [custom("clean")]}});
    stage.run("r", spec).await;
    stage.custom_run("r-build").await;
    stage.reaches("r", "False", "PipelineRunTimeout").await;
    let build = stage.custom_run("r-build").await;
    assert_eq!(build["spec"]["status"], "RunCancelled");
    assert!(build["spec"]["statusMessage"].as_str().unwrap().ends_with("has timed out."));
    assert_eq!(stage.custom_run_names().await, ["r-build"]);
}

#[tokio::test]
async fn a_timeout_of_zero_means_no_timeout() {
    let stage = Stage::new(QUICK).await;
    stage.run("r", json!({"timeouts": {"pipeline": "0"}, "pipelineSpec": {"tasks": [ordinary("a")]}})).await;
    stage.reaches("r", "True", "Succeeded").await;
}

#[tokio::test]
async fn a_pending_run_starts_when_it_is_released() {
    let stage = Stage::new(QUICK).await;
    let spec = json!({"status": "PipelineRunPending", "pipelineSpec": {"tasks": [custom("build")]}});
    stage.run("r", spec).await;
    let run = stage.reaches("r", "Unknown", "PipelineRunPending").await;
    assert!(run["status"].get("startTime").is_none() && run["status"].get("pipelineSpec").is_none());
    // The other run was created later and has ended, so this one has been reconciled.
    stage.embedded("other", json!({"tasks": [ordinary("a")]})).await;
    stage.reaches("other", "True", "Succeeded").await;
    assert!(stage.custom_run_names().await.is_empty());
    stage.store().merge(&runs(), "default", "r", &json!({"spec": {"status": null}})).await.unwrap();
    stage.settle("r-build", "True", "Succeeded", json!([])).await;
    stage.reaches("r", "True", "Succeeded").await;
}

#[tokio::test]
async fn a_custom_run_of_another_owner_is_not_changed() {
    let stage = Stage::new(QUICK).await;
    let theirs = json!({"apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "metadata": {"name": "r-build"},
        "spec": {"customRef": {"apiVersion": "x/v1", "kind": "Y"}}});
    let theirs = stage.store().apply(theirs).await.unwrap();
    stage.embedded("r", json!({"tasks": [custom("build")]})).await;
    stage.reaches("r", "False", "CreateRunFailed").await;
    assert_eq!(stage.custom_run("r-build").await, theirs);
}

#[tokio::test]
async fn conditions_of_other_types_stay() {
    let stage = Stage::new(QUICK).await;
    stage.embedded("r", json!({"tasks": [custom("build")]})).await;
    let mut run = stage.reaches("r", "Unknown", "Running").await;
    run["status"]["conditions"].as_array_mut().unwrap().push(json!({"type": "Other", "status": "True"}));
    stage.store().replace_status(&runs(), run).await.unwrap();
    stage.settle("r-build", "True", "Succeeded", json!([])).await;
    let run = stage.reaches("r", "True", "Succeeded").await;
    let kinds: Vec<_> = run["status"]["conditions"].as_array().unwrap().iter().map(|c| &c["type"]).collect();
    assert_eq!(kinds, ["Other", "Succeeded"]);
}

#[tokio::test]
async fn a_change_of_a_pipeline_does_not_change_running_runs() {
    let stage = Stage::new(QUICK).await;
    let later = with(custom("later"), json!({"runAfter": ["build"]}));
    stage.pipeline("p", json!({"tasks": [custom("build"), later]})).await;
    stage.run("r", json!({"pipelineRef": {"name": "p"}})).await;
    stage.custom_run("r-build").await;
    stage.pipeline("p", json!({"tasks": [custom("else")]})).await;
    stage.settle("r-build", "True", "Succeeded", json!([])).await;
    stage.settle("r-later", "True", "Succeeded", json!([])).await;
    stage.reaches("r", "True", "Succeeded").await;
    assert_eq!(stage.custom_run_names().await, ["r-build", "r-later"]);
}

#[tokio::test]
async fn the_simulation_waits_for_the_definitions() {
    let stage = Stage::of(DevCluster::builder(), QUICK).await;
    for definition in definitions() {
        stage.store().apply(definition).await.unwrap();
    }
    stage.embedded("r", json!({"tasks": [ordinary("a")]})).await;
    stage.reaches("r", "True", "Succeeded").await;
}

#[tokio::test]
async fn a_restarted_simulation_continues() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cluster.json");
    let builder = DevCluster::builder().crds(definitions()).persist(&path);
    let stage = Stage::of(builder, QUICK).await;
    let build = with(custom("build"), json!({"runAfter": ["first"]}));
    let last = with(ordinary("last"), json!({"runAfter": ["build"]}));
    stage.embedded("r", json!({"tasks": [ordinary("first"), build, last]})).await;
    let before = stage.custom_run("r-build").await;
    stage.cluster.shutdown().await.unwrap();

    // A second start of the first task would not end.
    let stage = Stage::of(DevCluster::builder().persist(&path), ENDLESS).await;
    stage.settle("r-build", "True", "Succeeded", json!([])).await;
    let run = eventually("the last task is under way", async || {
        let run = stage.get("r").await;
        run["status"]["annotations"].to_string().contains("last").then_some(run)
    })
    .await;
    assert_eq!(condition(&run)["reason"], "Running");
    assert_eq!(stage.custom_run("r-build").await["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(stage.custom_run_names().await, ["r-build"]);
    let started = run["status"]["startTime"].clone();
    stage.cluster.shutdown().await.unwrap();

    // The last task keeps its end; the new duration applies to later tasks only.
    let stage = Stage::of(DevCluster::builder().persist(&path), QUICK).await;
    stage.embedded("other", json!({"tasks": [ordinary("a")]})).await;
    stage.reaches("other", "True", "Succeeded").await;
    let run = stage.reaches("r", "Unknown", "Running").await;
    assert_eq!(run["status"]["startTime"], started);
}

#[tokio::test]
async fn the_custom_runs_of_a_deleted_run_are_deleted() {
    let stage = Stage::new(QUICK).await;
    stage.embedded("r", json!({"tasks": [custom("build")]})).await;
    let before = stage.custom_run("r-build").await;
    assert!(stage.store().delete(&runs(), "default", "r").await.unwrap());
    assert!(stage.custom_run_names().await.is_empty());
    stage.embedded("r", json!({"tasks": [custom("build")]})).await;
    let after = stage.custom_run("r-build").await;
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    stage.settle("r-build", "True", "Succeeded", json!([])).await;
    stage.reaches("r", "True", "Succeeded").await;
}

#[tokio::test]
async fn an_invalid_status_is_replaced() {
    let stage = Stage::new(QUICK).await;
    stage.embedded("r", json!({"tasks": [custom("build")]})).await;
    let mut run = stage.reaches("r", "Unknown", "Running").await;
    run["status"] = "nonsense".into();
    stage.store().replace_status(&runs(), run).await.unwrap();
    stage.settle("r-build", "True", "Succeeded", json!([])).await;
    stage.reaches("r", "True", "Succeeded").await;
}
