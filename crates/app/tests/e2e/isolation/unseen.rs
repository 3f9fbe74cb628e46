//! A namespace whose Builds cannot be watched, or can no longer, is that namespace's trouble.

use reqwest::StatusCode;
use serde_json::json;
use trigger_core::RepoId;
use trigger_devcluster::Fault;
use trigger_providers::Sample;

use crate::world::{KEY, World, for_every_provider, secret_entry, usual_rules};

/// The key of team-b.
const THEIRS: &str = "whsec_dGhlIGtleSBvZiBhbm90aGVyIHRlYW0gYWx0b2dldGhlcg==";

fn push_to(world: &World, repository: &str) -> Sample {
    Sample { repository: RepoId::parse(repository).unwrap(), ..world.push_main() }
}

async fn readyz(world: &World) -> (StatusCode, String) {
    let answer = world.http.get(format!("{}/readyz", world.admin_url())).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

async fn shows(world: &World, metric: &str) -> bool {
    let answer = world.http.get(format!("{}/metrics", world.admin_url())).send().await.unwrap();
    answer.text().await.unwrap().lines().any(|line| line == metric)
}

for_every_provider!(a_namespace_that_cannot_be_watched_keeps_no_other_from_working);
async fn a_namespace_that_cannot_be_watched_keeps_no_other_from_working() {
    let world =
        World::with(|options| options.namespaces = ["team-a", "team-b"].map(str::to_owned).to_vec()).await;
    let Some(faults) = world.dev_only("a namespace is forbidden on order").map(|dev| dev.faults().clone())
    else {
        return;
    };
    world.secret("team-b", "hook", &[(&secret_entry(world.provider), THEIRS)]).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    let elsewhere = format!("{}-elsewhere", world.repository());
    let trigger = json!({"triggerSecret": "hook", "when": usual_rules()});
    world.build_of("team-b", "other", json!({"url": elsewhere}), trigger).await;

    // Its binding is gone. The probe of the program's own rights shows it, too.
    let away = world.away().await;
    let namespaces = vec![away.namespace("team-b")];
    faults.add(Fault { namespaces, ..Fault::refuse(403).on("list", "builds") });
    faults.add(Fault::refuse(403).on("create", "selfsubjectaccessreviews"));
    let world = away.back().await;
    let (status, text) = readyz(&world).await;
    assert_eq!(status, StatusCode::OK);
    let theirs = format!("the Builds of namespace {} are not known", world.namespace("team-b"));
    assert!(text.starts_with("ok\n") && text.contains(&theirs), "{text}");
    assert!(shows(&world, "shipwright_trigger_watched_namespaces{state=\"unseen\"} 1").await);

    let push = world.push_main();
    assert_eq!(world.send(&push).await.status, StatusCode::ACCEPTED);
    // Only team-b could know the key of the one, and the repository of the other.
    assert_eq!(world.send_signed(&push, THEIRS).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let other = push_to(&world, &elsewhere);
    assert_eq!(world.send_signed(&other, THEIRS).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(shows(&world, "shipwright_trigger_deliveries_rejected_total{reason=\"builds-unknown\"} 2").await);

    faults.clear();
    world
        .until("the namespace is known", || async { (readyz(&world).await.1 == "ok\n").then_some(()) })
        .await;
    for sent in [&push, &other] {
        let answer = world.send_signed(sent, THEIRS).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
    world.drained().await;
    assert_eq!(world.run_counts().await, (1, 2));
    let unknown = push_to(&world, &format!("{}-unknown", world.repository()));
    assert_eq!(world.send_signed(&unknown, KEY).await.status, world.unused());
}

for_every_provider!(an_unknown_repository_is_a_503_while_the_watch_of_builds_fails);
async fn an_unknown_repository_is_a_503_while_the_watch_of_builds_fails() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("watches fail on order") else { return };
    let elsewhere = format!("{}-elsewhere", world.repository());
    let unknown = push_to(&world, &elsewhere);
    assert_eq!(world.send(&unknown).await.status, world.unused());
    world.build("team-a", "web", usual_rules()).await;

    dev.faults().add(Fault::refuse(401).on("list", "builds").on("watch", "builds"));
    dev.faults().drop_watches();
    world
        .until("the repository may be that of a new Build", || async {
            (world.send(&unknown).await.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
    let (status, text) = readyz(&world).await;
    assert!(status == StatusCode::OK && text.contains("the Builds may have changed unseen"), "{text}");
    assert!(shows(&world, "shipwright_trigger_watched_namespaces{state=\"stale\"} 1").await);
    assert_eq!(world.send(&world.push_main()).await.status, StatusCode::ACCEPTED, "a known one goes on");

    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": "new"},
        "spec": {
            "source": {"type": "Git", "git": {"url": elsewhere}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": "registry.example/acme/new"},
            "trigger": {"triggerSecret": "hook", "when": usual_rules()},
        },
    });
    world.create_build("team-a", build).await;
    dev.faults().clear();
    world
        .until("the new Build is known", || async {
            (world.send(&unknown).await.status == StatusCode::ACCEPTED).then_some(())
        })
        .await;
    world.drained().await;
    assert_eq!(world.run_counts().await, (2, 0));
}
