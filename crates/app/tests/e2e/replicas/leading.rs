//! Who leads, and who does when that one is gone.

use std::time::Duration;

use reqwest::StatusCode;
use trigger_devcluster::{Fault, Gvr};

use super::fleet::{Fleet, until};
use crate::postgres;
use crate::roles;
use crate::world::{World, usual_rules};

/// Two seconds at most pass between two looks at the Lease, and the rest is for a machine that is busy with other
/// things. A Lease that is not given back takes 13 at least.
const AT_ONCE: Duration = Duration::from_secs(10);
/// After a kill 17 seconds are the most that may pass; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// The whole path: `kill -9`, then SIGTERM.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_leads_soon_after_a_kill_and_at_once_after_a_clean_end() {
    let Some(fleet) = Fleet::new("the_next_leads_soon_after_a_kill").await else { return };
    let first = fleet.replica().await;
    first.comes_to_lead().await;
    let second = fleet.replica().await;
    assert!(!second.leads().await, "one leads, and that is the first");
    first.kill();
    let gap = until("the next leads after a kill", || second.leads()).await;
    assert!(gap < SOON, "{gap:?}");

    let third = fleet.replica().await;
    assert!(!third.leads().await);
    second.ask_to_end();
    let gap = until("the next leads after a clean end", || third.leads()).await;
    assert!(gap < AT_ONCE, "{gap:?}");
    let took = second.ended().await;
    assert!(took < Duration::from_secs(10), "nothing was under way: {took:?}");

    // Nobody is there: the Lease says so.
    third.ask_to_end();
    third.ended().await;
    let leases = Gvr::new("coordination.k8s.io", "v1", "leases");
    let leases = fleet.dev.store().list(&leases, roles::NAMESPACE).await.unwrap();
    let own = leases.iter().find(|lease| lease["metadata"]["name"] == fleet.lease_name()).unwrap();
    let spec = &own["spec"];
    assert!(spec["holderIdentity"].is_null(), "{spec}");
    assert_eq!(spec["leaseTransitions"], 2, "three have held it: {spec}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_have_the_lease_does_not_lead_and_takes_deliveries_in() {
    let test = "who_cannot_have_the_lease_does_not_lead_and_takes_deliveries_in";
    let Some(journal) = postgres::database(test) else { return };
    let dev = roles::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
    dev.faults().add(Fault::refuse(403).on("get", "leases").on("create", "leases").on("patch", "leases"));
    let world = World::on(dev, |options| options.journal = journal.parse().unwrap()).await;
    let Some(dev) = world.dev_only("the API server is made to refuse") else { return };
    world.program.ready().await;
    world.hook_secret("team-a", crate::world::KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    world
        .until("the Lease was asked for", || async {
            (dev.requests().count("get", "leases.coordination.k8s.io") > 1).then_some(())
        })
        .await;
    assert!(!world.program.leadership.is_ours());
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
    let ready = world.http.get(format!("{}/readyz", world.admin_url())).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK, "readiness does not depend on it");
    dev.faults().clear();
    world.until("it leads", || async { world.program.leadership.is_ours().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_process_over_a_file_leads_without_a_lease() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    assert!(world.program.leadership.is_ours());
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    for verb in ["get", "create", "patch"] {
        assert_eq!(dev.requests().count(verb, "leases.coordination.k8s.io"), 0);
    }
    let metrics = world.http.get(format!("{}/metrics", world.admin_url())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nshipwright_trigger_leader 1\n"), "{metrics}");
}
