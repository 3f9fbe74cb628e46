//! `explain --object` before something happens, `deliveries show` afterwards.

use std::process::Command;

use serde_json::json;

use super::{delivery, on, settled, tekton};
use crate::world::World;

fn shown(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    let output = command.args(arguments).envs(environment.iter().copied()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_run_is_explained_from_a_file() {
    let world = World::new().await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    world.build("team-a", "c", json!([on("ci", &["Failed"])])).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipelinerun.yaml");
    let write = |pipeline: &str, status: &serde_json::Value| {
        let object = json!({
            "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
            "metadata": {"name": "ci-1", "namespace": world.namespace("team-a")},
            "spec": {"pipelineRef": {"name": pipeline}}, "status": status,
        });
        std::fs::write(&file, object.to_string()).unwrap();
    };
    let conditions = json!([{"type": "Succeeded", "status": "True", "reason": "Completed"}]);
    let ended = json!({"startTime": super::now(), "conditions": conditions});
    for (pipeline, status, exit, parts) in [
        (
            "ci",
            ended.clone(),
            0,
            &["fires   \"ci Succeeded\"", "the status is Succeeded (Completed), the rule is for Failed"][..],
        ),
        ("cd", ended, 3, &["No rule waits for PipelineRuns of the Pipeline cd"]),
        ("ci", json!({}), 1, &["has not started"]),
    ] {
        write(pipeline, &status);
        let output = world.explain(&["--object", file.to_str().unwrap()]);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{text}");
        for part in parts {
            assert!(text.contains(part), "`{part}` is missing: {text}");
        }
    }
    world.nothing_started().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_a_pipeline_run_is_shown() {
    let world = World::with_users().await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    let id = delivery(&uid, "Succeeded");
    let admin = world.admin_url();
    let ask = |arguments: &[&str], user: &str| {
        let token = world.token(user);
        let environment =
            [("SHIPWRIGHT_TRIGGER_SERVER", admin.as_str()), ("SHIPWRIGHT_TRIGGER_TOKEN", &token)];
        shown(&[&["deliveries"], arguments].concat(), &environment)
    };
    let name = format!("{}/ci-1", world.namespace("team-a"));
    let (code, text) = ask(&["show", id.as_str()], "reader-a");
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "PipelineRun Succeeded",
        &format!("observed on the cluster: {name}"),
        "fired   \"ci Succeeded\": started a-",
        "✓ status   Succeeded",
        "✓ loop     no build of itself",
    ] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    let (_, text) = ask(&["list"], "reader-a");
    assert!(text.contains(&name) && text.contains("1 started"), "{text}");
    let (code, text) = ask(&["show", id.as_str(), "--payload"], "reader-a");
    assert!(code == Some(0) && text.contains("\"kind\":\"PipelineRun\""), "{text}");
    let (code, text) = ask(&["show", id.as_str()], "reader-b");
    assert!(code == Some(1) && !text.contains("ci-1"), "{text}");
    let (code, text) = ask(&["replay", id.as_str()], "editor-a");
    assert_eq!(code, Some(0), "{text}");
    world
        .until("the replay has started the Build once more", || async {
            (world.runs("team-a").await.len() == 2).then_some(())
        })
        .await;
}
