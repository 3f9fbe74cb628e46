//! What one of several replicas is enough for is done by one, and goes on when another leads.

use serde_json::json;
use shipwright_trigger::Program;
use trigger_devregistry::DevRegistry;
use trigger_simulation::{SimulationOptions, simulate_builds};

use crate::images::{build, built, may_ask, on, standing};
use crate::pipelines::{on as on_pipeline, settled, started, tekton};
use crate::postgres;
use crate::world::{World, rule};

/// The one of these that leads, once one does and all know of it.
async fn leader<'a>(world: &World, programs: &[&'a Program]) -> &'a Program {
    world
        .until("all know who leads", || async {
            let leads: Vec<_> = programs.iter().map(|program| program.leadership.lead()).collect();
            let leader = programs.iter().zip(&leads).find(|(_, lead)| lead.ours)?;
            let is_known = leads.iter().all(|lead| lead.leader == leader.1.leader);
            is_known.then_some(*leader.0)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_are_asked_by_the_leader_and_by_whoever_hears_of_a_change() {
    let test = "registries_are_asked_by_the_leader_and_by_whoever_hears_of_a_change";
    let Some(journal) = postgres::database(test) else { return };
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("base", "latest", b"one");
    let world = World::with(|options| {
        may_ask(options, &registry.host());
        options.journal = journal.parse().unwrap();
    })
    .await;
    let base = format!("{}/base", registry.host());
    let image = trigger_core::ImageRef::parse(&base).unwrap();
    let asked = || registry.requests().iter().filter(|seen| seen.path.contains("/manifests/")).count();
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    standing(&world, &base, |standing| standing.digest.is_some()).await;
    let at_first = asked();
    let (one, other) = (world.replica().await, world.replica().await);
    assert_eq!(leader(&world, &[&world.program, &one, &other]).await.hooks, world.program.hooks);
    world
        .until("what is known is known to all", || async {
            let standings = other.images.statuses();
            standings.iter().any(|standing| standing.digest.is_some()).then_some(())
        })
        .await;
    assert_eq!(asked(), at_first, "those who do not lead have asked");
    assert_eq!(other.images.polled_by(), world.program.leadership.lead().leader);
    assert_eq!(world.program.images.polled_by(), None);

    // A hint is followed by whomever it reaches.
    registry.push("base", "latest", b"two");
    other.images.check(&image, std::time::Duration::from_secs(15)).await;
    assert_eq!(asked(), at_first + 1, "once, by the one who was told");
    built(&world, "team-a", "app", 1).await;

    // The next leader looks at all there is.
    world.program.drain();
    registry.push("base", "latest", b"three");
    let next = leader(&world, &[&one, &other]).await;
    built(&world, "team-a", "app", 2).await;
    assert!(!world.program.leadership.is_ours());
    assert_eq!(next.images.polled_by(), None);
    assert_eq!(started(&world, "team-a").await, ["app", "app"]);
    for program in [one, other] {
        program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_and_tasks_go_on_under_the_next_leader_and_are_followed_by_one() {
    let test = "pipelines_and_tasks_go_on_under_the_next_leader_and_are_followed_by_one";
    let Some(journal) = postgres::database(test) else { return };
    let world = World::with(|options| options.journal = journal.parse().unwrap()).await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    let options = SimulationOptions { duration: std::time::Duration::from_millis(50) };
    dev.spawn(simulate_builds(dev.store(), "", options));
    let (one, other) = (world.replica().await, world.replica().await);
    assert_eq!(leader(&world, &[&world.program, &one, &other]).await.hooks, world.program.hooks);
    world.build("team-a", "after", json!([on_pipeline("ci", &["Succeeded"])])).await;
    world.scripted("Succeeded", "50ms").await;

    let watches = || {
        ["pipelineruns.tekton.dev", "customruns.tekton.dev", "buildruns.shipwright.io"]
            .map(|kind| dev.requests().count("watch", kind))
    };
    for (round, leaders) in [(1, 1), (2, 2)] {
        let (name, task) = (format!("ci-{round}"), format!("task-{round}"));
        let uid = tekton(&world, "team-a").create_of(&name, "ci").await;
        tekton(&world, "team-a").end(&name, "True", "Succeeded").await;
        settled(&world, &uid, "Succeeded").await;
        built(&world, "team-a", "after", round).await;
        world.task(&task, json!({})).await;
        world.task_reaches(&task, "True", "Succeeded").await;
        built(&world, "team-a", "web", round).await;
        // BuildRuns are watched twice: for what they push, and for the tasks of each kind that they carry out.
        let [pipelines, tasks, runs] = watches();
        assert_eq!((pipelines, tasks), (leaders, leaders), "one follows them at a time");
        assert!(runs >= leaders && runs <= 3 * leaders, "{runs}");
        if round == 1 {
            world.program.drain();
            leader(&world, &[&one, &other]).await;
        }
    }
    assert_eq!(started(&world, "team-a").await, ["after", "after", "web", "web"]);
    for program in [one, other] {
        program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_rule_is_told_of_by_the_leader_alone() {
    let test = "a_broken_rule_is_told_of_by_the_leader_alone";
    let Some(journal) = postgres::database(test) else { return };
    let world = World::with(|options| options.journal = journal.parse().unwrap()).await;
    let (one, other) = (world.replica().await, world.replica().await);
    leader(&world, &[&world.program, &one, &other]).await;
    world.build("team-a", "broken", json!([rule("open", &["Push"], &["release-["])])).await;
    let key = trigger_core::ObjectKey::new(world.namespace("team-a"), "broken");
    let build = trigger_targets::build_run::BUILD.named(key);
    for program in [&one, &other] {
        world
            .until("each knows the Build", || async {
                program.inventory.current().is_some_and(|rules| rules.owner(&build).is_some()).then_some(())
            })
            .await;
    }
    let reason = "TriggerInvalidBranchPattern";
    assert_eq!(world.events("team-a", "broken", reason).await.len(), 1);
    // When they end, what they had to tell is written.
    for program in [one, other] {
        program.stop().await;
    }
    assert_eq!(world.events("team-a", "broken", reason).await.len(), 1);
}
