//! The API server goes away, is overloaded, drops watches, refuses: nothing acknowledged is lost, nothing
//! runs twice, and everything goes on without a restart. Counted on the cluster.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use trigger_devcluster::{DevCluster, Fault};
use trigger_journal::State;

use crate::load::Load;
use crate::soak::extent;
use crate::world::{World, annotation, decisions, for_every_provider, usual_rules};

/// How long the API server is away.
fn outage() -> Duration {
    Duration::from_secs(extent(3, 30))
}

/// What was postponed during a long outage is tried again after a minute at the latest.
const BACK_OFF: Duration = Duration::from_mins(2);

/// Has deliveries sent while `trouble` lasts, and checks that each acknowledged one has one run.
pub async fn endure<F: Future<Output = ()>>(world: &World, trouble: impl FnOnce() -> F) {
    let load = Load::start(&[world.program.hooks], &world.repository());
    load.wait_for(30).await;
    trouble().await;
    // The load goes on, so the program has recovered by itself.
    let afterwards = load.acknowledged() + 30;
    load.wait_for(afterwards).await;
    let ids = load.stop().await;
    let deadline = Instant::now() + BACK_OFF;
    loop {
        let stats = world.program.journal.stats().await.unwrap();
        if stats.pending + stats.claimed == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "deliveries are left that are not settled: {stats:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut runs: HashMap<String, usize> = HashMap::new();
    for run in world.runs("team-a").await {
        *runs.entry(annotation(&run, "delivery").to_owned()).or_default() += 1;
    }
    let lost: Vec<_> = ids.iter().filter(|id| !runs.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} have no run: {lost:?}", lost.len(), ids.len());
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
}

async fn world() -> Option<World> {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.dev_only("the API server goes away or misbehaves on order")?;
    Some(world)
}

fn dev(world: &World) -> &DevCluster {
    world.dev_only("it was checked before").unwrap()
}

for_every_provider!(the_api_server_stops_under_load);
async fn the_api_server_stops_under_load() {
    let Some(world) = world().await else { return };
    endure(&world, || async {
        dev(&world).stop().await;
        tokio::time::sleep(outage()).await;
        dev(&world).start_again().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_answers_with_errors_and_drops_watches() {
    let Some(world) = world().await else { return };
    endure(&world, || async {
        let faults = dev(&world).faults();
        for status in [429, 500, 504] {
            faults.add(Fault::refuse(status).at_rate(0.3));
            tokio::time::sleep(outage() / 3).await;
            faults.clear();
        }
        faults.drop_watches();
    })
    .await;
    // A change that came after the watches broke is seen.
    world.patch_build("team-a", "web", serde_json::json!({"spec": {"trigger": {"when": []}}})).await;
    world
        .until("the change is known", || async {
            (world.send(&world.push_main()).await.status == StatusCode::NOT_FOUND).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_refuses_for_a_while_waits_and_what_it_refuses_for_good_fails() {
    let Some(world) = world().await else { return };
    // A create that was carried out and whose answer was lost looks like this from here.
    dev(&world).faults().add(Fault::refuse(504).on("patch", "buildruns/status").times(3));
    endure(&world, || async {
        dev(&world).faults().add(Fault::deny_admission("buildruns", 500, "no endpoints for the webhook"));
        tokio::time::sleep(outage() / 3).await;
        dev(&world).faults().clear();
    })
    .await;
    dev(&world).faults().add(Fault::deny_admission("buildruns", 422, "image not allowed").times(1));
    let record = world.deliver(&world.push("refs/heads/main", &"a".repeat(40))).await;
    assert_eq!((record.state, record.attempts), (State::Failed, 1));
    assert!(record.error.is_some_and(|fault| fault.contains("image not allowed")));
}

for_every_provider!(an_api_server_that_hangs_does_not_keep_senders_waiting);
async fn an_api_server_that_hangs_does_not_keep_senders_waiting() {
    let Some(world) = world().await else { return };
    dev(&world).faults().add(Fault::delay(Duration::from_mins(1)).on("get", "secrets"));
    let asked = Instant::now();
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(asked.elapsed() < Duration::from_secs(9), "a sender gives up after 10 s: {:?}", asked.elapsed());
    dev(&world).faults().clear();
    world
        .until("it is taken in", || async {
            (world.send(&world.push_main()).await.status == StatusCode::ACCEPTED).then_some(())
        })
        .await;
}

for_every_provider!(a_build_that_is_deleted_while_its_run_waits_for_the_api_server_gets_none);
async fn a_build_that_is_deleted_while_its_run_waits_for_the_api_server_gets_none() {
    let Some(world) = world().await else { return };
    world.build("team-a", "other", usual_rules()).await;
    let faults = dev(&world).faults();
    faults.add(Fault::refuse(500).on("create", "buildruns"));
    // The watch does not see the deletion: it is away, too.
    faults.add(Fault::refuse(500).on("list", "builds").on("watch", "builds"));
    faults.drop_watches();
    let answer = world.send(&world.push("refs/heads/main", &"a".repeat(40))).await;
    let id = answer.delivery();
    world
        .until("the run waits", || async {
            world.program.journal.find(&id).await.unwrap().filter(|record| record.error.is_some())
        })
        .await;
    world.delete_build("team-a", "web").await;
    faults.clear();
    faults.add(Fault::refuse(500).on("list", "builds").on("watch", "builds"));
    let record = world.settled(&id).await;
    assert_eq!(record.state, State::Settled, "{record:?}");
    let said = decisions(&record).join("\n");
    assert!(said.contains("target-deleted"), "{said}");
    let runs = world.runs("team-a").await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0]["metadata"]["labels"]["build.shipwright.io/name"], "other");
}
