//! Scenario 1: a signed push starts a build.

use reqwest::StatusCode;
use serde_json::json;

use crate::world::{SHA, World, annotation, decisions, for_every_provider, rule, usual_rules};

for_every_provider!(a_signed_push_starts_one_build);
async fn a_signed_push_starts_one_build() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;

    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    // The letters of an id are arbitrary: it may contain `web`.
    let told = answer.body.replace(answer.delivery().as_str(), "");
    for fact in ["team-a", "web", "push main", "hook"] {
        assert!(!told.contains(fact), "the answer tells of the cluster: {told}");
    }
    let record = world.settled(&answer.delivery()).await;
    assert_eq!(decisions(&record), ["web/pr main: event-not-listed", "web/push main: fired"]);

    let runs = world.runs("team-a").await;
    let [run] = runs.as_slice() else { panic!("{runs:#?}") };
    assert_eq!(run["spec"]["build"], json!({"name": "web"}));
    assert_eq!(annotation(run, "trigger-when-name"), "push main");
    assert_eq!(annotation(run, "trigger-when-type"), "GitHub");
    assert_eq!(annotation(run, "trigger-when-github-events"), "Push");
    assert_eq!(annotation(run, "trigger-when-github-branches"), "main");
    assert_eq!(annotation(run, "delivery"), answer.delivery().as_str());
    assert_eq!(format!("https://{}", annotation(run, "repository")), world.repository());
    assert_eq!(annotation(run, "ref"), "refs/heads/main");
    assert_eq!(annotation(run, "commit"), SHA);
    assert_eq!(annotation(run, "sender"), "ada");
    assert!(run["metadata"]["name"].as_str().unwrap().starts_with("web-"));
    assert!(run["metadata"]["ownerReferences"].is_null());

    let (_, triggered) = world.triggered("team-a", run["metadata"]["name"].as_str().unwrap()).await;
    assert_eq!(triggered["status"], "True");
    assert_eq!(triggered["reason"], "GitHub");
    let message = triggered["message"].as_str().unwrap();
    assert!(message.contains("push of 0123456789 to branch main"), "{message}");
    assert!(message.contains("\"push main\""), "{message}");

    let notes = world.events("team-a", "web", "BuildRunCreated").await;
    assert!(notes[0].contains(run["metadata"]["name"].as_str().unwrap()), "{notes:?}");
}

for_every_provider!(a_push_to_another_branch_builds_that_commit);
async fn a_push_to_another_branch_builds_that_commit() {
    let world = World::new().await;
    let git = json!({"url": world.repository(), "revision": "main", "depth": 1});
    let rules = json!([rule("any push", &["Push"], &["**"])]);
    world.build_of("team-a", "web", git, json!({"triggerSecret": "hook", "when": rules})).await;

    world.deliver(&world.push("refs/heads/feature/login", SHA)).await;
    let runs = world.runs("team-a").await;
    let [run] = runs.as_slice() else { panic!("{runs:#?}") };
    let spec = &run["spec"]["build"]["spec"];
    assert_eq!(spec["source"]["git"]["revision"], SHA);
    assert_eq!(spec["source"]["git"]["depth"], 1, "what the Build says besides is kept");
    assert_eq!(spec["output"]["pushSecret"], "push");
    assert_eq!(spec["retention"], json!({"succeededLimit": 10_000}));
    assert!(spec["trigger"].is_null());
    assert!(run["spec"]["build"]["name"].is_null());
    assert_eq!(run["metadata"]["labels"]["build.shipwright.io/name"], "web");
    assert_eq!(run["metadata"]["labels"]["build.shipwright.io/generation"], "1");
}

for_every_provider!(the_annotation_decides_what_is_built);
async fn the_annotation_decides_what_is_built() {
    let world = World::new().await;
    world.build("team-a", "web", json!([rule("any push", &["Push"], &["*"])])).await;
    for (value, branch, pinned) in [("event", "main", true), ("build", "dev", false)] {
        let annotations = json!({"metadata": {"annotations": {"trigger.shipwright.io/revision": value}}});
        world.edit_build("team-a", "web", annotations).await;
        let record = world.deliver(&world.push(&format!("refs/heads/{branch}"), SHA)).await;
        let name = record.launches[0].run.name().as_ref();
        let runs = world.runs("team-a").await;
        let run = runs.iter().find(|run| run["metadata"]["name"] == name).unwrap();
        assert_eq!(run["spec"]["build"]["name"].is_null(), pinned, "{value}: {run:#}");
    }
}
