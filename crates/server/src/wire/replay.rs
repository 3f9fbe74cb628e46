use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_core::Replay;

use super::Decision;

/// Asks for one delivery to be worked on once more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayRequest {
    /// Tells this request from others: repeated with the same text, it makes no second replay. Any text of up
    /// to 200 characters. A dry run needs none.
    #[serde(default)]
    pub request: Option<String>,
    /// Only say what today's rules would decide; start nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Asks for several deliveries to be worked on once more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayRequests {
    /// The deliveries, at most 100.
    pub ids: Vec<String>,
    /// As for one delivery.
    #[serde(default)]
    pub request: Option<String>,
    /// As for one delivery.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of each delivery, in the order asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOutcomes {
    /// One entry per delivery.
    pub items: Vec<ReplayOutcome>,
}

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOutcome {
    /// The earlier delivery.
    pub id: String,
    /// What became of it.
    pub result: ReplayResult,
}

/// What became of a delivery that was to be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum ReplayResult {
    /// It is in the queue once more.
    New {
        /// The id of the replay.
        delivery: String,
    },
    /// The same request was made before.
    Known {
        /// The id of the replay that it made.
        delivery: String,
    },
    /// It is not known, or not any more, or the caller may not see it.
    Missing,
    /// It is not settled yet, so there is nothing to repeat.
    InProgress,
    /// Its body is not kept any more.
    BodyGone,
    /// The caller may not replay it.
    Forbidden,
    /// A dry run: what today's rules would decide.
    DryRun {
        /// The decisions.
        decisions: Vec<Decision>,
        /// Whether something is left out because the caller may not see it.
        #[serde(default)]
        hidden: bool,
    },
    /// A dry run: this version does not understand the delivery.
    Meaningless {
        /// Why, in a sentence.
        reason: String,
    },
}

/// Where a replay comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOrigin {
    /// The earlier delivery.
    pub of: String,
    /// Who asked.
    pub by: String,
    /// From where: the address of the client.
    pub from: String,
}

impl From<&Replay> for ReplayOrigin {
    fn from(replay: &Replay) -> Self {
        Self { of: replay.of.to_string(), by: replay.by.clone(), from: replay.from.clone() }
    }
}
