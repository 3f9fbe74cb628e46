use std::sync::Arc;

use trigger_api::{Cause, SecretOrigin, Target};
use trigger_core::{Event, Verification};

use crate::decision::{CheckTrace, Decision, Outcome, Predicate, Reason};
use crate::kind::{KINDS, TrustBasis};
use crate::rule_set::{Rule, RuleSet, TargetRules};

/// Decides about every rule that could care about an event: those of the repository, the
/// Pipeline or the images that it concerns. `proof` says which secrets verified the delivery; rules bound to another secret are
/// skipped.
///
/// Of several rules of one target that match, the first fires and the others are noted.
pub fn decide(event: &Event, verification: &Verification, rules: &RuleSet) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for kind in KINDS {
        for target in rules.concerned(*kind, event) {
            let asked = DecisionInput { event, verification, rules };
            decide_target(kind.name(), kind.authority(), asked, target, &mut decisions);
        }
    }
    decisions
}

/// What is decided about.
#[derive(Clone, Copy)]
struct DecisionInput<'a> {
    event: &'a Event,
    verification: &'a Verification,
    rules: &'a RuleSet,
}

fn decide_target(
    kind: &'static str,
    authority: TrustBasis,
    asked: DecisionInput<'_>,
    rules: &TargetRules,
    decisions: &mut Vec<Decision>,
) {
    let mut fired = false;
    for rule in rules.rules.iter().filter(|rule| rule.kind.name() == kind) {
        let mut trace = CheckTrace::default();
        let outcome = match check(rule, authority, asked, &rules.target, &mut trace) {
            Err(reason) => Outcome::Skipped(reason),
            Ok(cause) if fired => Outcome::AlsoMatched(cause),
            Ok(cause) => Outcome::Fired(cause),
        };
        fired |= matches!(outcome, Outcome::Fired(_));
        decisions.push(Decision {
            target: Arc::clone(&rules.target),
            index: rule.index as usize,
            rule: Arc::clone(&rule.name),
            checks: trace.into_checks(),
            outcome,
        });
    }
}

fn check(
    rule: &Rule,
    authority: TrustBasis,
    DecisionInput { event, verification, rules }: DecisionInput<'_>,
    target: &Target,
    trace: &mut CheckTrace,
) -> Result<Cause, Reason> {
    let matcher = match &rule.matcher {
        Ok(matcher) => matcher,
        Err(fault) => {
            let reason = Reason::RuleBroken(fault.as_ref().clone());
            trace.require(
                Predicate::Rule,
                false,
                "a rule that can be understood",
                fault.to_string(),
                reason,
            )?;
            return Err(Reason::RuleBroken(fault.as_ref().clone()));
        }
    };
    match authority {
        TrustBasis::Secret => check_secret(target, verification, trace)?,
        TrustBasis::Observation => check_observed(target, verification, trace)?,
    }
    matcher.check(event, target, rules, trace)?;
    let (details, images) = (matcher.details(event, target), matcher.images(event, target, rules));
    Ok(Cause { name: Arc::clone(&rule.name), kind: rule.kind.name(), details, images })
}

fn check_secret(target: &Target, verification: &Verification, trace: &mut CheckTrace) -> Result<(), Reason> {
    let found = || {
        let names: Vec<_> = verification.secrets.iter().map(ToString::to_string).collect();
        if names.is_empty() { "unsigned".to_owned() } else { names.join(", ") }
    };
    let Some(binding) = &target.secret else {
        return trace.require(
            Predicate::Secret,
            verification.unsigned,
            "a signature",
            found(),
            Reason::NoSecret,
        );
    };
    let without_entry = verification.unsigned
        && binding.origin == SecretOrigin::CloneSecret
        && verification.without_entry.contains(&binding.key);
    let verified = without_entry || verification.secrets.contains(&binding.key);
    trace.require(Predicate::Secret, verified, binding.key.to_string(), found(), Reason::SecretDidNotVerify)
}

/// What was seen in one namespace concerns no other. Rules are looked up by namespace, so this fails only for
/// a delivery that somebody made up.
fn check_observed(
    target: &Target,
    verification: &Verification,
    trace: &mut CheckTrace,
) -> Result<(), Reason> {
    let namespace = &target.key.namespace;
    match &verification.observed {
        Some(object) if object.namespace == *namespace => Ok(()),
        found => {
            let found = found.as_ref().map_or("a request", |object| object.namespace.as_ref());
            let expected = namespace.as_ref();
            trace.require(Predicate::Namespace, false, expected, found, Reason::NotSeenHere)
        }
    }
}
