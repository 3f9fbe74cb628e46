use std::collections::HashMap;

use jiff::Timestamp;
use trigger_core::{Event, Verification};
use trigger_journal::DecisionRecord;
use trigger_rules::{Outcome, RuleSet, decide};

use crate::attempt::outcome_name;
use crate::metrics::{AttemptEnd, Metrics};
use crate::record;

/// What a delivery comes to for which nothing is to be started. Most come to that, and who takes them in can know
/// it before they are kept: one commit then keeps and settles them, and nobody has to take them up again.
pub struct InlineDecision {
    /// The decisions as the journal keeps them.
    pub decisions: Vec<DecisionRecord>,
    /// The decisions as they are counted.
    pub tally: DecisionCounts,
}

/// The outcomes of the decisions about one delivery.
pub struct DecisionCounts(Vec<&'static str>);

impl InlineDecision {
    /// Decides a delivery that is not kept yet. `None` if something is to be started: nothing is before the
    /// delivery is kept, and whoever starts it decides.
    pub fn decide(event: &Event, verification: &Verification, rules: &RuleSet) -> Option<Self> {
        let decisions = decide(event, verification, rules);
        if !decisions.iter().all(|decision| matches!(decision.outcome, Outcome::Skipped(_))) {
            return None;
        }
        let outcomes = decisions.iter().map(|decision| outcome_name(&decision.outcome)).collect();
        let decisions = record::decisions(&decisions, &HashMap::new());
        record::log(&decisions);
        Some(Self { decisions, tally: DecisionCounts(outcomes) })
    }
}

impl DecisionCounts {
    /// How many rules were decided.
    pub fn rules(&self) -> usize {
        self.0.len()
    }

    /// Counts a delivery that was received at this moment as worked on. To be called when it is kept.
    pub fn count(&self, received_at: Timestamp, metrics: &Metrics) {
        for outcome in &self.0 {
            metrics.decided(outcome);
        }
        let age = Timestamp::now().duration_since(received_at);
        metrics.attempted(AttemptEnd::Settled, age.as_secs_f64());
    }
}
