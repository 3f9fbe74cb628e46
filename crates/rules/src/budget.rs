use std::collections::HashMap;
use std::sync::Arc;

use crate::decide::Decided;
use crate::decision::{Decision, Outcome};
use crate::limits::{MOST_DECISIONS, MOST_FIRED};
use crate::reason::{Predicate, Reason};
use crate::rule_set::LeftOut;

/// The reason of rules that are counted only.
pub(crate) const LEFT_OUT: Reason =
    Reason::new("left-out", "the namespace has too many rules for one delivery: these are counted only");
/// The reason of rules that match, of which a delivery starts no more.
pub(crate) const TOO_MANY_RUNS: Reason = Reason::new(
    "too-many-runs",
    "one delivery starts at most {expected} runs in a namespace; send its events in several deliveries",
);

/// The decisions that one delivery may keep for each namespace, over all its events. One namespace must not fill the
/// memory and the journal for all.
#[derive(Debug, Default)]
pub struct DecisionBudget(HashMap<Arc<str>, Kept>);

#[derive(Debug, Default)]
struct Kept {
    decisions: usize,
    fired: usize,
}

impl LeftOut {
    /// The reason of rules that are counted only.
    pub const REASON: Reason = LEFT_OUT;
}

impl DecisionBudget {
    /// Leaves out the decisions on the next event that exceed the budget of their namespace. Those that start runs are
    /// kept first, then those that match as well, then the others, each in their order.
    #[must_use]
    pub fn bound(&mut self, mut decided: Decided) -> Decided {
        for decision in &mut decided.decisions {
            self.bound_fired(decision);
        }
        let mut keep = vec![false; decided.decisions.len()];
        let mut left_out = HashMap::<Arc<str>, usize>::new();
        for rank in 0..3 {
            for (decision, keep) in decided.decisions.iter().zip(&mut keep) {
                if self::rank(&decision.outcome) != rank {
                    continue;
                }
                let namespace = decision.owner.namespace();
                let kept = self.0.entry(Arc::clone(namespace)).or_default();
                *keep = rank == 0 || kept.decisions < MOST_DECISIONS;
                if *keep {
                    kept.decisions += 1;
                } else {
                    *left_out.entry(Arc::clone(namespace)).or_default() += 1 + decision.further;
                }
            }
        }
        let mut keep = keep.into_iter();
        decided.decisions.retain(|_| keep.next().unwrap_or(true));
        decided.decisions.shrink_to_fit();
        for (namespace, rules) in left_out {
            match decided.left_out.iter_mut().find(|other| other.namespace == namespace) {
                Some(other) => other.rules += rules,
                None => decided.left_out.push(LeftOut { namespace, rules }),
            }
        }
        decided.left_out.sort_by(|one, other| one.namespace.cmp(&other.namespace));
        decided
    }

    fn bound_fired(&mut self, decision: &mut Decision) {
        if !matches!(decision.outcome, Outcome::Fired(_)) {
            return;
        }
        let kept = self.0.entry(Arc::clone(decision.owner.namespace())).or_default();
        if kept.fired < MOST_FIRED {
            kept.fired += 1;
            return;
        }
        decision.outcome = Outcome::Skipped(TOO_MANY_RUNS);
        let (expected, found) = (MOST_FIRED.to_string(), "one more".to_owned());
        decision.checks.push(crate::Check { predicate: Predicate::RUNS, passed: false, expected, found });
    }
}

fn rank(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Fired(_) => 0,
        Outcome::AlsoMatched(_) => 1,
        Outcome::Skipped(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use trigger_core::{Cause, ObjectKey, ResourceRef, Target};

    use super::*;
    use crate::reason::RULE_BROKEN;

    fn decision(namespace: &str, index: usize, outcome: Outcome, further: usize) -> Decision {
        let owner = ResourceRef::new("shipwright.io", "Build", ObjectKey::new(namespace, "web"));
        let target =
            Target { resource: owner.clone(), uid: "u".into(), generation: 1, template: "{}".into() };
        Decision {
            owner,
            target: target.into(),
            index,
            rule: "n".into(),
            checks: Vec::new(),
            outcome,
            further,
        }
    }

    fn cause() -> Cause {
        Cause { name: "n".into(), kind: "GitHub", details: Vec::new(), parts: Vec::new() }
    }

    #[test]
    fn decisions_that_matter_are_kept_and_the_others_are_counted() {
        let mut budget = DecisionBudget::default();
        let mut decisions: Vec<_> =
            (0..600).map(|index| decision("team-b", index, Outcome::Skipped(RULE_BROKEN), 2)).collect();
        decisions.push(decision("team-b", 600, Outcome::Fired(cause()), 0));
        decisions.push(decision("team-b", 601, Outcome::AlsoMatched(cause()), 0));
        decisions.push(decision("team-c", 0, Outcome::Skipped(RULE_BROKEN), 0));
        let left_out = vec![LeftOut { namespace: "team-b".into(), rules: 10 }];
        let bounded = budget.bound(Decided { decisions, left_out, ..Decided::default() });
        let places: Vec<_> = bounded.decisions.iter().map(|decision| decision.index).collect();
        let expected: Vec<_> = (0..498).chain([600, 601, 0]).collect();
        assert_eq!(places, expected, "in their order");
        assert_eq!(bounded.left_out, [LeftOut { namespace: "team-b".into(), rules: 10 + 102 * 3 }]);

        let next = vec![
            decision("team-b", 0, Outcome::Skipped(RULE_BROKEN), 0),
            decision("team-b", 1, Outcome::Fired(cause()), 0),
        ];
        let bounded = budget.bound(Decided { decisions: next, ..Decided::default() });
        assert_eq!(bounded.decisions.len(), 1, "the budget is one of all events of the delivery");
        assert!(matches!(bounded.decisions[0].outcome, Outcome::Fired(_)));
        assert_eq!(bounded.left_out[0].rules, 1);
    }

    #[test]
    fn one_delivery_starts_a_bounded_number_of_runs_in_a_namespace() {
        let mut budget = DecisionBudget::default();
        let mut fired = 0;
        for _ in 0..3 {
            let decisions =
                (0..1000).map(|index| decision("team-b", index, Outcome::Fired(cause()), 0)).collect();
            let bounded = budget.bound(Decided { decisions, ..Decided::default() });
            fired +=
                bounded.decisions.iter().filter(|found| matches!(found.outcome, Outcome::Fired(_))).count();
        }
        assert_eq!(fired, MOST_FIRED);
    }
}
