//! The annotations that narrow the rules of a Build down: changed files, tags, labels, actions, expressions.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;
use trigger_journal::{CheckRecord, OutcomeRecord, Record};
use trigger_providers::Sample;

use crate::world::{SHA, World, annotation, decisions, for_every_provider, rule};

/// The check of a Build's rule that has this name.
fn check<'a>(record: &'a Record, build: &str, predicate: &str) -> &'a CheckRecord {
    let decision = record.decisions.iter().find(|decision| decision.owner.name().as_ref() == build).unwrap();
    decision
        .checks
        .iter()
        .find(|check| check.predicate == predicate)
        .unwrap_or_else(|| panic!("{decision:?}"))
}

/// Two Builds of one repository, each for a folder of its own.
async fn monorepo() -> World {
    let world = World::new().await;
    for (name, paths) in [("api", "api/**, go.mod"), ("web", "web/**, !web/docs/**")] {
        world.build("team-a", name, json!([rule("push", &["Push"], &["main"])])).await;
        world.annotate("team-a", name, &[("paths", paths), ("paths-ignore", "**/*.md")]).await;
    }
    world
}

for_every_provider!(a_push_builds_those_whose_files_it_changes);
async fn a_push_builds_those_whose_files_it_changes() {
    let world = monorepo().await;
    let docs = world.push_of(&"a".repeat(40), &["README.md", "web/docs/index.html", "web/CHANGES.md"]);
    let record = world.deliver(&docs).await;
    assert_eq!(decisions(&record), ["api/push: paths-not-listed", "web/push: paths-not-listed"]);
    let OutcomeRecord::Skipped { message, .. } = &record.decisions[1].outcome else { panic!("{record:?}") };
    let (found, expected) =
        ("README.md, web/CHANGES.md, web/docs/index.html", "web/**, !web/docs/**, ignoring **/*.md");
    assert_eq!(*message, format!("the changed files are {found}, the rule is for {expected}"));
    world.nothing_started().await;

    let record = world.deliver(&world.push_of(&"b".repeat(40), &["README.md", "web/src/app.js"])).await;
    assert_eq!(decisions(&record), ["api/push: paths-not-listed", "web/push: fired"]);
    assert_eq!(check(&record, "web", "paths").found, "web/src/app.js");
    let record = world.deliver(&world.push_of(&"c".repeat(40), &["go.mod", "web/src/app.js"])).await;
    assert_eq!(decisions(&record), ["api/push: fired", "web/push: fired"]);
    assert_eq!(world.run_counts().await, (3, 0));
}

for_every_provider!(files_that_are_not_known_hide_no_build);
async fn files_that_are_not_known_hide_no_build() {
    let world = monorepo().await;
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["api/push: fired", "web/push: fired"]);
    let paths = check(&record, "web", "paths");
    assert!(paths.passed && paths.found == "unknown: the branch is new", "{paths:?}");
}

for_every_provider!(a_tag_that_the_build_names_builds_its_commit);
async fn a_tag_that_the_build_names_builds_its_commit() {
    let world = World::new().await;
    world.build("team-a", "web", json!([rule("push", &["Push"], &["main"])])).await;
    world.annotate("team-a", "web", &[("tags", "v*\n!v*-rc*")]).await;
    for (reference, commit, expected) in [
        ("refs/tags/v1-rc1", SHA, "tag-not-listed"),
        ("refs/tags/main", SHA, "tag-not-listed"),
        ("refs/heads/v1", SHA, "branch-not-listed"),
        ("refs/tags/v1", &"0".repeat(40), "ref-deleted"),
        ("refs/tags/v1", SHA, "fired"),
    ] {
        let record = world.deliver(&world.push(reference, commit)).await;
        assert_eq!(decisions(&record), [format!("web/push: {expected}")], "{reference}");
    }
    let runs = world.runs("team-a").await;
    let [run] = runs.as_slice() else { panic!("{runs:#?}") };
    assert_eq!(annotation(run, "ref"), "refs/tags/v1");
    assert_eq!(annotation(run, "commit"), SHA);
    assert_eq!(annotation(run, "trigger-when-github-branches"), "");
    assert_eq!(run["spec"]["build"]["spec"]["source"]["git"]["revision"], SHA);
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (2, 0), "branches decide for branches");
}

for_every_provider!(a_label_starts_a_build_once);
async fn a_label_starts_a_build_once() {
    let world = World::new().await;
    world.build("team-a", "web", json!([rule("pr", &["PullRequest"], &["main"])])).await;
    world.annotate("team-a", "web", &[("labels", "ready, !wip"), ("actions", "labeled, merged")]).await;
    for (action, labels, expected) in [
        ("opened", &["ready"][..], "action-not-listed"),
        ("labeled", &["size: m"], "labels-not-listed"),
        ("labeled", &["ready", "wip"], "labels-not-listed"),
        ("closed", &["ready"], "action-not-listed"),
        ("merged", &["ready"], "fired"),
    ] {
        let record = world.deliver(&world.labeled(action, labels)).await;
        assert_eq!(decisions(&record), [format!("web/pr: {expected}")], "{action} {labels:?}");
    }
    let labeled = world.labeled("labeled", &["ready"]);
    let record = world.deliver(&labeled).await;
    assert_eq!(decisions(&record), ["web/pr: fired"]);
    assert_eq!(world.send(&labeled).await.status, StatusCode::OK, "it is known");
    assert_eq!(world.settled_run_counts().await, (2, 0));
    let runs = world.runs("team-a").await;
    assert!(runs.iter().all(|run| annotation(run, "commit") == SHA), "{runs:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_with_a_mistake_is_an_event_on_the_build_and_breaks_no_neighbour() {
    let world = World::new().await;
    for name in ["web", "neighbour"] {
        world.build("team-a", name, json!([rule("push", &["Push"], &["main"])])).await;
    }
    world.annotate("team-a", "web", &[("paths", "/web/**")]).await;
    let notes = world.events("team-a", "web", "TriggerPathNeverMatches").await;
    assert_eq!(notes, ["no file can have the path `/web/**`; write `web/**`"]);
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["neighbour/push: fired", "web/push: rule-broken"]);
}

for_every_provider!(explain_compares_the_files_that_it_is_told);
async fn explain_compares_the_files_that_it_is_told() {
    let world = monorepo().await;
    let (provider, repository, namespace) =
        (world.provider.name(), world.repository(), world.namespace("team-a"));
    let push = ["push", "--provider", provider, "--repo", &repository, "-n", &namespace];
    for (file, status, verdict) in
        [("web/app.js", 0, "fires   \"push\""), ("docs/a.txt", 3, "the changed files are docs/a.txt")]
    {
        let output = world.explain(&[&push[..], &["--changed-file", file]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(verdict), "{text}");
    }
    world.nothing_started().await;
}

for_every_provider!(a_filter_sees_the_event_and_the_payload);
async fn a_filter_sees_the_event_and_the_payload() {
    let world = World::new().await;
    for (name, filter) in [
        ("failing", "body.not_there.at_all == 1"),
        ("web", "body.ref == 'refs/heads/main' && event.sender != 'renovate' && size(header) > 0"),
    ] {
        world.build("team-a", name, json!([rule("push", &["Push"], &["**"])])).await;
        world.annotate("team-a", name, &[("filter", filter)]).await;
    }
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["failing/push: filter-failed", "web/push: fired"], "{record:?}");
    let failed = check(&record, "failing", "filter");
    assert!(!failed.passed && failed.found.contains("no such key: not_there"), "{failed:?}");
    assert_eq!(failed.expected, "body.not_there.at_all == 1");

    let by_robot = Sample { sender: "renovate".to_owned(), ..world.push("refs/heads/main", &"b".repeat(40)) };
    for sample in [by_robot, world.push("refs/heads/dev", SHA)] {
        let record = world.deliver(&sample).await;
        assert_eq!(decisions(&record), ["failing/push: filter-failed", "web/push: filter-false"]);
    }
    assert_eq!(world.run_counts().await, (1, 0));

    world.annotate("team-a", "failing", &[("filter", "body.ref = 'x'")]).await;
    let notes = world.events("team-a", "failing", "TriggerInvalidFilter").await;
    assert!(notes[0].contains("at line 1, column 10: "), "{notes:?}");
}

/// The statements of docs/rules.md about the example hold.
#[test]
fn the_example_of_a_monorepo_builds_what_a_push_changes() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/monorepo");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
        let output = command.args(arguments).args(["--manifests", examples]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, text) = run(&["validate"]);
    assert_eq!(status, Some(0), "{text}");
    for (file, fires) in [
        ("services/web/app.js", &["shop-web"][..]),
        ("go.mod", &["shop-api", "shop-web"]),
        ("services/api/docs/index.html", &[]),
        ("services/api/README.md", &[]),
    ] {
        let push = ["explain", "push", "--repo", "https://github.com/acme/shop", "--changed-file", file];
        let (status, text) = run(&push);
        assert_eq!(status, Some(if fires.is_empty() { 3 } else { 0 }), "{file}: {text}");
        assert_eq!(text.matches("fires   \"push to main\"").count(), fires.len(), "{file}: {text}");
    }
    let repository = ["--repo", "https://github.com/acme/shop"];
    for (arguments, fires) in [
        (&["push", "--ref", "refs/tags/v1.0"][..], 2),
        (&["push", "--ref", "refs/tags/v1.0-rc1"], 0),
        (&["pull-request", "--action", "labeled", "--label", "ready"], 1),
        (&["pull-request", "--action", "labeled"], 0),
        (&["pull-request", "--action", "labeled", "--label", "ready", "--sender", "renovate[bot]"], 0),
    ] {
        let (_, text) = run(&[&["explain"][..], arguments, &repository].concat());
        assert_eq!(text.matches("fires   ").count(), fires, "{arguments:?}: {text}");
    }
}
