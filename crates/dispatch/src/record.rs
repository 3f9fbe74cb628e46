//! Decisions in the words of the journal.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::{debug, info};
use trigger_core::ObjectKey;
use trigger_journal::{CheckRecord, DecisionRecord, OutcomeRecord};
use trigger_rules::{Check, Decision, Outcome};

/// The decisions as records. `runs` says which run each target that fired has got.
pub(crate) fn decisions(decisions: &[Decision], runs: &HashMap<ObjectKey, ObjectKey>) -> Vec<DecisionRecord> {
    decisions.iter().map(|decision| record(decision, runs)).collect()
}

/// Says in the log what was decided. Returns how many rules fired.
pub(crate) fn log(decisions: &[DecisionRecord]) -> usize {
    let mut fired = 0;
    for decision in decisions {
        let (owner, rule) = (&decision.target, &decision.rule);
        match &decision.outcome {
            OutcomeRecord::Fired { run } => {
                fired += 1;
                info!(%owner, rule, %run, "fired");
            }
            OutcomeRecord::AlsoMatched { run } => debug!(%owner, rule, %run, "matched too"),
            // In the JSON log `target` and `message` are the names of the module and of the text.
            OutcomeRecord::Skipped { reason, message } => {
                debug!(%owner, rule, reason, detail = message, "skipped");
            }
        }
    }
    fired
}

fn record(decision: &Decision, runs: &HashMap<ObjectKey, ObjectKey>) -> DecisionRecord {
    let target = &decision.target.key;
    // Every target that fired has a run, or rendering has failed and the delivery with it.
    let run =
        || runs.get(target).cloned().unwrap_or_else(|| ObjectKey::new(Arc::clone(&target.namespace), ""));
    let outcome = match &decision.outcome {
        Outcome::Fired(_) => OutcomeRecord::Fired { run: run() },
        Outcome::AlsoMatched(_) => OutcomeRecord::AlsoMatched { run: run() },
        Outcome::Skipped(reason) => {
            OutcomeRecord::Skipped { reason: reason.name().to_owned(), message: decision.message() }
        }
    };
    DecisionRecord {
        kind: decision.target.kind.to_owned(),
        target: target.clone(),
        rule: decision.rule.as_ref().to_owned(),
        index: decision.index,
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
