use std::time::Duration;

use jiff::Timestamp;
use trigger_core::Facts;
use trigger_journal::{
    AppendOutcome, ClaimRequest, ClaimToken, Decided, JournalError, Query, ReplayOutcome, Settlement, State,
};

use super::{LONG, append, claim_all, claim_one, failure, replay, settle_all};
use crate::Store;
use crate::delivery::{facts, launched, push, skipped, verified};

async fn found(store: &impl Store, name: &str) -> Facts {
    store.journal().find(&push(name, 0).id).await.unwrap().unwrap().facts
}

pub(crate) async fn facts_survive_attempts_settlement_and_restart(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let first = claim_one(store.journal()).await;
    assert_eq!((&first.facts, found(store, "a").await), (&Facts::default(), Facts::default()));

    store.journal().record_facts(first.token.clone(), facts(&["aaaaaaa"])).await.unwrap();
    assert_eq!(found(store, "a").await, facts(&["aaaaaaa"]));
    store.journal().release(first.token, Timestamp::now(), failure("busy")).await.unwrap();
    assert_eq!(found(store, "a").await, facts(&["aaaaaaa"]));
    store.reopen().await;

    let second = claim_one(store.journal()).await;
    assert_eq!((second.token.attempt, &second.facts), (2, &facts(&["aaaaaaa"])));
    let settlement = Settlement { decisions: vec![skipped("r")], ..Settlement::default() };
    store.journal().settle(second.token, settlement).await.unwrap();
    store.reopen().await;
    let settled = store.journal().find(&push("a", 0).id).await.unwrap().unwrap();
    assert_eq!((settled.state, settled.facts), (State::Settled, facts(&["aaaaaaa"])));
    assert_eq!(settled.decisions, [skipped("r")]);
    let page = store.journal().history(Query::default()).await.unwrap();
    assert_eq!(page.records[0].facts, facts(&["aaaaaaa"]), "the history has them too");
}

pub(crate) async fn facts_survive_a_claim_that_times_out(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let lost = store.journal().claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap().remove(0);
    store.journal().record_facts(lost.token.clone(), facts(&["aaaaaaa"])).await.unwrap();
    let other = claim_one(store.journal()).await;
    assert_eq!((other.token.attempt, other.facts), (2, facts(&["aaaaaaa"])));
}

pub(crate) async fn facts_are_recorded_while_the_claim_is_held(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let claimed = claim_one(store.journal()).await;
    store.journal().record_facts(claimed.token.clone(), facts(&["aaaaaaa"])).await.unwrap();
    assert!(claim_all(store.journal()).await.is_empty(), "it is still claimed");
    let record = store.journal().find(&push("a", 0).id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempts, record.launches.len()), (State::Claimed, 1, 0));
    store.journal().settle(claimed.token, Settlement::default()).await.unwrap();
}

pub(crate) async fn later_facts_replace_earlier_ones(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let token = claim_one(store.journal()).await.token;
    for needs in [&["aaaaaaa"][..], &["aaaaaaa", "bbbbbbb"], &[]] {
        store.journal().record_facts(token.clone(), facts(needs)).await.unwrap();
        assert_eq!(found(store, "a").await, facts(needs));
    }
}

pub(crate) async fn a_stale_token_records_no_facts(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let unclaimed = ClaimToken { id: sent.id.clone(), attempt: 0 };
    let unknown = ClaimToken { id: push("unknown", 0).id, attempt: 1 };
    let lost = store.journal().claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap().remove(0).token;
    let held = store.journal().claim(ClaimRequest::any(1, LONG)).await.unwrap().remove(0).token;
    let future = ClaimToken { id: sent.id.clone(), attempt: 3 };
    store.journal().record_facts(held.clone(), facts(&["aaaaaaa"])).await.unwrap();
    for token in [unclaimed, unknown, lost, future] {
        let answer = store.journal().record_facts(token.clone(), facts(&["bbbbbbb"])).await;
        assert!(matches!(&answer, Err(JournalError::StaleToken { id }) if *id == token.id), "{answer:?}");
    }
    store.journal().settle(held.clone(), Settlement::default()).await.unwrap();
    let answer = store.journal().record_facts(held, facts(&["bbbbbbb"])).await;
    assert!(matches!(answer, Err(JournalError::StaleToken { .. })), "{answer:?}");
    assert_eq!(found(store, "a").await, facts(&["aaaaaaa"]));
}

pub(crate) async fn a_replay_has_the_facts_of_the_original(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let token = claim_one(store.journal()).await.token;
    store.journal().record_facts(token.clone(), facts(&["aaaaaaa"])).await.unwrap();
    let settlement = Settlement { launches: vec![launched("web-1")], ..Settlement::default() };
    store.journal().settle(token, settlement).await.unwrap();
    let ReplayOutcome::New(id) = replay(store.journal(), &sent.id, "once").await else { panic!("not new") };
    let copy = store.journal().find(&id).await.unwrap().unwrap();
    assert_eq!((copy.state, copy.facts, copy.launches.len()), (State::Pending, facts(&["aaaaaaa"]), 0));

    let claimed = claim_one(store.journal()).await;
    assert_eq!((&claimed.token.id, &claimed.facts), (&id, &facts(&["aaaaaaa"])));
    store.journal().record_facts(claimed.token, facts(&["aaaaaaa", "bbbbbbb"])).await.unwrap();
    assert_eq!(found(store, "a").await, facts(&["aaaaaaa"]), "the original keeps its own");
}

pub(crate) async fn a_decided_delivery_has_the_facts_of_its_decisions(store: &mut impl Store) {
    let sent = push("a", 0);
    for (needs, expected) in [(&["aaaaaaa"][..], AppendOutcome::New), (&["bbbbbbb"], AppendOutcome::Settled)]
    {
        let decided = Decided { decisions: vec![skipped("r")], facts: facts(needs) };
        let answer = store.journal().append_decided(verified(sent.clone()), Some(decided)).await.unwrap();
        assert_eq!(answer, expected);
        assert_eq!(found(store, "a").await, facts(&["aaaaaaa"]));
    }
    let ReplayOutcome::New(_) = replay(store.journal(), &sent.id, "once").await else { panic!("not new") };
    assert_eq!(claim_one(store.journal()).await.facts, facts(&["aaaaaaa"]));
}

pub(crate) async fn a_reopened_delivery_keeps_its_facts(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let token = claim_one(store.journal()).await.token;
    store.journal().record_facts(token, facts(&["aaaaaaa"])).await.unwrap();
    let token = ClaimToken { id: push("a", 0).id, attempt: 1 };
    store.journal().settle(token, failure("forbidden")).await.unwrap();
    let decided = Decided { decisions: vec![skipped("r")], facts: facts(&["bbbbbbb"]) };
    let answer = store.journal().append_decided(verified(push("a", 5)), Some(decided)).await.unwrap();
    assert_eq!(answer, AppendOutcome::Reopened);
    assert_eq!(claim_one(store.journal()).await.facts, facts(&["aaaaaaa"]));
    settle_all(store.journal(), &Settlement::default()).await;
}
