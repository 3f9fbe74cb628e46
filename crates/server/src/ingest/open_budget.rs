use std::sync::Arc;

use tokio::time::Instant;
use trigger_core::Delivery;
use trigger_dispatch::InlineDecision;
use trigger_journal::{DecisionRecord, OutcomeRecord};
use trigger_runtime::LeakyBuckets;

/// A namespace may use one part of so many.
pub(crate) const SHARES: usize = 4;
/// Amounts are counted in these, and a part of one counts as a whole: every row of the journal has its costs.
const UNIT: usize = 1024;
const DAY: f64 = 86_400.0;
/// The names of the fields of a decision or a check, in bytes of JSON.
const NAMES_OF_FIELDS: usize = 64;

/// The bytes that are stored in a day for senders that no key verifies: strangers cannot fill the disk.
///
/// Two leaky buckets have to have room for a request: that of all namespaces, and that of its listener's namespace.
pub(super) struct OpenBudget {
    /// In units per day.
    most: f64,
    all: LeakyBuckets<()>,
    namespaces: LeakyBuckets<Arc<str>>,
}

impl OpenBudget {
    /// A budget of so many bytes a day.
    pub(super) fn new(bytes: usize) -> Self {
        let most = f64::from(units(bytes));
        let namespaces = LeakyBuckets::new(share(most) / DAY);
        Self { most, all: LeakyBuckets::new(most / DAY), namespaces }
    }

    /// Takes `bytes` for a listener in `namespace`, if there is room for all of them.
    pub(super) fn take(&self, namespace: &Arc<str>, bytes: usize, now: Instant) -> bool {
        let amount = f64::from(units(bytes));
        // A namespace is not charged for what another one has used up.
        self.all.level(&(), now) + amount <= self.most
            && self.namespaces.pour(Arc::clone(namespace), amount, share(self.most), now)
            && self.all.pour((), amount, self.most, now)
    }
}

/// The size of a delivery as it is kept, about, with the decisions that are stored beside it.
pub(super) fn kept_size(delivery: &Delivery, decided: Option<&InlineDecision>) -> usize {
    let headers = delivery.headers.iter().map(|(name, value)| name.len() + value.len());
    let decisions = decided.iter().flat_map(|decided| &decided.decisions).map(decision_size);
    delivery.body.len() + headers.sum::<usize>() + decisions.sum::<usize>()
}

fn decision_size(decision: &DecisionRecord) -> usize {
    let DecisionRecord { owner, rule, outcome, checks, .. } = decision;
    let outcome = match outcome {
        OutcomeRecord::Skipped { reason, message } => reason.len() + message.len(),
        OutcomeRecord::Fired { .. } | OutcomeRecord::AlsoMatched { .. } => 0,
    };
    let checks = checks
        .iter()
        .map(|check| NAMES_OF_FIELDS + check.predicate.len() + check.expected.len() + check.found.len());
    let owner = owner.key.namespace.len() + owner.key.name.len();
    NAMES_OF_FIELDS + owner + rule.len() + outcome + checks.sum::<usize>()
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

fn share(most: f64) -> f64 {
    most / u32::try_from(SHARES).map_or(1.0, f64::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn a_namespace_uses_a_quarter_and_all_together_the_whole() {
        let budget = OpenBudget::new(8 * MIB);
        let start = Instant::now();
        let take = |namespace: &str, bytes, now| budget.take(&namespace.into(), bytes, now);
        assert!(take("a", MIB, start) && take("a", MIB - 1, start));
        assert!(!take("a", 1, start), "its quarter is used up");
        assert!(!take("b", 3 * MIB, start), "all or nothing");
        for namespace in ["b", "c", "d"] {
            assert!(take(namespace, 2 * MIB, start), "{namespace}");
        }
        assert!(!take("e", 1, start), "the whole is used up");
        let half_a_day = start + Duration::from_hours(12);
        assert!(take("e", 2 * MIB, half_a_day), "nothing was counted for it");
        assert!(take("a", MIB, half_a_day) && !take("a", MIB, half_a_day));
    }

    #[test]
    fn a_budget_of_nothing_takes_nothing() {
        assert!(!OpenBudget::new(0).take(&"a".into(), 1, Instant::now()));
    }
}
