//! The promise under kill -9, at random moments and between any two steps, with a load that never stops:
//! what was acknowledged has its run, nothing has two. Counted on the cluster, not in the journal.

pub(crate) mod life;
mod listener;
mod steps;
mod tenants;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use shipwright_trigger::WorkOptions;
use trigger_devcluster::Gvr;

use self::life::{Death, Life, Stage};
use self::steps::Step;
use crate::apart::{Cluster, cluster, objects_of_sources, repository, sources};
use crate::load::Load;
use crate::postgres;
use crate::soak::extent;
use crate::world::annotation;

/// How thoroughly it is done.
struct Extent {
    kills: u64,
    deliveries: usize,
}

impl Extent {
    fn asked_for() -> Self {
        let deliveries = usize::try_from(extent(500, 20_000)).unwrap();
        Self { kills: extent(22, 200), deliveries }
    }
}

/// The last instance works the backlog off; it grows with the extent and shrinks by hundreds a second, or by
/// tens where other tests want the processors too: what is worked off stands back.
const BACKLOG: Duration = Duration::from_mins(10);

/// Kills `replicas` processes over one journal again and again, and counts what is on the cluster.
async fn kill_again_and_again(test: &str, journal: String, replicas: usize) {
    let Extent { kills, deliveries } = Extent::asked_for();
    let dev = Cluster::bare().await;
    for object in objects_of_sources().into_iter().chain(listener::objects(dev.namespace())) {
        dev.apply(object).await;
    }
    let stage = Stage::new(test, &dev, journal, replicas);
    let load = Load::of(&stage.hooks, &[sources(), listener::sources(dev.namespace())].concat());

    let mut lives: Vec<Life> = (0..replicas).map(|place| Life::start(&stage, place, &Death::Never)).collect();
    for kill in 0..kills {
        let place = usize::try_from(kill).unwrap() % replicas;
        lives.remove(0).kill();
        let death = Death::numbered(kill);
        let so_far = load.acknowledged();
        Life::start(&stage, place, &death).until_dead(&death, || load.acknowledged() - so_far).await;
        lives.push(Life::start(&stage, place, &Death::Never));
        // Lives that end early leave the load behind; it catches up before the next.
        let due = deliveries * usize::try_from(kill + 1).unwrap() / usize::try_from(kills).unwrap();
        load.wait_for(due).await;
    }
    let ids = load.stop().await;
    assert!(ids.len() >= deliveries, "{} deliveries", ids.len());

    let missing = settle(&dev, &ids).await;
    let unexplained = explained(&dev).await;
    drop(lives);
    assert_eq!(unexplained, 0, "so many runs were left without a condition");
    assert!(missing.is_empty(), "no run for {:#?}", stage.records(&missing).await);
    let twice: Vec<_> = runs_by_delivery(&dev).await.into_iter().filter(|(_, runs)| *runs > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// How often the deliveries have run: each BuildRun, and each set of objects that a listener has created, is once.
pub(crate) async fn runs_by_delivery(dev: &Cluster) -> HashMap<String, usize> {
    let runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    let mut found = listener::runs_by_delivery(dev).await;
    for run in dev.store().list(&runs, dev.namespace()).await.unwrap() {
        *found.entry(annotation(&run, "delivery").to_owned()).or_insert(0) += 1;
    }
    found
}

/// Those of the deliveries that have no run, once all have one or the time is up.
pub(crate) async fn settle(dev: &Cluster, ids: &[String]) -> Vec<String> {
    let deadline = Instant::now() + BACKLOG;
    loop {
        let runs = runs_by_delivery(dev).await;
        let missing: Vec<_> = ids.iter().filter(|id| !runs.contains_key(*id)).cloned().collect();
        if missing.is_empty() || Instant::now() > deadline {
            return missing;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How many runs have no condition that says why they exist, once all have one or the time is up.
async fn explained(dev: &Cluster) -> usize {
    let runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    let is_explained = |run: &Value| {
        let conditions = run["status"]["conditions"].as_array().into_iter().flatten();
        conditions.filter(|condition| condition["type"] == "Triggered").count() == 1
    };
    let deadline = Instant::now() + BACKLOG;
    loop {
        let runs = dev.store().list(&runs, dev.namespace()).await.unwrap();
        let missing = runs.iter().filter(|run| !is_explained(run)).count();
        if missing == 0 || Instant::now() > deadline {
            return missing;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[test]
fn what_was_acknowledged_has_its_run_and_nothing_has_two() {
    let test = "kill::what_was_acknowledged_has_its_run_and_nothing_has_two";
    if life::live_as_told() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = format!("sqlite:{}", folder.path().join("journal.db").display());
    runtime().block_on(kill_again_and_again(test, journal, 1));
}

#[test]
fn two_replicas_over_one_postgresql_that_die_in_turn_lose_nothing_either() {
    let test = "kill::two_replicas_over_one_postgresql_that_die_in_turn_lose_nothing_either";
    if life::live_as_told() {
        return;
    }
    let Some(journal) = postgres::database("two_replicas_over_one_postgresql_that_die_in_turn") else {
        return;
    };
    runtime().block_on(kill_again_and_again(test, journal, 2));
}

/// One of two replicas dies with what it has claimed. The other finishes that within the lease.
#[test]
fn what_a_dead_replica_had_claimed_another_finishes_within_the_lease() {
    let test = "kill::what_a_dead_replica_had_claimed_another_finishes_within_the_lease";
    if life::live_as_told() {
        return;
    }
    let Some(journal) = postgres::database(test) else { return };
    runtime().block_on(async {
        let dev = cluster().await;
        let stage = Stage::new(test, &dev, journal, 2);
        let _survivor = Life::start(&stage, 1, &Death::Never);
        let victim = Life::start(&stage, 0, &Death::At(Step::Claimed, 1));
        // Only the victim is sent anything, and hears of it before the other.
        let load = Load::start(&stage.hooks[..1], &repository());
        victim.until_dead(&Death::At(Step::Claimed, 1), || 0).await;
        let died = Instant::now();
        let ids = load.stop().await;
        let missing = settle(&dev, &ids).await;
        assert!(missing.is_empty(), "no run for {:#?}", stage.records(&missing).await);
        // Many leases, for a machine that is busy with other things, and less than a claim lasts without the flag.
        let without_flag = Duration::from_secs(WorkOptions::default().claim_timeout);
        assert!(died.elapsed() < without_flag.mul_f64(0.75), "{:?}", died.elapsed());
    });
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
