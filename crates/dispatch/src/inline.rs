use jiff::Timestamp;
use trigger_core::{Event, Events, Facts, GitEventKind, Verification};
use trigger_journal::DecisionRecord;
use trigger_rules::{Outcome, RuleSet};

use crate::facts::decide_all;
use crate::metrics::{AttemptEnd, Metrics};
use crate::record;
use crate::why::why;

/// The decisions for a delivery that starts nothing, and has nothing to be remembered. Most deliveries start nothing; intake knows before storing them, so
/// they are stored and settled in one commit.
///
/// A delivery that does start something is decided here too, and once more by the dispatcher: nothing may be started
/// before the delivery is stored, and the rules may have changed by then.
pub struct InlineDecision {
    /// The decisions as the journal keeps them.
    pub decisions: Vec<DecisionRecord>,
    /// The decisions as they are counted.
    pub counts: DecisionCounts,
}

/// The outcomes of the decisions on one delivery, each with a number of rules.
pub struct DecisionCounts(Vec<(&'static str, u64)>);

impl InlineDecision {
    /// Decides a delivery that is not stored yet. `None` if it starts something, needs facts, deletes a ref or reports a
    /// repository that moved: that is work for the dispatcher.
    pub async fn decide(events: &Events, verification: &Verification, rules: &RuleSet) -> Option<Self> {
        // What was pushed before a deletion may be pushed once more, which the dispatcher remembers. It warns about
        // repositories that moved.
        let is_for_dispatcher = events.iter().any(|(_, event)| {
            let Event::Git(event) = event else { return false };
            matches!(
                event.kind,
                GitEventKind::BranchDeleted { .. }
                    | GitEventKind::TagDeleted { .. }
                    | GitEventKind::Moved { .. }
            )
        });
        if is_for_dispatcher {
            return None;
        }
        let decided = decide_all(events, verification, &Facts::default(), rules).await;
        let starts_nothing = decided.iter().all(|decided| {
            let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Skipped(_));
            decided.needs.is_empty() && decided.decisions.iter().all(|decision| skipped(&decision.outcome))
        });
        if !starts_nothing {
            return None;
        }
        let outcomes = record::outcomes(&decided).collect();
        let decisions = record::decisions(&decided, &[]);
        record::log(&decisions, &[]);
        Some(Self { decisions, counts: DecisionCounts(outcomes) })
    }

    /// Why no rule fired: the nearest reasons, bounded, for a log line.
    pub fn why(&self) -> String {
        why(&self.decisions)
    }
}

impl DecisionCounts {
    /// How many rules were decided.
    pub fn rules(&self) -> u64 {
        self.0.iter().map(|(_, rules)| rules).sum()
    }

    /// Counts a delivery that was received at this moment as worked on. To be called when it is stored.
    pub fn count(&self, received_at: Timestamp, metrics: &Metrics) {
        for (outcome, rules) in &self.0 {
            metrics.decided(outcome, *rules);
        }
        let age = Timestamp::now().duration_since(received_at);
        metrics.attempted(AttemptEnd::Settled, age.as_secs_f64());
    }
}
