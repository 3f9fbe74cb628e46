use std::sync::Arc;

use tokio::time::advance;
use trigger_core::KnownHosts;
use trigger_rules::{Coverage, Inventory};

use super::*;
use crate::metrics::Metrics;

fn coverage_of(namespaces: &[&str]) -> (FeedCoverage<CoveredBuilds>, Arc<Inventory>) {
    let inventory = Arc::new(Inventory::new(KnownHosts::NONE));
    let parts = namespaces.iter().map(|name| Part::new("Builds", Some(name)));
    let covered = CoveredBuilds { inventory: Arc::clone(&inventory), metrics: Metrics::default() };
    (FeedCoverage::new(parts, covered), inventory)
}

fn published(inventory: &Inventory) -> Option<Coverage> {
    inventory.current().map(|rules| Coverage::clone(rules.coverage()))
}

fn unseen(namespaces: &[&str]) -> Coverage {
    let unseen = namespaces.iter().map(|name| Arc::from(*name)).collect();
    Coverage { unseen, is_stale: false }
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_namespace_delays_no_other() {
    let (feeds, inventory) = coverage_of(&["a", "b", "c"]);
    feeds.fails(1, true, "forbidden".to_owned());
    feeds.listed(0);
    assert_eq!(published(&inventory), None, "c has not failed and may be listed at any moment");
    feeds.listed(2);
    assert_eq!(published(&inventory), Some(unseen(&["b"])));
    assert_eq!(feeds.details(), ["the Builds of namespace b are not known: forbidden"]);
    assert!(!*feeds.seen(Some("b")).unwrap().borrow());

    feeds.listed(1);
    assert_eq!(published(&inventory), Some(unseen(&[])));
    assert!(feeds.details().is_empty() && *feeds.seen(Some("b")).unwrap().borrow());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_while_no_namespace_is_listed() {
    let (feeds, inventory) = coverage_of(&["a", "b"]);
    feeds.fails(0, true, "forbidden".to_owned());
    feeds.fails(1, false, "away".to_owned());
    advance(10 * SET_ASIDE_AFTER).await;
    feeds.review();
    assert_eq!(published(&inventory), None);
    assert_eq!(feeds.waiting_for(), "forbidden");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_not_listed_delays_the_others_for_a_bounded_time() {
    let (feeds, inventory) = coverage_of(&["a", "b"]);
    let running = async {
        feeds.listed(0);
        advance(SET_ASIDE_AFTER / 2).await;
        assert_eq!(published(&inventory), None);
        tokio::time::sleep(SET_ASIDE_AFTER / 2).await;
        feeds.synced().wait_for(|synced| *synced).await.unwrap();
        assert_eq!(published(&inventory), Some(unseen(&["b"])));
    };
    tokio::select! { () = feeds.run() => {}, () = running => {} }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_for_longer_than_a_moment_makes_the_rules_stale() {
    let (feeds, inventory) = coverage_of(&["a"]);
    let is_stale = || published(&inventory).unwrap().is_stale;
    let running = async {
        feeds.listed(0);
        for _ in 0..3 {
            feeds.fails(0, false, "401".to_owned());
            tokio::time::sleep(STALE_AFTER / 2).await;
            feeds.works(0);
        }
        assert!(!is_stale(), "each failure was short");
        feeds.fails(0, false, "401".to_owned());
        tokio::time::sleep(STALE_AFTER / 2).await;
        feeds.fails(0, false, "401".to_owned());
        assert!(!is_stale());
        tokio::time::sleep(STALE_AFTER).await;
        assert!(is_stale(), "it has failed since the first failure");
        assert_eq!(feeds.details(), ["the Builds of namespace a may have changed unseen: 401"]);
        feeds.works(0);
        assert!(!is_stale());
    };
    tokio::select! { () = feeds.run() => {}, () = running => {} }
}

#[tokio::test(start_paused = true)]
async fn the_details_name_a_bounded_number_of_namespaces() {
    let names: Vec<_> = (0..MOST_NAMED + 5).map(|number| format!("n{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let details = coverage_of(&names).0.details();
    assert_eq!(details.len(), MOST_NAMED + 1);
    assert_eq!(details[MOST_NAMED], "and those of 5 more namespaces");
}
