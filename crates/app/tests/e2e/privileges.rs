//! What the operator's page says the program may do is enough for all that it does.

use serde_json::json;
use trigger_devcluster::{AccessRule, DevCluster, User};

use crate::custom_tasks::FOREVER;
use crate::pipelines::{on, settled, started, tekton};
use crate::world::{KEY, World, usual_rules};

/// The table of the page: what stands in backquotes and the group behind it, then the verbs.
fn documented() -> Vec<AccessRule> {
    let page = include_str!("../../../../docs/operating.md");
    let table = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [what, verbs] = cells.as_slice() else { panic!("{row}") };
        let verbs: Vec<_> = verbs.split(", ").map(ToOwned::to_owned).collect();
        // `a`, `b` (group), `c` (another group)
        let mut rules = Vec::new();
        let mut resources = Vec::new();
        for part in what.split(", ") {
            let (name, group) = part.trim_end_matches(')').split_once(" (").unwrap_or((part, ""));
            resources.push(name.trim_matches('`').to_owned());
            if !group.is_empty() || !what.contains('(') {
                rules.push(AccessRule {
                    verbs: verbs.clone(),
                    groups: vec![group.to_owned()],
                    resources: std::mem::take(&mut resources),
                    namespaces: Vec::new(),
                });
            }
        }
        rules
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_privileges_are_enough() {
    let rules = documented();
    assert!(rules.len() > 8, "{rules:#?}");
    let token = "the-token-of-the-program";
    let name = "system:serviceaccount:shipwright-build:shipwright-trigger";
    let user = User { token: token.to_owned(), name: name.to_owned(), groups: Vec::new(), rules };
    let crds = trigger_api::crds::all().unwrap();
    let dev = DevCluster::builder().crds(crds).user(user).authorize().start().await.unwrap();
    let world = World::on_with_token(dev, token).await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    dev.simulate_builds(trigger_devcluster::SimulationOptions::default());
    world.program.ready().await;

    world.secret("team-a", "hook", &[("github-token", KEY)]).await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    world.events("team-a", "web", "BuildRunCreated").await;

    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    assert_eq!(started(&world, "team-a").await, ["a", "web"]);
    let run = tekton(&world, "team-a").runs.get("ci-1").await.unwrap();
    assert!(run.metadata.annotations.is_some(), "what was started is noted on it");

    world.delete_build("team-a", "web").await;
    world.scripted("Failed, Succeeded", "50ms").await;
    world.task("image", json!({"retries": 1})).await;
    world.task_reaches("image", "True", "Succeeded").await;
    world.delete_build("team-a", "web").await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("cancelled", json!({})).await;
    world.task_reaches("cancelled", "Unknown", "Running").await;
    world.cancel_task("cancelled").await;
    world.task_reaches("cancelled", "False", "CustomRunCancelled").await;

    let refused: Vec<_> = dev.requests().log().into_iter().filter(|request| request.status == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
