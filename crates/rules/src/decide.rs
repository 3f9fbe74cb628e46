use std::sync::Arc;

use trigger_core::{Cause, Need};

use crate::decision::{CheckTrace, Decision, Outcome, Unmatched};
use crate::reason::{Predicate, RULE_BROKEN};
use crate::rule_set::{DecisionInput, Kind, OwnerRules, Rule};

/// The decisions on one event.
#[derive(Debug, Default)]
pub struct Decided {
    /// One decision for every rule that could have fired; without those that need more facts.
    pub decisions: Vec<Decision>,
    /// The questions to answer before the rest can be decided, each once. While there are any, nothing may be started: a
    /// rule that fires may have to give way to one that is not decided yet.
    pub needs: Vec<Need>,
}

/// Decides about every rule that could care about an event: those of the repository, the Pipeline or the images that it
/// is about.
///
/// Of several rules with one target that match, the first fires and the others are recorded.
pub fn decide(input: DecisionInput<'_>) -> Decided {
    let mut decided = Decided::default();
    for kind in input.rules.kinds() {
        for owner in input.rules.applying_to(kind, input.event) {
            decide_owner(kind, input, owner, &mut decided);
        }
    }
    decided
}

fn decide_owner(kind: Kind, input: DecisionInput<'_>, owner: &OwnerRules, decided: &mut Decided) {
    let mut fired = Vec::new();
    for rule in owner.rules.iter().filter(|rule| rule.kind == kind) {
        let mut trace = CheckTrace::default();
        let outcome = match check(rule, input, owner, &mut trace) {
            Err(Unmatched::Needs(need)) => {
                if !decided.needs.contains(&need) {
                    decided.needs.push(need);
                }
                continue;
            }
            Err(Unmatched::Skip(reason)) => Outcome::Skipped(reason),
            Ok(cause) if fired.contains(&&rule.target.resource) => Outcome::AlsoMatched(cause),
            Ok(cause) => {
                fired.push(&rule.target.resource);
                Outcome::Fired(cause)
            }
        };
        decided.decisions.push(Decision {
            owner: owner.owner.clone(),
            target: Arc::clone(&rule.target),
            index: rule.index as usize,
            rule: Arc::clone(&rule.name),
            checks: trace.into_checks(),
            outcome,
        });
    }
}

fn check(
    rule: &Rule,
    input: DecisionInput<'_>,
    owner: &OwnerRules,
    trace: &mut CheckTrace,
) -> Result<Cause, Unmatched> {
    let matcher = match &rule.matcher {
        Ok(matcher) => matcher,
        Err(error) => {
            return Err(trace.fail(Predicate::RULE, "a valid rule", error.to_string(), RULE_BROKEN));
        }
    };
    rule.auth.check(owner.owner.namespace(), input.verification, trace)?;
    matcher.check(input, owner, trace)?;
    Ok(Cause {
        name: Arc::clone(&rule.name),
        kind: rule.kind.name(),
        details: matcher.details(input.event),
        parts: matcher.parts(input, owner),
    })
}

#[cfg(test)]
pub(crate) mod testing {
    use trigger_core::{Event, Facts, KeyRef, ObjectKey, Verification};

    use super::*;
    use crate::rule_set::RuleSet;

    /// The decisions on an event about which everything is known.
    pub(crate) fn decide(event: &Event, verification: &Verification, rules: &RuleSet) -> Vec<Decision> {
        let facts = Facts::default();
        let decided = super::decide(DecisionInput { event, verification, facts: &facts, rules });
        assert_eq!(decided.needs, [], "the event says it all");
        decided.decisions
    }

    /// The verification of a delivery that the key of a Secret verified.
    pub(crate) fn verified_by(secret: ObjectKey) -> Verification {
        Verification { keys: vec![KeyRef::new(secret, "webhook-secret")], ..Verification::default() }
    }
}
