//! Decisions in the words of the journal.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tracing::{debug, info};
use trigger_core::{ObjectKey, Ordinal, ResourceRef};
use trigger_journal::{CheckRecord, DecisionRecord, LaunchRecord, OutcomeRecord};
use trigger_rules::{Check, Decided, Decision, LeftOut, Outcome};
use trigger_targets::{Plan, TargetKey};

/// The objects to create, by event and target. Two triggers of one EventListener are two targets.
struct Runs<'a>(HashMap<(Ordinal, TargetKey<'a>), Vec<&'a ResourceRef>>);

impl<'a> Runs<'a> {
    fn of(plans: &'a [Plan]) -> Self {
        let mut runs = HashMap::<_, Vec<_>>::new();
        for plan in plans {
            runs.entry((plan.ordinal, plan.target_key())).or_default().push(&plan.resource);
        }
        Self(runs)
    }

    /// Those of a target for an event, in order.
    fn get(&self, event: Ordinal, target: TargetKey<'_>) -> Vec<ResourceRef> {
        let runs = self.0.get(&(event, target)).into_iter().flatten();
        runs.map(|run| ResourceRef::clone(run)).collect()
    }
}

/// The decisions on the events of a delivery as records. `plans` are the objects that they create. Rules that were left
/// out are counted in one record for each namespace.
pub(crate) fn decisions(decided: &[Decided], plans: &[Plan]) -> Vec<DecisionRecord> {
    let (runs, ordinals) = (&Runs::of(plans), (0..).map(Ordinal::new));
    let each = ordinals.zip(decided).flat_map(|(ordinal, decided)| {
        decided.decisions.iter().map(move |decision| record(decision, ordinal, runs))
    });
    let mut left_out = BTreeMap::<_, usize>::new();
    for LeftOut { namespace, rules } in decided.iter().flat_map(|decided| &decided.left_out) {
        *left_out.entry(namespace).or_default() += rules;
    }
    each.chain(left_out.into_iter().map(|(namespace, rules)| not_listed(namespace, rules))).collect()
}

/// The outcomes of decisions, each with the number of rules.
pub(crate) fn outcomes(decided: &[Decided]) -> impl Iterator<Item = (&'static str, u64)> {
    decided.iter().flat_map(|decided| {
        let listed = decided.decisions.iter();
        let listed = listed.map(|decision| (outcome_name(&decision.outcome), 1 + decision.further as u64));
        listed.chain(decided.left_out.iter().map(|left_out| (LeftOut::REASON.name(), left_out.rules as u64)))
    })
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Fired(_) => "fired",
        Outcome::AlsoMatched(_) => "also-matched",
        Outcome::Skipped(reason) => reason.name(),
    }
}

/// The rules of a namespace that have no decisions.
fn not_listed(namespace: &Arc<str>, rules: usize) -> DecisionRecord {
    let key = ObjectKey::new(Arc::clone(namespace), Arc::clone(namespace));
    let reason = LeftOut::REASON;
    DecisionRecord {
        owner: ResourceRef::new("", "Namespace", key),
        rule: "further rules".to_owned(),
        index: 0,
        event: Ordinal::FIRST,
        outcome: OutcomeRecord::Skipped {
            reason: reason.name().to_owned(),
            message: reason.sentence("", ""),
        },
        checks: Vec::new(),
        further: rules.saturating_sub(1),
    }
}

/// Whether a record counts rules of a namespace that have no decisions.
pub(crate) fn is_left_out(record: &DecisionRecord) -> bool {
    matches!(&record.outcome, OutcomeRecord::Skipped { reason, .. } if reason == LeftOut::REASON.name())
}

/// Logs the decisions after what they start was launched. Returns how many rules fired.
pub(crate) fn log(decisions: &[DecisionRecord], launches: &[LaunchRecord]) -> usize {
    let created = launches.iter().filter(|launch| launch.error.is_none());
    let existing: HashSet<_> = created.map(|launch| &launch.run).collect();
    let mut fired = 0;
    for decision in decisions {
        let (owner, rule) = (&decision.owner, &decision.rule);
        match &decision.outcome {
            OutcomeRecord::Fired { runs } => {
                fired += 1;
                match split(runs, &existing) {
                    (runs, None) => info!(%owner, rule, runs, "fired"),
                    (runs, missing) => {
                        info!(%owner, rule, runs, missing, "fired, but not every run was created");
                    }
                }
            }
            OutcomeRecord::AlsoMatched { runs } => {
                debug!(%owner, rule, runs = split(runs, &existing).0, "matched too");
            }
            OutcomeRecord::Skipped { reason, message: why } => debug!(%owner, rule, reason, why, "skipped"),
        }
    }
    fired
}

/// The names of the runs that exist, and of those that do not: the API server refused them, or they wait.
fn split(runs: &[ResourceRef], existing: &HashSet<&ResourceRef>) -> (Option<String>, Option<String>) {
    let names = |exist: bool| {
        let runs = runs.iter().filter(|run| existing.contains(run) == exist);
        let names: Vec<_> = runs.map(|run| run.key.to_string()).collect();
        (!names.is_empty()).then(|| names.join(" "))
    };
    (names(true), names(false))
}

fn record(decision: &Decision, event: Ordinal, runs: &Runs<'_>) -> DecisionRecord {
    // A target that fired has plans, or rendering has failed and the delivery with it.
    let runs = || runs.get(event, TargetKey::whole(&decision.target.resource));
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
        further: decision.further,
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

#[cfg(test)]
mod tests {
    use trigger_targets::build_run::{BUILD, BUILD_RUN};

    use super::*;
    use crate::plan_fixture::plan_of;

    #[test]
    fn triggers_of_one_listener_have_their_own_objects_and_a_build_has_all_of_its_own() {
        let key = |name: &str| ObjectKey::new("team-a", name);
        let listener = ResourceRef::new("triggers.tekton.dev", "EventListener", key("web"));
        let object = |name: &str| ResourceRef::new("tekton.dev", "PipelineRun", key(name));
        let (build, run) = (BUILD.named(key("web")), BUILD_RUN.named(key("web-1")));
        let plans = [
            plan_of(listener.clone(), Some("team-a/ci/0"), object("ci-1"), 0),
            plan_of(listener.clone(), Some("team-a/cd/0"), object("cd-1"), 0),
            plan_of(listener.clone(), Some("team-a/ci/0"), object("ci-2"), 0),
            plan_of(build.clone(), None, run.clone(), 0),
        ];
        let runs = Runs::of(&plans);
        let of = |sequence| TargetKey { resource: &listener, sequence };
        for (event, target, expected) in [
            (Ordinal::FIRST, of(Some("team-a/ci/0")), vec![object("ci-1"), object("ci-2")]),
            (Ordinal::FIRST, of(Some("team-a/cd/0")), vec![object("cd-1")]),
            (Ordinal::FIRST, of(None), vec![]),
            (Ordinal::FIRST, TargetKey::whole(&build), vec![run]),
            (Ordinal::new(1), TargetKey::whole(&build), vec![]),
        ] {
            assert_eq!(runs.get(event, target), expected, "{target:?}");
        }
    }

    #[test]
    fn the_log_tells_runs_that_exist_from_runs_that_do_not() {
        let run = |name: &str| BUILD.named(ObjectKey::new("team-a", name));
        let (made, refused) = (run("made"), run("refused"));
        let existing = HashSet::from([&made]);
        let (yes, no) = (Some("team-a/made".to_owned()), Some("team-a/refused".to_owned()));
        for (runs, expected) in [
            (vec![made.clone(), refused.clone()], (yes.clone(), no.clone())),
            (vec![made.clone()], (yes, None)),
            (vec![refused.clone()], (None, no)),
            (vec![], (None, None)),
        ] {
            assert_eq!(split(&runs, &existing), expected);
        }
    }

    #[test]
    fn rules_that_are_left_out_are_one_record_of_their_namespace_and_are_counted() {
        let left_out = |namespace: &str, rules| LeftOut { namespace: namespace.into(), rules };
        let first = Decided { left_out: vec![left_out("team-b", 40)], ..Decided::default() };
        let second =
            Decided { left_out: vec![left_out("team-a", 1), left_out("team-b", 2)], ..Decided::default() };
        let decided = [first, second];
        let records = decisions(&decided, &[]);
        let found: Vec<_> =
            records.iter().map(|record| (record.owner.namespace().to_string(), record.further)).collect();
        assert_eq!(found, [("team-a".to_owned(), 0), ("team-b".to_owned(), 41)]);
        assert!(matches!(&records[0].outcome, OutcomeRecord::Skipped { reason, .. } if reason == "left-out"));
        assert_eq!(outcomes(&decided).map(|(_, rules)| rules).sum::<u64>(), 43);
    }
}
