use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_journal::{CheckRecord, DecisionRecord, OutcomeRecord};

use super::ObjectName;

/// What was decided about one rule, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The kind of the object that carries the rule, such as `Build`.
    pub kind: String,
    /// That object.
    pub target: ObjectName,
    /// The name of the rule: `when[].name` of a Build.
    pub rule: String,
    /// The place of the rule in that object, from 0.
    pub index: usize,
    /// What was decided.
    pub outcome: Outcome,
    /// The predicates that were looked at, in order; the last one failed if the rule was skipped.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// What was decided about one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Outcome {
    /// It fired; in a dry run, it would.
    Fired {
        /// The run that it started; absent in a dry run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<ObjectName>,
    },
    /// It matched too, but an earlier rule of the same object fires already.
    AlsoMatched {
        /// The run that the earlier rule started; absent in a dry run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<ObjectName>,
    },
    /// It did not fire.
    Skipped {
        /// The machine name of the reason, such as `branch-not-listed`.
        reason: String,
        /// The reason in a sentence.
        message: String,
    },
}

/// One predicate of a rule, with what it expected and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The machine name of the predicate, such as `branch`.
    pub predicate: String,
    /// Whether it held.
    pub passed: bool,
    /// What the rule wants.
    pub expected: String,
    /// What the event has.
    pub found: String,
}

impl From<&DecisionRecord> for Decision {
    fn from(record: &DecisionRecord) -> Self {
        // A decision of a dry run names no run: its name follows from the id that a replay would get.
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
