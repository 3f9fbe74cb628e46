use std::sync::Arc;
use std::vec;

use trigger_core::{Cause, Need};

use crate::auth::{self, Auth};
use crate::decision::{CheckTrace, Decision, Outcome, Unmatched};
use crate::reason::{Predicate, RULE_BROKEN};
use crate::rule_error::RuleError;
use crate::rule_set::{DecisionInput, Kind, LeftOut, OwnerRules, Rule};
use crate::work::Work;

/// The decisions on one event.
#[derive(Debug, Default)]
pub struct Decided {
    /// One decision for every rule that could have fired, or for several of one owner that are skipped for the same
    /// reason; without those that need more facts.
    pub decisions: Vec<Decision>,
    /// The questions to answer before the rest can be decided, each once. While there are any, nothing may be started: a
    /// rule that fires may have to give way to one that is not decided yet.
    pub needs: Vec<Need>,
    /// The rules of namespaces with too many.
    pub left_out: Vec<LeftOut>,
}

/// Decides about every rule that could care about an event: those of the repository, the Pipeline or the images that it
/// is about, as far as the share of a namespace reaches.
///
/// Of several rules with one target that match, the first fires and the others are recorded.
pub fn decide(input: DecisionInput<'_>) -> Decided {
    Deciding::new(input).finish()
}

/// Decisions that are made one owner after the other. Owners can be many: a caller on a thread that others use too lets
/// them work in between.
pub struct Deciding<'a> {
    input: DecisionInput<'a>,
    left: vec::IntoIter<(Kind, &'a OwnerRules)>,
    decided: Decided,
    work: Work,
}

impl<'a> Deciding<'a> {
    /// Finds the owners to decide about.
    pub fn new(input: DecisionInput<'a>) -> Self {
        let (mut decided, mut left) = (Decided::default(), Vec::new());
        for kind in input.rules.kinds() {
            let applying = input.rules.applying_to(kind, input.event);
            left.extend(applying.owners.into_iter().map(|owner| (kind, owner)));
            decided.left_out.extend(applying.left_out);
        }
        Self { input, left: left.into_iter(), decided, work: Work::default() }
    }

    /// Decides about the rules of the next owner. False if there is none.
    pub fn step(&mut self) -> bool {
        let Some((kind, owner)) = self.left.next() else { return false };
        self.work.begin(owner.owner.namespace());
        decide_owner(kind, self.input, owner, &mut self.work, &mut self.decided);
        true
    }

    /// Decides about those that are left, and returns all decisions.
    pub fn finish(mut self) -> Decided {
        while self.step() {}
        self.decided
    }
}

/// The rules of an owner that one decision stands for.
#[derive(Clone, Copy, PartialEq)]
enum Group<'a> {
    /// Those that nothing has verified.
    Unverified(&'a Auth),
    /// Those that are broken for the same reason.
    Broken(&'a RuleError),
}

fn decide_owner(
    kind: Kind,
    input: DecisionInput<'_>,
    owner: &OwnerRules,
    work: &mut Work,
    decided: &mut Decided,
) {
    let mut fired = Vec::new();
    let mut groups: [Option<(Group<'_>, usize)>; 2] = [None, None];
    for rule in owner.rules.iter().filter(|rule| rule.kind == kind) {
        // Rules of one owner mostly have one Secret, or are broken for one reason. One decision is enough then: a
        // stranger's rules about a repository must not cost its deliveries more than that.
        let group = match &rule.matcher {
            Ok(_) => Group::Unverified(&rule.auth),
            Err(error) => Group::Broken(error),
        };
        let same = groups.iter().flatten().find(|(other, _)| *other == group);
        if let Some(decision) = same.and_then(|(_, place)| decided.decisions.get_mut(*place)) {
            decision.further += 1;
            continue;
        }
        let mut trace = CheckTrace::default();
        let outcome = match check(rule, input, owner, work, &mut trace) {
            Err(Unmatched::Needs(need)) => {
                if !decided.needs.contains(&need) {
                    decided.needs.push(need);
                }
                continue;
            }
            Err(Unmatched::Skip(reason)) => Outcome::Skipped(reason),
            Ok(mut cause) if fired.contains(&&rule.target.resource) => {
                // The run has those of the rule that fires.
                cause.details = Vec::new();
                Outcome::AlsoMatched(cause)
            }
            Ok(cause) => {
                fired.push(&rule.target.resource);
                Outcome::Fired(cause)
            }
        };
        match outcome {
            Outcome::Skipped(RULE_BROKEN) => groups[0] = Some((group, decided.decisions.len())),
            Outcome::Skipped(reason) if auth::REASONS.contains(&reason) => {
                groups[1] = Some((group, decided.decisions.len()));
            }
            _ => {}
        }
        decided.decisions.push(Decision {
            owner: owner.owner.clone(),
            target: Arc::clone(&rule.target),
            index: rule.index as usize,
            rule: Arc::clone(&rule.name),
            checks: trace.into_checks(),
            outcome,
            further: 0,
        });
    }
}

fn check(
    rule: &Rule,
    input: DecisionInput<'_>,
    owner: &OwnerRules,
    work: &mut Work,
    trace: &mut CheckTrace,
) -> Result<Cause, Unmatched> {
    let matcher = match &rule.matcher {
        Ok(matcher) => matcher,
        Err(error) => {
            return Err(trace.fail(Predicate::RULE, "a valid rule", error.to_string(), RULE_BROKEN));
        }
    };
    rule.auth.check(owner.owner.namespace(), input.verification, trace)?;
    matcher.check(input, owner, work, trace)?;
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
    use crate::payload::LazyPayload;
    use crate::rule_set::RuleSet;

    /// The decisions on an event about which everything is known.
    pub(crate) fn decide(event: &Event, verification: &Verification, rules: &RuleSet) -> Vec<Decision> {
        let (facts, payload) = (Facts::default(), LazyPayload::none());
        let input = DecisionInput { event, verification, facts: &facts, payload: &payload, rules };
        let decided = super::decide(input);
        assert_eq!(decided.needs, [], "the event says it all");
        decided.decisions
    }

    /// The verification of a delivery that the key of a Secret verified.
    pub(crate) fn verified_by(secret: ObjectKey) -> Verification {
        Verification { keys: vec![KeyRef::new(secret, "webhook-secret")], ..Verification::default() }
    }
}
