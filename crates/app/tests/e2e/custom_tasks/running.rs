//! Scenarios 15 and 22, and the lines C9 to C13: a task runs its Build and says how it goes.

use serde_json::{Value, json};
use trigger_devcluster::Gvr;

use super::scene::{FOREVER, build_spec, by_name, check_status, dev, is_final, message, result, simulated};
use crate::world::annotation;

#[tokio::test(flavor = "multi_thread")]
async fn a_build_of_either_version_runs_as_a_task_with_parameters_and_results() {
    let Some(world) = simulated().await else { return };
    world.scripted("Succeeded", "300ms").await;
    for version in ["v1alpha1", "v1beta1"] {
        let reference =
            json!({"apiVersion": format!("shipwright.io/{version}"), "kind": "Build", "name": "web"});
        let params = json!([{"name": "target", "value": "prod"}, {"name": "args", "value": ["A=1", "B=2"]}]);
        let spec = json!({
            "customRef": reference, "params": params, "timeout": "10m", "serviceAccountName": "builder",
            "workspaces": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
        });
        world.task_of("CustomRun", version, spec).await;
        let running = world.task_reaches(version, "Unknown", "Running").await;
        let link = &running["status"]["extraFields"];
        assert_eq!(link["buildRunNamespace"], world.namespace("team-a"));

        let done = world.task_reaches(version, "True", "Succeeded").await;
        let runs = world.runs("team-a").await;
        let run = runs.iter().find(|run| run["metadata"]["name"] == link["buildRunName"]).unwrap();
        assert_eq!(
            run["spec"],
            json!({
                "build": {"name": "web"},
                "paramValues": [
                    {"name": "target", "value": "prod"},
                    {"name": "args", "values": [{"value": "A=1"}, {"value": "B=2"}]},
                ],
                "timeout": "10m",
                "serviceAccount": "builder",
                "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
            })
        );
        check_origin(&done, run);
        assert_eq!(result(&done, "image"), Some("registry.example/acme/web:v1"));
        assert_eq!(result(&done, "image-tag"), Some("v1"));
        assert_eq!(result(&done, "image-digest"), run["status"]["output"]["digest"].as_str());
        assert_eq!(result(&done, "IMAGE_DIGEST"), run["status"]["output"]["digest"].as_str());
        assert_eq!(result(&done, "sourceGitCommit"), run["status"]["source"]["git"]["commitSha"].as_str());
        assert!(result(&done, "sourceGitCommit").is_some());
    }
    assert_eq!(world.run_counts().await, (2, 0));
}

/// The BuildRun says whose it is, and the task is its owner but not its controller.
fn check_origin(task: &Value, run: &Value) {
    let (name, uid) = (&task["metadata"]["name"], &task["metadata"]["uid"]);
    assert_eq!(run["metadata"]["labels"]["trigger.shipwright.io/customrun-uid"], *uid);
    assert_eq!(run["metadata"]["labels"]["triggers.shipwright.io/owned-by-customrun"], *name);
    assert_eq!(run["metadata"]["labels"]["build.shipwright.io/name"], "web");
    assert_eq!(annotation(run, "customrun"), name.as_str().unwrap());
    assert_eq!(annotation(run, "pipelinerun"), "release-7");
    assert_eq!(
        run["metadata"]["ownerReferences"],
        json!([{
            "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "name": name, "uid": uid,
            "controller": false, "blockOwnerDeletion": false,
        }])
    );
    let conditions = run["status"]["conditions"].as_array().unwrap();
    let triggered = conditions.iter().find(|condition| condition["type"] == "Triggered").unwrap();
    assert_eq!(triggered["reason"], "CustomRun");
    let sentence = triggered["message"].as_str().unwrap();
    assert!(sentence.contains("task image of PipelineRun release-7"), "{sentence}");
}
