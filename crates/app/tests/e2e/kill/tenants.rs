//! Two tenants with one key wait for the same pushes. One of them fails: its Secret cannot be read, its runs are refused
//! for now or for good, and the program is killed meanwhile. Both get every run once, the other tenant at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use trigger_devcluster::{Fault, Gvr};
use trigger_testkit::postgres::PostgresServer;

use super::life::{self, Death, Life, Stage};
use super::{BACKLOG, runtime};
use crate::apart::{Cluster, objects_of_sources, sources};
use crate::load::Load;
use crate::postgres;
use crate::soak::extent;
use crate::world::annotation;

/// The namespace of the tenant that fails.
const FAILING: &str = "team-b";
/// Every so many kills the database server crashes too, if there is one.
const CRASH_EVERY: u64 = 4;

/// Half of the requests for the tenant fail: for now, or, of the creations, one in ten for good.
fn faults() -> Vec<Fault> {
    let of_tenant = |fault: Fault| Fault { namespaces: vec![FAILING.to_owned()], ..fault };
    vec![
        of_tenant(Fault::refuse(500).on("get", "secrets").at_rate(0.5)),
        of_tenant(Fault::refuse(422).on("create", "buildruns").at_rate(0.1)),
        of_tenant(Fault::refuse(503).on("create", "buildruns").at_rate(0.5)),
    ]
}

/// Runs by namespace and commit: what waits for a Secret, or arrives with a further key, is a delivery of its own.
async fn runs(dev: &Cluster) -> HashMap<(String, String), usize> {
    let resource = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    let mut found = HashMap::new();
    for namespace in [dev.namespace(), FAILING] {
        for run in dev.store().list(&resource, namespace).await.unwrap() {
            let commit = annotation(&run, "commit").to_owned();
            *found.entry((namespace.to_owned(), commit)).or_insert(0) += 1;
        }
    }
    found
}

/// Waits until every commit has a run in each of the namespaces.
async fn settle(dev: &Cluster, namespaces: &[&str], commits: &[&str]) {
    let deadline = Instant::now() + BACKLOG;
    loop {
        let runs = runs(dev).await;
        let has =
            |namespace: &str, commit: &str| runs.contains_key(&(namespace.to_owned(), commit.to_owned()));
        let wanted =
            namespaces.iter().flat_map(|namespace| commits.iter().map(move |commit| (*namespace, *commit)));
        let missing: Vec<_> = wanted.filter(|(namespace, commit)| !has(namespace, commit)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{} have no run: {:?}", missing.len(), missing.first());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn kill_with_a_failing_tenant(test: &str, journal: String, database: Option<&PostgresServer>) {
    let dev = Cluster::bare().await;
    let Some(switch) = dev.faults(test) else { return };
    for object in objects_of_sources() {
        dev.apply(object.clone()).await;
        dev.apply_in(FAILING, object).await;
    }
    switch.set(faults());
    let replicas = if database.is_some() { 2 } else { 1 };
    let stage = Stage::new(test, &dev, journal, replicas);
    let load = Load::of(&stage.hooks, &sources());
    let (kills, deliveries) = (extent(8, 60), extent(120, 5000));
    let mut lives: Vec<Life> = (0..replicas).map(|place| Life::start(&stage, place, &Death::Never)).collect();
    for kill in 0..kills {
        let place = usize::try_from(kill).unwrap() % replicas;
        lives.remove(0).kill();
        if let Some(database) = database
            && kill % CRASH_EVERY == 0
        {
            database.kill().unwrap();
            database.start_again().unwrap();
        }
        let death = Death::numbered(kill);
        let so_far = load.acknowledged();
        Life::start(&stage, place, &death).until_dead(&death, || load.acknowledged() - so_far).await;
        lives.push(Life::start(&stage, place, &Death::Never));
        load.wait_for(usize::try_from(deliveries * (kill + 1) / kills).unwrap()).await;
    }
    let acknowledged = load.end().await;
    let commits: Vec<_> = acknowledged.iter().map(|acknowledged| acknowledged.commit.as_str()).collect();
    settle(&dev, &[dev.namespace()], &commits).await;

    // What failed for good is opened again when its sender sends it again.
    switch.set(Vec::new());
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    for delivery in &acknowledged {
        delivery.send_again(&http, stage.hooks[0]).await;
    }
    settle(&dev, &[dev.namespace(), FAILING], &commits).await;
    drop(lives);
    let runs = runs(&dev).await;
    let twice: Vec<_> = runs.iter().filter(|(_, runs)| **runs > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_tenant_that_fails_gets_its_runs_once_and_the_other_notices_nothing() {
    let test = "kill::tenants::a_tenant_that_fails_gets_its_runs_once_and_the_other_notices_nothing";
    if life::live_as_told() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = format!("sqlite:{}", folder.path().join("journal.db").display());
    runtime().block_on(kill_with_a_failing_tenant(test, journal, None));
}

#[test]
fn a_postgresql_that_crashes_beside_a_failing_tenant_loses_nothing() {
    let test = "kill::tenants::a_postgresql_that_crashes_beside_a_failing_tenant_loses_nothing";
    if life::live_as_told() {
        return;
    }
    let Some(server) = postgres::own_server(test) else { return };
    server.create_database("journal").unwrap();
    let journal = server.url("journal");
    runtime().block_on(kill_with_a_failing_tenant(test, journal, Some(&server)));
}
