//! The decisions of a listener in the words of the journal.

use std::collections::{BTreeMap, HashMap, HashSet};

use trigger_core::{Ordinal, ResourceRef};
use trigger_journal::{CheckRecord, DecisionRecord, LaunchRecord, OutcomeRecord};
use trigger_rules::interceptors::{Record, RecordedVerdict};
use trigger_rules::listeners::{
    GroupDecision, GroupOutcome, ListenerDecided, ListenerSettings, ListenerTrigger, TriggerDecision,
    TriggerOutcome,
};
use trigger_targets::{Plan, TargetKey, template};

use crate::inline::InlineDecision;

/// The most decisions that are recorded of one event with their details. Of the others those that fire are recorded
/// without, and the rest is counted.
pub(crate) const MOST_RECORDED: usize = 256;
/// The most values of parameters that are recorded of a trigger.
const MOST_PARAMS: usize = 32;
/// The longest text that is recorded, in characters.
const LONGEST_TEXT: usize = 200;

/// The decisions of a listener on one event.
#[derive(Debug, Default)]
pub(crate) struct ListenerDecisions {
    entries: Vec<Entry>,
    /// Decisions without a record, by outcome.
    further: BTreeMap<&'static str, usize>,
}

#[derive(Debug)]
struct Entry {
    record: DecisionRecord,
    outcome: &'static str,
    /// Which of the owner's sequences of objects belongs to it: see [`Plan::sequence`].
    sequence: Option<String>,
}

/// The objects of a trigger that fires, or why it creates none.
pub(super) enum Firing<'a> {
    /// It creates these objects, in order.
    Creates(&'a [Plan]),
    /// It creates nothing, for a reason with a machine name and a sentence.
    Withheld(&'static str, String),
}

impl ListenerDecisions {
    /// The decisions on an event, if they start nothing and no question is open.
    pub(super) fn of_skipped(listener: &ListenerSettings, decided: &ListenerDecided) -> Option<Self> {
        let starts =
            decided.triggers.iter().any(|trigger| matches!(trigger.outcome, TriggerOutcome::Fired(_)));
        if starts || !decided.needs.is_empty() {
            return None;
        }
        let mut decisions = Self::default();
        decisions.add_listener(listener, &decided.groups);
        for decision in &decided.triggers {
            decisions.add(decision, None);
        }
        Some(decisions)
    }

    /// A listener that does not exist any more.
    pub(super) fn of_absent(listener: ResourceRef) -> Self {
        let message = format!("the {listener} does not exist any more");
        let mut decisions = Self::default();
        decisions.push(listener, String::new(), skipped("listener-absent", message), Vec::new());
        decisions
    }

    /// Adds the groups whose interceptors do not let the event pass, and an error that keeps CloudEvents from being sent.
    pub(super) fn add_listener(&mut self, listener: &ListenerSettings, groups: &[GroupDecision]) {
        let owner = || listener.resource();
        if let Some(Err(error)) = &listener.cloud_event_uri {
            let outcome = skipped("cloud-events-not-sent", error.to_string());
            self.push(owner(), "cloudEventURI".to_owned(), outcome, Vec::new());
        }
        for GroupDecision { name, records, outcome, .. } in groups {
            let (reason, message) = match outcome {
                GroupOutcome::Passed => continue,
                GroupOutcome::Stopped => stop(records),
                GroupOutcome::Broken(error) => ("trigger-broken", error.to_string()),
            };
            let name = format!("group {name}");
            self.push(owner(), name, skipped(reason, message), records.iter().flat_map(checks).collect());
        }
    }

    /// Adds the decision of a trigger, with what it creates if it fires.
    pub(super) fn add(&mut self, decision: &TriggerDecision, firing: Option<Firing<'_>>) {
        let TriggerDecision { trigger, occurrence, records, outcome, .. } = decision;
        let mut checks: Vec<_> = records.iter().flat_map(checks).collect();
        let outcome = match (outcome, firing) {
            (TriggerOutcome::Fired(params), Some(Firing::Creates(plans))) => {
                checks.extend(params.iter().take(MOST_PARAMS).map(|param| CheckRecord {
                    predicate: format!("param {}", cut(param.name())),
                    passed: true,
                    expected: String::new(),
                    found: cut(&param.text()),
                }));
                let runs = plans.iter().map(|plan| plan.resource.clone()).collect();
                ("fired", OutcomeRecord::Fired { runs })
            }
            (_, Some(Firing::Withheld(reason, message))) => skipped(reason, message),
            (TriggerOutcome::Fired(_), None) => ("fired", OutcomeRecord::Fired { runs: Vec::new() }),
            (TriggerOutcome::Stopped, _) => {
                let (reason, message) = stop(records);
                skipped(reason, message)
            }
            (TriggerOutcome::Unresolved(error), _) => skipped("params-unresolved", error.clone()),
            (TriggerOutcome::Broken(error), _) => skipped("trigger-broken", error.to_string()),
        };
        let sequence = template::sequence(&trigger.key(), *occurrence);
        self.push(trigger.object.resource(), name(trigger), outcome, checks);
        if let Some(last) = self.entries.last_mut() {
            last.sequence = Some(sequence.to_string());
        }
    }

    /// Adds a trigger that waits for an answer.
    pub(super) fn add_waiting(&mut self, owner: ResourceRef, rule: String, message: String) {
        self.push(owner, rule, skipped("waits", message), Vec::new());
    }

    fn push(
        &mut self,
        owner: ResourceRef,
        rule: String,
        (name, outcome): (&'static str, OutcomeRecord),
        checks: Vec<CheckRecord>,
    ) {
        let is_fired = matches!(outcome, OutcomeRecord::Fired { .. });
        if self.entries.len() >= MOST_RECORDED && !is_fired {
            *self.further.entry(name).or_default() += 1;
            return;
        }
        let index = self.entries.len();
        let checks = if index < MOST_RECORDED { checks } else { Vec::new() };
        let record =
            DecisionRecord { owner, rule, index, event: Ordinal::FIRST, outcome, checks, further: 0 };
        self.entries.push(Entry { record, outcome: name, sequence: None });
    }

    /// Notes that these owners were deleted since the event arrived. Those with a launch in `started` stay as they are.
    pub(crate) fn skip_deleted(&mut self, deleted: &HashSet<ResourceRef>, started: &HashSet<TargetKey<'_>>) {
        for Entry { record, outcome, sequence } in &mut self.entries {
            let key = TargetKey { resource: &record.owner, sequence: sequence.as_deref() };
            let is_fired = matches!(record.outcome, OutcomeRecord::Fired { .. });
            if is_fired && deleted.contains(&record.owner) && !started.contains(&key) {
                let message = format!("the {} was deleted", record.owner);
                (*outcome, record.outcome) = skipped("target-deleted", message);
            }
        }
    }

    /// The triggers that fire and whose objects exist after an attempt, but did not all exist before it. One that makes no
    /// object counts if the attempt is the last. Each is a text that tells it from the other triggers of the listener, and
    /// that does not change with attempts.
    pub(crate) fn completed(
        &self,
        before: &[LaunchRecord],
        after: &[LaunchRecord],
        is_last: bool,
    ) -> Vec<String> {
        let existing = |launches: &[LaunchRecord]| -> HashSet<ResourceRef> {
            let created = launches.iter().filter(|launch| launch.error.is_none());
            created.map(|launch| launch.run.clone()).collect()
        };
        let (before, after) = (existing(before), existing(after));
        let is_completed = |runs: &[ResourceRef]| {
            let is_new = if runs.is_empty() { is_last } else { runs.iter().any(|run| !before.contains(run)) };
            is_new && runs.iter().all(|run| after.contains(run))
        };
        let completed =
            self.entries.iter().filter_map(|Entry { record, sequence, .. }| match &record.outcome {
                OutcomeRecord::Fired { runs } if is_completed(runs) => {
                    Some(format!("{} {}", record.owner, sequence.as_deref().unwrap_or_default()))
                }
                _ => None,
            });
        completed.collect()
    }

    /// The outcomes, each with the number of triggers.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let listed = self.entries.iter().map(|entry| (entry.outcome, 1));
        listed.chain(self.further.iter().map(|(outcome, count)| (*outcome, *count as u64)))
    }

    /// The records. Those that were left out are counted in the last record with their outcome.
    pub(crate) fn records(&self) -> Vec<DecisionRecord> {
        let mut records: Vec<_> = self.entries.iter().map(|entry| entry.record.clone()).collect();
        let mut last = HashMap::new();
        for (place, entry) in self.entries.iter().enumerate() {
            last.insert(entry.outcome, place);
        }
        for (outcome, count) in &self.further {
            let place = last.get(outcome).copied().unwrap_or(MOST_RECORDED - 1);
            if let Some(record) = records.get_mut(place) {
                record.further += count;
            }
        }
        records
    }

    /// The same for a request that starts nothing.
    pub(super) fn into_inline(self) -> InlineDecision {
        InlineDecision::of(self.records(), self.outcomes().collect())
    }
}

/// The name of a trigger, for people: its own, else its place in the listener.
pub(super) fn name(trigger: &ListenerTrigger) -> String {
    if trigger.name.is_empty() { trigger.path.clone() } else { trigger.name.to_string() }
}

fn skipped(reason: &'static str, message: String) -> (&'static str, OutcomeRecord) {
    (reason, OutcomeRecord::Skipped { reason: reason.to_owned(), message })
}

/// Why interceptors stop an event: a machine name and a sentence.
fn stop(records: &[Record]) -> (&'static str, String) {
    let Some(Record { interceptor, verdict, .. }) = records.last() else {
        return ("interceptor-stopped", "an interceptor stops the event".to_owned());
    };
    match verdict {
        RecordedVerdict::Stopped { message, .. } => {
            ("interceptor-stopped", format!("the interceptor {interceptor} stops the event: {message}"))
        }
        RecordedVerdict::Failed { message } => {
            ("interceptor-failed", format!("the interceptor {interceptor} cannot decide: {message}"))
        }
        RecordedVerdict::Passed { .. } => {
            ("interceptor-stopped", "an interceptor stops the event".to_owned())
        }
    }
}

/// The decision of an interceptor, and the operands of a filter that is not true.
fn checks(record: &Record) -> Vec<CheckRecord> {
    let Record { interceptor, verdict, .. } = record;
    let check = |passed, found: String| CheckRecord {
        predicate: cut(interceptor),
        passed,
        expected: String::new(),
        found: cut(&found),
    };
    match verdict {
        RecordedVerdict::Passed { extensions } if extensions.is_empty() => {
            vec![check(true, "passes".to_owned())]
        }
        RecordedVerdict::Passed { extensions } => {
            vec![check(true, format!("passes, with the extensions {}", extensions.join(", ")))]
        }
        RecordedVerdict::Failed { message } => vec![check(false, message.clone())],
        RecordedVerdict::Stopped { message, operands, .. } => {
            let operands = operands.iter().map(|operand| check(operand.is_true(), operand.to_string()));
            std::iter::once(check(false, message.clone())).chain(operands).collect()
        }
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST_TEXT).collect();
    format!("{start}…")
}
