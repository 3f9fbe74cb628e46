//! What every store promises. The tests know nothing of SQLite: [`suite!`] makes them for a store from an
//! expression that yields a fresh, empty [`crate::Store`].

pub(crate) mod appending;
pub(crate) mod arriving;
pub(crate) mod claiming;
pub(crate) mod ending;
pub(crate) mod forgetting;
pub(crate) mod marking;
pub(crate) mod memorizing;
pub(crate) mod refusing;
pub(crate) mod replaying;
pub(crate) mod searching;
pub(crate) mod sharing;

use std::time::Duration;

use trigger_core::{Delivery, DeliveryId};
use trigger_journal::{
    AppendOutcome, ClaimRequest, ClaimedDelivery, Journal, ReplayOutcome, ReplayRequest, Settlement,
};

use crate::delivery::verified;

/// Longer than any test: it does not run out.
pub(crate) const LONG: Duration = Duration::from_hours(1);

macro_rules! suite {
    ($store:ident, $new:expr) => {
        mod $store {
            $crate::contract::tests!($new, appending: [
                a_delivery_is_found_as_it_was_appended,
                of_fifty_calls_at_once_one_is_new,
                a_delivery_in_progress_is_not_taken_twice,
                a_settled_delivery_never_runs_again,
                a_delivery_that_is_decided_already_is_settled_at_once,
                what_had_failed_is_opened_again_whatever_was_decided,
                decided_ones_and_others_share_a_commit,
                a_failed_delivery_is_opened_again,
                an_empty_body_and_a_large_one_survive,
                what_was_appended_survives_the_end_of_the_process,
            ]);
            $crate::contract::tests!($new, claiming: [
                the_oldest_are_claimed_first,
                a_claim_takes_no_more_than_asked_for,
                what_is_claimed_is_not_claimed_again,
                many_claimers_share_the_queue_without_overlap,
                a_lease_that_runs_out_makes_it_claimable_again,
                a_claim_survives_the_end_of_the_process,
            ]);
            $crate::contract::tests!($new, ending: [
                a_settlement_is_kept_whole,
                a_settlement_with_a_fault_is_a_failure,
                a_released_delivery_waits_until_it_is_due,
                a_retry_does_not_overtake_what_waited_longer,
                a_stale_ticket_changes_nothing,
                an_expired_ticket_holds_until_somebody_else_claims,
                a_stale_ticket_does_not_fail_its_neighbours,
            ]);
            $crate::contract::tests!($new, searching: [
                the_history_is_newest_first_and_without_bodies,
                every_filter_narrows_the_history,
                pages_join_without_gap_or_overlap,
                new_deliveries_do_not_shift_pages,
                pages_have_a_usual_and_a_largest_size,
                a_foreign_cursor_is_refused,
                what_is_not_there_is_not_found,
                stats_count_the_queue_only,
                usage_counts_what_may_be_forgotten,
            ]);
            $crate::contract::tests!($new, sharing: [
                a_long_line_of_one_tenant_does_not_hold_up_another,
                turns_go_round_from_claim_to_claim,
                no_tenant_gets_more_than_its_room,
            ]);
            $crate::contract::tests!($new, replaying: [
                a_replay_is_a_delivery_of_its_own,
                a_request_made_twice_makes_one_replay,
                what_cannot_be_replayed_is_told,
                a_replay_can_be_replayed,
            ]);
            $crate::contract::tests!($new, forgetting: [
                what_is_young_is_kept,
                bodies_go_first_then_decisions_then_keys,
                limits_take_the_oldest,
                what_is_not_settled_is_never_forgotten,
                a_failed_delivery_that_was_forgotten_can_come_again,
                many_are_forgotten_in_small_batches,
            ]);
            $crate::contract::tests!($new, refusing: [
                refusals_are_kept_newest_first,
                the_ring_of_refusals_does_not_grow,
                a_store_that_works_says_so,
            ]);
            $crate::contract::tests!($new, marking: [
                a_watermark_only_rises,
            ]);
            $crate::contract::tests!($new, memorizing: [
                a_memo_is_replaced_by_who_knows_it,
                of_many_who_replace_a_memo_one_succeeds,
            ]);
            $crate::contract::tests!($new, arriving: [
                an_append_wakes_those_who_wait,
                a_replay_wakes_those_who_wait,
                a_duplicate_wakes_nobody,
                a_release_wakes_those_who_wait,
                closing_wakes_those_who_wait_and_refuses_the_rest,
            ]);
        }
    };
}
pub(crate) use suite;

macro_rules! tests {
    ($new:expr, $part:ident: [$($name:ident),* $(,)?]) => {
        mod $part {$(
            #[tokio::test]
            async fn $name() {
                $crate::contract::$part::$name(&mut $new).await;
            }
        )*}
    };
}
pub(crate) use tests;

pub(crate) async fn append(journal: &dyn Journal, delivery: &Delivery) -> AppendOutcome {
    journal.append(verified(delivery.clone())).await.unwrap()
}

/// Claims everything that is due.
pub(crate) async fn claim_all(journal: &dyn Journal) -> Vec<ClaimedDelivery> {
    journal.claim(ClaimRequest::any(1000, LONG)).await.unwrap()
}

/// Claims everything that is due, which is one delivery.
pub(crate) async fn claim_one(journal: &dyn Journal) -> ClaimedDelivery {
    let mut claimed = claim_all(journal).await;
    assert_eq!(claimed.len(), 1, "one delivery is due: {claimed:?}");
    claimed.remove(0)
}

/// Claims everything that is due, and ends it all in the same way.
pub(crate) async fn settle_all(journal: &dyn Journal, settlement: &Settlement) {
    for claimed in claim_all(journal).await {
        journal.settle(claimed.ticket, settlement.clone()).await.unwrap();
    }
}

pub(crate) async fn replay(journal: &dyn Journal, of: &DeliveryId, request: &str) -> ReplayOutcome {
    let (request, by, from) = (request.to_owned(), "ada".to_owned(), "10.0.0.7".to_owned());
    journal.replay(ReplayRequest { of: of.clone(), request, by, from }).await.unwrap()
}

pub(crate) fn failure(fault: &str) -> Settlement {
    Settlement { fault: Some(fault.to_owned()), ..Settlement::default() }
}
