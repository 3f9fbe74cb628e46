use bytes::Bytes;
use futures::future::join_all;
use trigger_core::{Facts, KeyRef, ObjectKey};
use trigger_journal::{AppendOutcome, Decided, ReplayOutcome, Settlement, State, Stats};

use super::{append, claim_one, failure, settle_all};
use crate::Store;
use crate::delivery::{ENTRY, launched, push, skipped, verified, verified_by};

pub(crate) async fn a_delivery_is_found_as_it_was_appended(store: &mut impl Store) {
    let sent = push("a", 0);
    assert_eq!(append(store.journal(), &sent).await, AppendOutcome::New);
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    let kept = &found.delivery;
    assert_eq!(kept.id, sent.id);
    assert_eq!((&kept.source, &kept.path), (&sent.source, &sent.path));
    assert_eq!((&kept.provider_id, &kept.event), (&sent.provider_id, &sent.event));
    assert_eq!((&kept.repository, &kept.headers), (&sent.repository, &sent.headers));
    assert_eq!((kept.received_at, &kept.body), (sent.received_at, &sent.body));
    assert_eq!(found.verification, *verified(sent).verification());
    assert_eq!((found.state, found.attempts), (State::Pending, 0));
    assert!(found.due.is_some());
    assert_eq!((found.settled_at, found.error), (None, None));
    assert_eq!((found.decisions.len(), found.launches.len(), found.facts), (0, 0, Facts::default()));
}

pub(crate) async fn of_fifty_calls_at_once_one_is_new(store: &mut impl Store) {
    let sent = push("a", 0);
    let answers = join_all((0..50).map(|_| append(store.journal(), &sent))).await;
    let new = answers.iter().filter(|answer| **answer == AppendOutcome::New).count();
    let others = answers.iter().filter(|answer| **answer == AppendOutcome::InProgress).count();
    assert_eq!((new, others), (1, 49));
    claim_one(store.journal()).await;
}

pub(crate) async fn a_delivery_in_progress_is_not_taken_twice(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    assert_eq!(append(store.journal(), &sent).await, AppendOutcome::InProgress);
    claim_one(store.journal()).await;
    assert_eq!(append(store.journal(), &push("a", 9)).await, AppendOutcome::InProgress);
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.delivery.received_at), (State::Claimed, sent.received_at));
}

pub(crate) async fn a_settled_delivery_never_runs_again(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    settle_all(store.journal(), &Settlement::default()).await;
    assert_eq!(append(store.journal(), &sent).await, AppendOutcome::Settled);
    assert!(super::claim_all(store.journal()).await.is_empty());
}

pub(crate) async fn a_decided_delivery_is_settled_at_once(store: &mut impl Store) {
    let sent = push("a", 0);
    let mut arrivals = store.journal().arrivals();
    arrivals.mark_unchanged();
    let decide = |rule| Some(Decided { decisions: vec![skipped(rule)], ..Decided::default() });
    let appended = store.journal().append_decided(verified(sent.clone()), decide("r")).await.unwrap();
    assert_eq!(appended, AppendOutcome::New);
    assert!(!arrivals.has_changed().unwrap(), "no dispatcher has work");
    assert!(super::claim_all(store.journal()).await.is_empty());
    assert_eq!(store.journal().stats().await.unwrap(), Stats::default());

    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts, found.due), (State::Settled, 1, None));
    assert!(found.settled_at.is_some());
    assert_eq!((&found.delivery.body, found.error), (&sent.body, None));
    assert_eq!((found.decisions, found.launches.len()), (vec![skipped("r")], 0));

    let again = store.journal().append_decided(verified(sent.clone()), decide("other")).await.unwrap();
    assert_eq!(again, AppendOutcome::Settled);
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!(found.decisions, [skipped("r")], "what is known stays");
    assert!(matches!(super::replay(store.journal(), &sent.id, "once").await, ReplayOutcome::New(_)));
    assert_eq!(claim_one(store.journal()).await.delivery.body, sent.body, "it can be replayed");
}

pub(crate) async fn a_failed_delivery_is_reopened_even_if_it_is_decided(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    settle_all(store.journal(), &failure("quota exceeded")).await;
    let decided = Some(Decided { decisions: vec![skipped("r")], ..Decided::default() });
    let appended = store.journal().append_decided(verified(sent.clone()), decided).await.unwrap();
    assert_eq!(appended, AppendOutcome::Reopened);
    assert_eq!(claim_one(store.journal()).await.token.attempt, 2);
}

pub(crate) async fn a_failed_delivery_stays_failed_if_only_unknown_ones_are_wanted(store: &mut impl Store) {
    let (sent, unknown) = (push("a", 0), push("b", 1));
    append(store.journal(), &sent).await;
    settle_all(store.journal(), &failure("quota exceeded")).await;
    let outcome = store.journal().append_if_unknown(verified(sent.clone()), None).await.unwrap();
    assert_eq!(outcome, AppendOutcome::Failed);
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.error.as_deref()), (State::Failed, Some("quota exceeded")));
    for expected in [AppendOutcome::New, AppendOutcome::InProgress] {
        let outcome = store.journal().append_if_unknown(verified(unknown.clone()), None).await.unwrap();
        assert_eq!(outcome, expected);
    }
    assert_eq!(claim_one(store.journal()).await.delivery.id, unknown.id);
}

pub(crate) async fn decided_and_undecided_deliveries_share_a_commit(store: &mut impl Store) {
    let journal = store.journal();
    let appends = (0..40).map(|number| {
        let decided = (number % 2 == 0).then(Decided::default);
        let delivery = verified(push(&format!("d{number}"), i64::from(number)));
        async move { journal.append_decided(delivery, decided).await.unwrap() }
    });
    let answers = join_all(appends).await;
    assert!(answers.iter().all(|answer| *answer == AppendOutcome::New), "{answers:?}");
    assert_eq!(super::claim_all(journal).await.len(), 20);
}

pub(crate) async fn a_failed_delivery_is_reopened(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let settlement = Settlement {
        decisions: vec![skipped("r")],
        launches: vec![launched("web-1")],
        error: Some("quota exceeded".to_owned()),
    };
    settle_all(store.journal(), &settlement).await;

    let mut again = push("a", 60);
    again.provider_id = Some("another guid".to_owned());
    assert_eq!(append(store.journal(), &again).await, AppendOutcome::Reopened);

    let found = store.journal().find(&again.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts, found.settled_at), (State::Pending, 1, None));
    assert_eq!(found.delivery.received_at, again.received_at);
    assert_eq!(
        found.delivery.provider_id, again.provider_id,
        "the key that verified it then verifies it now"
    );
    assert_eq!(found.delivery.body, again.body);
    assert_eq!(found.error.as_deref(), Some("quota exceeded"), "until the next attempt ends");
    assert_eq!((found.decisions, found.launches), (settlement.decisions, settlement.launches));
    assert_eq!(claim_one(store.journal()).await.token.attempt, 2);
}

pub(crate) async fn a_delivery_reopened_by_another_key_keeps_what_it_was_and_what_it_had_started(
    store: &mut impl Store,
) {
    let first = push("a", 0);
    let [of_a, of_b] = [ObjectKey::new("team-a", "hook"), ObjectKey::new("team-b", "hook")];
    store.journal().append(verified_by(first.clone(), &of_a)).await.unwrap();
    let launches = vec![launched("web-1")];
    let settlement = Settlement { launches: launches.clone(), ..failure("quota exceeded") };
    settle_all(store.journal(), &settlement).await;

    let mut other = push("a", 60);
    other.headers = vec![("x-github-event".to_owned(), "release".to_owned())];
    (other.event, other.provider_id) = ("release".to_owned(), Some("another guid".to_owned()));
    let arrivals = (0..8).map(|_| store.journal().append(verified_by(other.clone(), &of_b)));
    let answers: Vec<_> = join_all(arrivals).await.into_iter().map(Result::unwrap).collect();
    let reopened = answers.iter().filter(|answer| **answer == AppendOutcome::Reopened).count();
    assert_eq!(reopened, 1, "{answers:?}");

    let claimed = claim_one(store.journal()).await;
    let keys = [of_a.clone(), of_b].map(|secret| KeyRef::new(secret, ENTRY));
    assert_eq!(claimed.verification.keys, keys, "each arrival proved its key");
    assert_eq!(&*claimed.tenant, "team-a");
    assert_eq!(claimed.delivery.received_at, other.received_at, "its age counts from the last arrival");
    assert_eq!((&claimed.delivery.headers, &claimed.delivery.event), (&first.headers, &first.event));
    assert_eq!(claimed.delivery.provider_id, first.provider_id);
    assert_eq!((&claimed.launches, &claimed.delivery.body), (&launches, &first.body));

    store.journal().settle(claimed.token, settlement).await.unwrap();
    let again = store.journal().append(verified_by(first, &of_a)).await.unwrap();
    assert_eq!(again, AppendOutcome::Reopened);
    assert_eq!(claim_one(store.journal()).await.verification.keys.len(), 2);
}

pub(crate) async fn a_delivery_of_which_the_key_is_left_is_reopened_for_all_its_keys(store: &mut impl Store) {
    let [of_a, of_b] = ["team-a", "team-b"].map(|namespace| ObjectKey::new(namespace, "hook"));
    store.journal().append(verified_by(push("a", 0), &of_a)).await.unwrap();
    settle_all(store.journal(), &failure("quota exceeded")).await;
    super::pruning::reduce_to_keys(store.journal()).await;
    let again = push("a", 60);
    let answer = store.journal().append(verified_by(again.clone(), &of_b)).await.unwrap();
    assert_eq!(answer, AppendOutcome::Reopened);
    let claimed = claim_one(store.journal()).await;
    assert_eq!(claimed.verification.keys.len(), 2);
    assert_eq!((claimed.delivery.headers, claimed.delivery.body), (again.headers, again.body));
}

pub(crate) async fn an_empty_body_and_a_large_one_survive(store: &mut impl Store) {
    for (name, size) in [("empty", 0), ("large", 3 << 20)] {
        let mut sent = push(name, 0);
        sent.body = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect::<Vec<_>>().into();
        append(store.journal(), &sent).await;
        assert_eq!(claim_one(store.journal()).await.delivery.body, sent.body, "{name}");
        let found = store.journal().find(&sent.id).await.unwrap().unwrap();
        assert!(found.delivery.body == sent.body && Bytes::len(&sent.body) == size as usize, "{name}");
    }
}

pub(crate) async fn an_append_survives_the_end_of_the_process(store: &mut impl Store) {
    let failed = push("failed", 0);
    append(store.journal(), &failed).await;
    settle_all(store.journal(), &failure("gone")).await;
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    store.reopen().await;
    assert_eq!(append(store.journal(), &sent).await, AppendOutcome::InProgress);
    assert_eq!(claim_one(store.journal()).await.delivery.body, sent.body);
    assert_eq!(append(store.journal(), &failed).await, AppendOutcome::Reopened);
}
