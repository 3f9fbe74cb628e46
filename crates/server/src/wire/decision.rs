use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_journal::{CheckRecord, DecisionRecord, OutcomeRecord};

use super::ResourceRef;

/// The decision about one rule and one event, with its reasons; or about several rules of one owner that were skipped for
/// the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The object that carries the rule.
    pub owner: ResourceRef,
    /// The name of the rule: `when[].name` of a Build.
    pub rule: String,
    /// The position of the rule in its owner, from 0.
    pub index: usize,
    /// The position of the event in the delivery, from 0; absent if 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub event: u32,
    /// The outcome.
    pub outcome: Outcome,
    /// The predicates that were checked, in order. If the rule was skipped, the last one failed.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// How many further rules of the owner were skipped for the same reason, without decisions of their own; absent if
    /// none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub further: usize,
}

/// The outcome for one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule fired; in a dry run, it would fire.
    Fired {
        /// The runs that the rule started; absent in a dry run.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        runs: Vec<ResourceRef>,
    },
    /// The rule matched, but an earlier rule of the same target fires for this event.
    AlsoMatched {
        /// The runs that the earlier rule started; absent in a dry run.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        runs: Vec<ResourceRef>,
    },
    /// The rule did not fire.
    Skipped {
        /// The machine name of the reason, such as `branch-not-listed`.
        reason: String,
        /// The reason in a sentence.
        message: String,
    },
}

/// One predicate of a rule, with the expected and the found value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The machine name of the predicate, such as `branch`.
    pub predicate: String,
    /// Whether the predicate passed.
    pub passed: bool,
    /// The value that the rule expects.
    pub expected: String,
    /// The value that the event has.
    pub found: String,
}

/// Whether an event is the first of its delivery. Its position is left out: most deliveries have one event.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_first(event: &u32) -> bool {
    *event == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(further: &usize) -> bool {
    *further == 0
}

impl From<&DecisionRecord> for Decision {
    fn from(record: &DecisionRecord) -> Self {
        let named = |runs: &[trigger_core::ResourceRef]| {
            // Versions before 0.1 stored a run without a name for a rule whose run could not be rendered.
            runs.iter().filter(|run| !run.name().is_empty()).map(ResourceRef::from).collect()
        };
        let outcome = match &record.outcome {
            OutcomeRecord::Fired { runs } => Outcome::Fired { runs: named(runs) },
            OutcomeRecord::AlsoMatched { runs } => Outcome::AlsoMatched { runs: named(runs) },
            OutcomeRecord::Skipped { reason, message } => {
                Outcome::Skipped { reason: reason.clone(), message: message.clone() }
            }
        };
        Self {
            owner: (&record.owner).into(),
            rule: record.rule.clone(),
            index: record.index,
            event: record.event.get(),
            outcome,
            checks: record.checks.iter().map(Check::from).collect(),
            further: record.further,
        }
    }
}

impl From<&CheckRecord> for Check {
    fn from(record: &CheckRecord) -> Self {
        Self {
            predicate: record.predicate.clone(),
            passed: record.passed,
            expected: record.expected.clone(),
            found: record.found.clone(),
        }
    }
}
