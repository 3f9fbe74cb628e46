use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_journal::{CheckRecord, DecisionRecord, OutcomeRecord};

use super::ObjectName;

/// The decision about one rule, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The kind of the owner, such as `Build`.
    pub kind: String,
    /// The owner: the object that carries the rule.
    pub target: ObjectName,
    /// The name of the rule: `when[].name` of a Build.
    pub rule: String,
    /// The position of the rule in its owner, from 0.
    pub index: usize,
    /// The outcome.
    pub outcome: Outcome,
    /// The predicates that were checked, in order. If the rule was skipped, the last one failed.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// The outcome for one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule fired; in a dry run, it would fire.
    Fired {
        /// The run that the rule started; absent in a dry run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<ObjectName>,
    },
    /// The rule matched, but an earlier rule of the same target fires for this event.
    AlsoMatched {
        /// The run that the earlier rule started; absent in a dry run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<ObjectName>,
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

impl From<&DecisionRecord> for Decision {
    fn from(record: &DecisionRecord) -> Self {
        // The decision of a dry run has no run: a run's name is derived from the id of the replay.
        let named = |run: &trigger_core::ObjectKey| (!run.name.is_empty()).then(|| ObjectName::from(run));
        let outcome = match &record.outcome {
            OutcomeRecord::Fired { run } => Outcome::Fired { run: named(run) },
            OutcomeRecord::AlsoMatched { run } => Outcome::AlsoMatched { run: named(run) },
            OutcomeRecord::Skipped { reason, message } => {
                Outcome::Skipped { reason: reason.clone(), message: message.clone() }
            }
        };
        Self {
            kind: record.kind.clone(),
            target: (&record.target).into(),
            rule: record.rule.clone(),
            index: record.index,
            outcome,
            checks: record.checks.iter().map(Check::from).collect(),
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
