//! Decisions in the words of the journal.

use tracing::{debug, info};
use trigger_core::{Ordinal, ResourceRef};
use trigger_journal::{CheckRecord, DecisionRecord, OutcomeRecord};
use trigger_rules::{Check, Decided, Decision, Outcome};
use trigger_targets::Plan;

/// The decisions on the events of a delivery as records. `plans` are the objects that they create.
pub(crate) fn decisions(decided: &[Decided], plans: &[Plan]) -> Vec<DecisionRecord> {
    let ordinals = (0..).map(Ordinal::new);
    let each = ordinals.zip(decided).flat_map(|(ordinal, decided)| {
        decided.decisions.iter().map(move |decision| record(decision, ordinal, plans))
    });
    each.collect()
}

/// Logs the decisions. Returns how many rules fired.
pub(crate) fn log(decisions: &[DecisionRecord]) -> usize {
    let mut fired = 0;
    for decision in decisions {
        let (owner, rule) = (&decision.owner, &decision.rule);
        match &decision.outcome {
            OutcomeRecord::Fired { runs } => {
                fired += 1;
                info!(%owner, rule, runs = names(runs), "fired");
            }
            OutcomeRecord::AlsoMatched { runs } => debug!(%owner, rule, runs = names(runs), "matched too"),
            OutcomeRecord::Skipped { reason, message: why } => debug!(%owner, rule, reason, why, "skipped"),
        }
    }
    fired
}

fn names(runs: &[ResourceRef]) -> String {
    runs.iter().map(|run| run.key.to_string()).collect::<Vec<_>>().join(" ")
}

fn record(decision: &Decision, event: Ordinal, plans: &[Plan]) -> DecisionRecord {
    let target = &decision.target.resource;
    // A target that fired has plans, or rendering has failed and the delivery with it.
    let runs = || -> Vec<ResourceRef> {
        let mine = plans.iter().filter(|plan| plan.ordinal == event && plan.subject.resource == *target);
        mine.map(|plan| plan.resource.clone()).collect()
    };
    let outcome = match &decision.outcome {
        Outcome::Fired(_) => OutcomeRecord::Fired { runs: runs() },
        Outcome::AlsoMatched(_) => OutcomeRecord::AlsoMatched { runs: runs() },
        Outcome::Skipped(reason) => {
            OutcomeRecord::Skipped { reason: reason.name().to_owned(), message: decision.message() }
        }
    };
    DecisionRecord {
        owner: decision.owner.clone(),
        rule: decision.rule.as_ref().to_owned(),
        index: decision.index,
        event,
        outcome,
        checks: decision.checks.iter().map(check).collect(),
    }
}

fn check(check: &Check) -> CheckRecord {
    CheckRecord {
        predicate: check.predicate.name().to_owned(),
        passed: check.passed,
        expected: check.expected.clone(),
        found: check.found.clone(),
    }
}
