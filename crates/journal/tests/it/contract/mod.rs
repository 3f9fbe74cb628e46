//! The promises of every store. The tests name no store: [`suite!`] makes them for one from an expression that yields
//! a new, empty [`crate::Store`].

pub(crate) mod appending;
pub(crate) mod arriving;
pub(crate) mod claiming;
pub(crate) mod clocks;
pub(crate) mod deciding_again;
pub(crate) mod entries;
pub(crate) mod facts;
pub(crate) mod fairness;
pub(crate) mod pruning;
pub(crate) mod quotas;
pub(crate) mod rejecting;
pub(crate) mod replaying;
pub(crate) mod searching;
pub(crate) mod settling;
pub(crate) mod watermarks;

use std::time::Duration;

use trigger_core::{Delivery, DeliveryId};
use trigger_journal::{
    AppendOutcome, ClaimRequest, ClaimedDelivery, Journal, ReplayOutcome, ReplayRequest, Settlement,
};

use crate::delivery::verified;

/// A claim timeout that is longer than any test.
pub(crate) const LONG: Duration = Duration::from_hours(1);

macro_rules! suite {
    ($store:ident, $new:expr) => {
        mod $store {
            $crate::contract::tests!($new, appending: [
                a_delivery_is_found_as_it_was_appended,
                of_fifty_calls_at_once_one_is_new,
                a_delivery_in_progress_is_not_taken_twice,
                a_settled_delivery_never_runs_again,
                a_decided_delivery_is_settled_at_once,
                a_failed_delivery_is_reopened_even_if_it_is_decided,
                a_failed_delivery_stays_failed_if_only_unknown_ones_are_wanted,
                decided_and_undecided_deliveries_share_a_commit,
                a_failed_delivery_is_reopened,
                a_delivery_reopened_by_another_key_keeps_what_it_was_and_what_it_had_started,
                a_delivery_of_which_the_key_is_left_is_reopened_for_all_its_keys,
                an_empty_body_and_a_large_one_survive,
                an_append_survives_the_end_of_the_process,
            ]);
            $crate::contract::tests!($new, claiming: [
                the_oldest_are_claimed_first,
                a_claim_takes_no_more_than_requested,
                a_claim_holds_no_more_bodies_than_requested,
                a_claimed_delivery_is_not_claimed_again,
                many_claimers_share_the_queue_without_overlap,
                a_claim_that_times_out_can_be_claimed_again,
                a_claim_survives_the_end_of_the_process,
            ]);
            $crate::contract::tests!($new, clocks: [
                a_delivery_appended_by_a_clock_that_was_ahead_is_due_now,
                a_claim_made_by_a_clock_that_was_ahead_times_out,
                a_delivery_that_waits_for_good_reason_is_not_due,
                no_delivery_waits_longer_than_the_longest_wait,
            ]);
            $crate::contract::tests!($new, settling: [
                a_settlement_is_kept_whole,
                a_settlement_with_an_error_is_a_failure,
                a_released_delivery_waits_until_it_is_due,
                a_retry_does_not_overtake_what_waited_longer,
                a_stale_token_changes_nothing,
                a_timed_out_token_is_valid_until_another_claim,
                a_stale_token_does_not_fail_its_neighbours,
                a_claimed_delivery_gets_another_verification,
            ]);
            $crate::contract::tests!($new, facts: [
                facts_survive_attempts_settlement_and_restart,
                facts_survive_a_claim_that_times_out,
                facts_are_recorded_while_the_claim_is_held,
                later_facts_replace_earlier_ones,
                a_stale_token_records_no_facts,
                a_replay_has_the_facts_of_the_original,
                a_decided_delivery_has_the_facts_of_its_decisions,
                a_reopened_delivery_keeps_its_facts,
            ]);
            $crate::contract::tests!($new, searching: [
                the_history_is_newest_first_and_without_bodies,
                every_filter_narrows_the_history,
                pages_join_without_gap_or_overlap,
                new_deliveries_do_not_shift_pages,
                pages_have_a_default_and_a_largest_size,
                pages_end_early_where_decisions_are_long,
                a_foreign_cursor_is_rejected,
                an_unknown_delivery_is_not_found,
                stats_count_the_queue_only,
                usage_counts_the_bodies_that_may_be_pruned,
            ]);
            $crate::contract::tests!($new, fairness: [
                a_long_queue_of_one_tenant_does_not_delay_another,
                tenants_take_turns_from_claim_to_claim,
                no_tenant_gets_more_claims_than_its_limit,
            ]);
            $crate::contract::tests!($new, replaying: [
                a_replay_is_a_delivery_of_its_own,
                a_request_made_twice_makes_one_replay,
                a_delivery_that_cannot_be_replayed_has_a_reason,
                a_replay_can_be_replayed,
                a_replay_is_restricted_to_the_namespaces_of_its_request,
            ]);
            $crate::contract::tests!($new, pruning: [
                young_deliveries_are_retained,
                bodies_go_first_then_decisions_then_keys,
                limits_prune_the_oldest,
                unsettled_deliveries_are_never_pruned,
                a_failed_delivery_that_was_pruned_can_be_reopened,
                many_deliveries_are_pruned_in_small_batches,
                a_delivery_settled_by_a_clock_that_was_ahead_is_pruned_by_its_real_age,
            ]);
            $crate::contract::tests!($new, quotas: [
                a_tenant_alone_has_no_quota,
                a_tenant_that_fills_its_share_delays_no_other,
                decisions_count,
                a_quota_that_is_exceeded_already_is_restored_by_pruning,
                keys_count,
                a_replay_needs_room_and_its_original_makes_none,
                shares_list_the_largest_tenants_first,
            ]);
            $crate::contract::tests!($new, deciding_again: [
                a_settled_delivery_that_started_nothing_is_reopened_as_often_as_it_is_wanted,
                of_many_calls_one_reopens,
                a_failed_delivery_and_an_unknown_one_are_queued,
                a_delivery_that_started_a_run_is_never_reopened,
                a_delivery_with_an_attempt_that_was_not_recorded_is_not_reopened,
                a_delivery_that_was_released_without_a_run_is_reopened,
                a_replayed_delivery_is_not_reopened,
                of_a_replay_and_a_reopening_at_once_one_happens,
                a_delivery_without_its_body_is_reopened_and_a_key_is_not,
                a_delivery_decided_again_is_decided_for_all_its_keys,
            ]);
            $crate::contract::tests!($new, rejecting: [
                rejections_are_retained_newest_first,
                the_number_of_rejections_is_bounded,
                a_store_that_works_passes_its_check,
            ]);
            $crate::contract::tests!($new, watermarks: [
                a_watermark_only_rises,
            ]);
            $crate::contract::tests!($new, entries: [
                an_entry_is_replaced_at_its_revision,
                of_many_writers_of_a_revision_one_succeeds,
            ]);
            $crate::contract::tests!($new, arriving: [
                an_append_wakes_dispatchers,
                a_replay_wakes_dispatchers,
                a_repetition_wakes_no_dispatcher,
                a_release_wakes_dispatchers,
                closing_wakes_dispatchers_and_rejects_calls,
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

/// Claims every due delivery.
pub(crate) async fn claim_all(journal: &dyn Journal) -> Vec<ClaimedDelivery> {
    journal.claim(ClaimRequest::any(1000, LONG)).await.unwrap()
}

/// Claims the one due delivery.
pub(crate) async fn claim_one(journal: &dyn Journal) -> ClaimedDelivery {
    let mut claimed = claim_all(journal).await;
    assert_eq!(claimed.len(), 1, "one delivery is due: {claimed:?}");
    claimed.remove(0)
}

/// Claims every due delivery, and settles each with `settlement`.
pub(crate) async fn settle_all(journal: &dyn Journal, settlement: &Settlement) {
    for claimed in claim_all(journal).await {
        journal.settle(claimed.token, settlement.clone()).await.unwrap();
    }
}

pub(crate) async fn replay(journal: &dyn Journal, of: &DeliveryId, request: &str) -> ReplayOutcome {
    let (request, by, from) = (request.to_owned(), "ada".to_owned(), "10.0.0.7".to_owned());
    journal.replay(ReplayRequest { of: of.clone(), request, by, from, namespaces: None }).await.unwrap()
}

pub(crate) fn failure(error: &str) -> Settlement {
    Settlement { error: Some(error.to_owned()), ..Settlement::default() }
}
