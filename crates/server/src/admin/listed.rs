use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::{OutcomeRecord, Record, State};

use super::visibility::owners_of;
use crate::wire::{Summary, Waiting};

/// A delivery as lists and the stream show it. Its size follows the number of its namespaces, not that of its decisions:
/// a list of records with all their checks would take hundreds of megabytes.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) id: DeliveryId,
    pub(super) source: Arc<str>,
    pub(super) event: String,
    pub(super) repository: Option<String>,
    /// The object that was observed, or the listener that accepted the request.
    pub(super) object: Option<ObjectKey>,
    pub(super) received_at: Timestamp,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) settled_at: Option<Timestamp>,
    pub(super) due: Option<Timestamp>,
    pub(super) error: Option<String>,
    pub(super) replay_of: Option<DeliveryId>,
    /// The namespaces that it belongs to, as [`owners_of`] finds them.
    pub(super) owners: BTreeSet<Arc<str>>,
    /// The decisions, counted per namespace of the rules.
    decided: BTreeMap<Arc<str>, Decided>,
    /// Why a delivery that waited for a Secret has started nothing itself.
    conclusion: Option<String>,
}

/// The decisions in one namespace, counted.
#[derive(Debug, Clone, Default)]
struct Decided {
    /// Rules that fired, also if their runs could not be created.
    fired: usize,
    /// Those of which a run exists.
    started: usize,
    also_matched: usize,
    skipped: usize,
    nearest: Option<Nearest>,
}

/// The skipped rule with the most passed checks: most likely the intended one. Of several, the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Nearest {
    passed: usize,
    position: Reverse<usize>,
    message: String,
}

impl Listed {
    pub(super) fn of(record: Record) -> Self {
        let owners = owners_of(&record);
        let decided = count(&record);
        let Record { delivery, verification, state, attempts, settled_at, due, error, .. } = record;
        Self {
            id: delivery.id,
            source: delivery.source,
            event: delivery.event,
            repository: delivery.repository.as_ref().map(ToString::to_string),
            conclusion: verification.waiting.as_ref().and_then(|waiting| Waiting::from(waiting).conclusion()),
            object: verification.observed.or(verification.listener),
            received_at: delivery.received_at,
            state,
            attempts,
            settled_at,
            due,
            error,
            replay_of: delivery.replay.map(|replay| replay.of),
            owners,
            decided,
        }
    }

    /// The namespaces that it belongs to or whose rules were decided.
    pub(super) fn namespaces(&self) -> BTreeSet<Arc<str>> {
        self.owners.iter().chain(self.decided.keys()).cloned().collect()
    }

    /// The decisions in the namespaces for which `is_visible` is true, counted.
    pub(super) fn summary(&self, is_visible: impl Fn(&str) -> bool) -> Summary {
        let visible =
            || self.decided.iter().filter(|(namespace, _)| is_visible(namespace)).map(|(_, one)| one);
        let fired: usize = visible().map(|one| one.fired).sum();
        let nearest = visible().filter_map(|one| one.nearest.as_ref()).max();
        Summary {
            started: visible().map(|one| one.started).sum(),
            also_matched: visible().map(|one| one.also_matched).sum(),
            skipped: visible().map(|one| one.skipped).sum(),
            nearest: nearest
                .filter(|_| fired == 0)
                .map(|nearest| nearest.message.clone())
                .or_else(|| self.conclusion.clone()),
        }
    }
}

fn count(record: &Record) -> BTreeMap<Arc<str>, Decided> {
    let created = record.launches.iter().filter(|launch| launch.error.is_none());
    let created: HashSet<_> = created.map(|launch| &launch.run).collect();
    let mut decided = BTreeMap::<Arc<str>, Decided>::new();
    for (position, decision) in record.decisions.iter().enumerate() {
        let one = decided.entry(Arc::clone(decision.owner.namespace())).or_default();
        match &decision.outcome {
            OutcomeRecord::Fired { runs } => {
                one.fired += 1;
                one.started += usize::from(runs.iter().any(|run| created.contains(run)));
            }
            OutcomeRecord::AlsoMatched { .. } => one.also_matched += 1,
            OutcomeRecord::Skipped { message, .. } => {
                one.skipped += 1 + decision.further;
                let passed = decision.checks.iter().filter(|check| check.passed).count();
                if one.nearest.as_ref().is_none_or(|nearest| passed > nearest.passed) {
                    one.nearest =
                        Some(Nearest { passed, position: Reverse(position), message: message.clone() });
                }
            }
        }
    }
    decided
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use trigger_core::{Delivery, Facts, Ordinal, ResourceRef, Verification};
    use trigger_journal::{CheckRecord, DecisionRecord, LaunchRecord};

    use super::*;

    fn skipped(namespace: &str, message: &str, passed: usize) -> DecisionRecord {
        let check = |passed| CheckRecord {
            predicate: "branch".to_owned(),
            passed,
            expected: String::new(),
            found: String::new(),
        };
        let checks = std::iter::repeat_n(check(true), passed).chain([check(false)]);
        DecisionRecord {
            owner: ResourceRef::new("shipwright.io", "Build", ObjectKey::new(namespace, "web")),
            event: Ordinal::FIRST,
            rule: "rule".to_owned(),
            index: 0,
            outcome: OutcomeRecord::Skipped { reason: "reason".to_owned(), message: message.to_owned() },
            checks: checks.collect(),
            further: 0,
        }
    }

    fn listed(decisions: Vec<DecisionRecord>) -> Listed {
        with_launches(decisions, Vec::new())
    }

    fn with_launches(decisions: Vec<DecisionRecord>, launches: Vec<LaunchRecord>) -> Listed {
        Listed::of(record(decisions, launches))
    }

    fn record(decisions: Vec<DecisionRecord>, launches: Vec<LaunchRecord>) -> Record {
        let delivery = Delivery {
            id: DeliveryId::derive(&[b"a"]),
            source: "forge".into(),
            path: "/hooks/forge".into(),
            provider_id: None,
            event: "push".to_owned(),
            repository: None,
            received_at: Timestamp::UNIX_EPOCH,
            headers: Vec::new(),
            body: Bytes::new(),
            replay: None,
        };
        Record {
            delivery,
            body_kept: false,
            verification: Verification::default(),
            facts: Facts::default(),
            state: State::Settled,
            attempts: 1,
            settled_at: None,
            due: None,
            error: None,
            decisions,
            launches,
            replays: Vec::new(),
        }
    }

    #[test]
    fn a_delivery_to_a_listener_belongs_to_its_namespace() {
        let mut record =
            record(vec![skipped("team-b", "a trigger that the listener selects", 1)], Vec::new());
        let listener = ObjectKey::new("team-a", "web");
        record.verification.listener = Some(listener.clone());
        let found = Listed::of(record);
        assert_eq!((found.owners, found.object), (BTreeSet::from(["team-a".into()]), Some(listener)));
    }

    #[test]
    fn the_summary_names_the_rule_with_the_most_passed_checks() {
        let far = skipped("team-a", "another tenant's key", 0);
        let near = skipped("team-a", "the branch is dev", 2);
        let as_near = skipped("team-b", "the branch is dev, for a later rule", 2);
        let found = listed(vec![far.clone(), near.clone(), as_near]);
        let all = found.summary(|_| true);
        assert_eq!((all.skipped, all.nearest.as_deref()), (3, Some("the branch is dev")));
        let theirs = found.summary(|namespace| namespace == "team-b");
        assert_eq!(
            (theirs.skipped, theirs.nearest.as_deref()),
            (1, Some("the branch is dev, for a later rule"))
        );

        let run = ResourceRef::new("shipwright.io", "BuildRun", ObjectKey::new("team-a", "web-1"));
        let runs = vec![run.clone()];
        let fired = DecisionRecord { outcome: OutcomeRecord::Fired { runs }, ..near.clone() };
        for (error, started) in [(None, 1), (Some("quota".to_owned()), 0)] {
            let event = Ordinal::FIRST;
            let run = run.clone();
            let launch = LaunchRecord { run, event, uid: None, existed: false, error, condition: None };
            let found = with_launches(vec![near.clone(), fired.clone()], vec![launch]).summary(|_| true);
            assert_eq!((found.started, found.skipped, found.nearest), (started, 1, None));
        }
    }
}
