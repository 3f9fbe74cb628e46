//! Scenario 8: pull requests and pushes are told apart; forks are not trusted.

use reqwest::StatusCode;
use serde_json::json;
use trigger_core::RepoId;
use trigger_providers::SampleKind;

use crate::world::{SHA, World, annotation, decisions, for_every_provider, repository_of, rule, usual_rules};

for_every_provider!(a_pull_request_of_the_repository_builds_its_head);
async fn a_pull_request_of_the_repository_builds_its_head() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let record = world.deliver(&world.pull_request("opened", "feature", "main")).await;
    assert_eq!(decisions(&record), ["web/pr main: fired", "web/push main: event-not-listed"]);
    let runs = world.runs("team-a").await;
    let [run] = runs.as_slice() else { panic!("{runs:#?}") };
    assert_eq!(annotation(run, "trigger-when-name"), "pr main");
    assert_eq!(annotation(run, "commit"), SHA);
    assert_eq!(annotation(run, "pull-request"), "7");
    assert_eq!(annotation(run, "ref"), "refs/heads/feature");
    assert_eq!(run["spec"]["build"]["spec"]["source"]["git"]["revision"], SHA);
}

for_every_provider!(only_actions_that_change_code_on_the_right_base_count);
async fn only_actions_that_change_code_on_the_right_base_count() {
    let world = World::new().await;
    world.build("team-a", "web", json!([rule("pr main", &["PullRequest"], &["main"])])).await;
    for (action, head, base, expected) in [
        ("opened", "main", "dev", "branch-not-listed"),
        ("closed", "feature", "main", "no-code-changed"),
        ("labeled", "feature", "main", "no-code-changed"),
        ("synchronize", "feature", "main", "fired"),
        ("reopened", "feature", "main", "fired"),
        ("ready_for_review", "feature", "main", "fired"),
    ] {
        let record = world.deliver(&world.pull_request(action, head, base)).await;
        assert_eq!(decisions(&record), [format!("web/pr main: {expected}")], "{action}");
    }
    let record = world.deliver(&world.push("refs/heads/feature", SHA)).await;
    assert_eq!(decisions(&record), ["web/pr main: event-not-listed"]);
    assert_eq!(world.run_counts().await, (3, 0));
}

for_every_provider!(a_fork_is_built_only_where_the_build_allows_it);
async fn a_fork_is_built_only_where_the_build_allows_it() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-a", "trusting", usual_rules()).await;
    let allow = json!({"metadata": {"annotations": {"trigger.shipwright.io/forks": "allow"}}});
    world.edit_build("team-a", "trusting", allow).await;
    let from_fork = world.sample(SampleKind::PullRequest {
        number: 8,
        action: "opened".to_owned(),
        base: "main".to_owned(),
        head: "feature".to_owned(),
        commit: SHA.to_owned(),
        fork: Some(RepoId::parse(&repository_of(world.provider, "mallory/web")).unwrap()),
        labels: Vec::new(),
    });
    let record = world.deliver(&from_fork).await;
    assert_eq!(
        decisions(&record),
        [
            "trusting/pr main: fired",
            "trusting/push main: event-not-listed",
            "web/pr main: fork-not-allowed",
            "web/push main: event-not-listed",
        ]
    );
    let runs = world.runs("team-a").await;
    let [run] = runs.as_slice() else { panic!("{runs:#?}") };
    let git = &run["spec"]["build"]["spec"]["source"]["git"];
    assert_eq!(git["url"], format!("{}.git", world.repository()), "never the fork's address");
    assert_eq!(git["revision"], SHA);
    assert_eq!(world.send(&from_fork).await.status, StatusCode::OK);
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

for_every_provider!(a_pull_request_pushes_where_the_build_says);
async fn a_pull_request_pushes_where_the_build_says() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let output = |value: &str| json!({"metadata": {"annotations": {"trigger.shipwright.io/pull-request-output": value}}});
    world.edit_build("team-a", "web", output("registry.example/acme/web:pr-$(numbr)")).await;
    let told = world.events("team-a", "web", "TriggerInvalidPullRequestOutput").await;
    assert!(told[0].contains("$(number)"), "{told:?}");
    let opened = world.pull_request("opened", "feature", "main");
    assert_eq!(decisions(&world.deliver(&opened).await)[0], "web/pr main: rule-broken");

    world.edit_build("team-a", "web", output("registry.example/acme/web:pr-$(number)")).await;
    world.deliver(&world.pull_request("synchronize", "feature", "main")).await;
    world.deliver(&world.push_main()).await;
    let mut images: Vec<_> = world.runs("team-a").await;
    images.sort_by_key(|run| annotation(run, "trigger-when-name").to_owned());
    let embedded: Vec<_> =
        images.iter().map(|run| &run["spec"]["build"]["spec"]["output"]["image"]).collect();
    assert_eq!(embedded[0], "registry.example/acme/web:pr-7");
    assert!(images.len() == 2 && images[1]["spec"]["output"].is_null(), "{images:#?}");
}
