use trigger_core::{Delivery, DeliveryId};
use trigger_journal::{Decided, JournalError, Page, Query, Settlement, State, Stats};

use super::{append, claim_one, failure, settle_all};
use crate::Store;
use crate::delivery::{launched, moment, push, repository, skipped, verified};

async fn page(store: &impl Store, query: &Query) -> Page {
    store.journal().history(query.clone()).await.unwrap()
}

fn ids(page: &Page) -> Vec<DeliveryId> {
    page.records.iter().map(|record| record.delivery.id.clone()).collect()
}

/// All pages of a query, each checked to be full as long as there is another.
async fn walk(store: &impl Store, query: Query) -> Vec<DeliveryId> {
    let (mut query, mut found) = (query, Vec::new());
    loop {
        let page = page(store, &query).await;
        found.extend(ids(&page));
        let Some(next) = page.next else { return found };
        assert_eq!(page.records.len(), query.limit);
        query.after = Some(next);
    }
}

pub(crate) async fn the_history_is_newest_first_and_without_bodies(store: &mut impl Store) {
    for (name, second) in [("middle", 2), ("newest", 3), ("oldest", 1)] {
        append(store.journal(), &push(name, second)).await;
    }
    let settlement =
        Settlement { decisions: vec![skipped("r")], launches: vec![launched("web-1")], error: None };
    settle_all(store.journal(), &settlement).await;
    let page = page(store, &Query::default()).await;
    assert_eq!(ids(&page), ["newest", "middle", "oldest"].map(|name| push(name, 0).id));
    assert_eq!(page.next, None);
    for record in page.records {
        assert!(record.delivery.body.is_empty());
        assert_eq!((&record.decisions, &record.launches), (&settlement.decisions, &settlement.launches));
    }
}

pub(crate) async fn every_filter_narrows_the_history(store: &mut impl Store) {
    let failed = push("failed", 1);
    append(store.journal(), &failed).await;
    settle_all(store.journal(), &failure("x")).await;
    let settled = Delivery { repository: Some(repository("acme/api")), ..push("settled", 2) };
    append(store.journal(), &settled).await;
    settle_all(store.journal(), &Settlement::default()).await;
    let claimed = Delivery { event: "pull_request".to_owned(), ..push("claimed", 3) };
    append(store.journal(), &claimed).await;
    claim_one(store.journal()).await;
    let pending = Delivery { repository: None, ..push("pending", 4) };
    append(store.journal(), &pending).await;

    let web = Some("github.com/acme/web".to_owned());
    let since = Some(moment(3));
    let all = Query::default;
    let cases: Vec<(Query, Vec<&Delivery>)> = vec![
        (all(), vec![&pending, &claimed, &settled, &failed]),
        (Query { repository: web.clone(), ..all() }, vec![&claimed, &failed]),
        (Query { repository: Some("github.com/acme".to_owned()), ..all() }, vec![]),
        (Query { events: vec!["push".to_owned()], ..all() }, vec![&pending, &settled, &failed]),
        (Query { events: vec!["pull_request".to_owned()], ..all() }, vec![&claimed]),
        (
            Query { events: vec!["push".to_owned(), "pull_request".to_owned()], ..all() },
            vec![&pending, &claimed, &settled, &failed],
        ),
        (Query { events: vec!["\"]' OR 1=1".to_owned()], ..all() }, vec![]),
        (Query { state: Some(State::Pending), ..all() }, vec![&pending]),
        (Query { state: Some(State::Claimed), ..all() }, vec![&claimed]),
        (Query { state: Some(State::Settled), ..all() }, vec![&settled]),
        (Query { state: Some(State::Failed), ..all() }, vec![&failed]),
        (Query { since, ..all() }, vec![&pending, &claimed]),
        (Query { id: Some(claimed.id.clone()), ..all() }, vec![&claimed]),
        (Query { id: Some(push("unknown", 1).id), ..all() }, vec![]),
        (Query { since: Some(moment(5)), ..all() }, vec![]),
        (Query { repository: web.clone(), since, ..all() }, vec![&claimed]),
        (Query { repository: web, state: Some(State::Settled), ..all() }, vec![]),
    ];
    for (query, wanted) in cases {
        let wanted: Vec<_> = wanted.into_iter().map(|delivery| delivery.id.clone()).collect();
        assert_eq!(ids(&page(store, &query).await), wanted, "{query:?}");
    }
}

pub(crate) async fn pages_join_without_gap_or_overlap(store: &mut impl Store) {
    // Three at each moment, so that pages end within a moment too.
    let mut sent = Vec::new();
    for n in 0..30 {
        let delivery = push(&n.to_string(), n / 3);
        append(store.journal(), &delivery).await;
        sent.push(delivery.id);
    }
    sent.reverse();
    for limit in [1, 4, 7, 10, 29, 30, 31] {
        assert_eq!(walk(store, Query { limit, ..Query::default() }).await, sent, "limit {limit}");
    }
    let query =
        Query { limit: 4, since: Some(moment(5)), events: vec!["push".to_owned()], ..Query::default() };
    assert_eq!(walk(store, query).await, sent[..15]);
}

pub(crate) async fn new_deliveries_do_not_shift_pages(store: &mut impl Store) {
    for n in 0..4 {
        append(store.journal(), &push(&n.to_string(), n)).await;
    }
    let first = page(store, &Query { limit: 2, ..Query::default() }).await;
    append(store.journal(), &push("later", 9)).await;
    let second = page(store, &Query { limit: 2, after: first.next, ..Query::default() }).await;
    assert_eq!(ids(&second), [push("1", 0).id, push("0", 0).id]);
    assert_eq!(second.next, None);
}

pub(crate) async fn pages_have_a_default_and_a_largest_size(store: &mut impl Store) {
    let all = (0..501).map(|n| push(&n.to_string(), n));
    let journal = store.journal();
    futures::future::join_all(all.map(|delivery| async move { append(journal, &delivery).await })).await;
    for (limit, size) in [(0, 50), (500, 500), (501, 500), (usize::MAX, 500)] {
        let page = page(store, &Query { limit, ..Query::default() }).await;
        assert_eq!((page.records.len(), page.next.is_some()), (size, true), "limit {limit}");
    }
}

pub(crate) async fn a_foreign_cursor_is_rejected(store: &mut impl Store) {
    for cursor in ["", "2", "page two", "aaaa"] {
        let query = Query { after: Some(cursor.to_owned()), ..Query::default() };
        let answer = store.journal().history(query).await;
        assert!(matches!(answer, Err(JournalError::BadCursor)), "{cursor:?}: {answer:?}");
    }
}

pub(crate) async fn an_unknown_delivery_is_not_found(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    assert!(store.journal().find(&push("b", 0).id).await.unwrap().is_none());
}

pub(crate) async fn stats_count_the_queue_only(store: &mut impl Store) {
    assert_eq!(store.journal().stats().await.unwrap(), Stats::default());
    append(store.journal(), &push("settled", 1)).await;
    settle_all(store.journal(), &Settlement::default()).await;
    append(store.journal(), &push("failed", 2)).await;
    settle_all(store.journal(), &failure("x")).await;
    assert_eq!(store.journal().stats().await.unwrap(), Stats::default());
    append(store.journal(), &push("claimed", 3)).await;
    claim_one(store.journal()).await;
    append(store.journal(), &push("pending", 5)).await;
    append(store.journal(), &push("waiting", 4)).await;
    let wanted = Stats { pending: 2, claimed: 1, oldest_unsettled: Some(moment(3)) };
    assert_eq!(store.journal().stats().await.unwrap(), wanted);
}

pub(crate) async fn usage_counts_the_bodies_that_may_be_pruned(store: &mut impl Store) {
    append(store.journal(), &push("settled", 1)).await;
    let before = store.journal().usage().await.unwrap();
    assert!(before.bytes > 0, "{before:?}");
    assert_eq!(before.payload_bytes, 0, "what is not settled has to be kept");
    settle_all(store.journal(), &Settlement::default()).await;
    let after = store.journal().usage().await.unwrap();
    assert!(after.payload_bytes > 0 && after.bytes >= before.bytes, "{after:?}");
}

pub(crate) async fn pages_end_early_where_decisions_are_long(store: &mut impl Store) {
    let mut decision = skipped("r");
    decision.checks[0].found = "x".repeat(1 << 20);
    for second in 0..10 {
        let decided = Some(Decided { decisions: vec![decision.clone()], ..Decided::default() });
        let delivery = verified(push(&second.to_string(), second));
        store.journal().append_decided(delivery, decided).await.unwrap();
    }
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = store.journal().history(Query { after, ..Query::default() }).await.unwrap();
        pages.push(page.records.len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [4, 4, 2]);
}
