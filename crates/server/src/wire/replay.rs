use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_core::Replay;

use super::Decision;

/// A request to replay one delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayRequest {
    /// The idempotency key: 1 to 200 characters. A repeated request with the same key creates no second replay.
    /// A dry run needs none.
    #[serde(default)]
    pub request: Option<String>,
    /// Only return the decisions of today's rules; start nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A request to replay several deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayRequests {
    /// The ids of the deliveries: 1 to 100.
    pub ids: Vec<String>,
    /// The idempotency key, as for one delivery.
    #[serde(default)]
    pub request: Option<String>,
    /// Only return the decisions of today's rules; start nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// The outcome for each delivery, in the order of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOutcomes {
    /// One item per delivery.
    pub items: Vec<ReplayOutcome>,
}

/// The outcome for one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOutcome {
    /// The id of the replayed delivery.
    pub id: String,
    /// The result.
    pub result: ReplayResult,
}

/// The result of replaying one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum ReplayResult {
    /// The replay is in the queue.
    New {
        /// The id of the replay.
        delivery: String,
        /// The namespaces whose rules may act on the replay: those of the delivery in which the caller may start runs.
        /// Absent: all, because the caller may start runs in all namespaces.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespaces: Option<Vec<String>>,
    },
    /// An earlier request with the same key created the replay.
    Known {
        /// The id of that replay.
        delivery: String,
        /// The namespaces whose rules may act on it, as for a new replay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespaces: Option<Vec<String>>,
    },
    /// The delivery does not exist, was pruned, or is not visible to the caller.
    Missing,
    /// The delivery is not settled yet. Replay it once it is.
    InProgress,
    /// The body was pruned.
    BodyGone,
    /// The caller may not start runs in any namespace of the delivery.
    Forbidden,
    /// A dry run: the decisions of today's rules.
    DryRun {
        /// The decisions.
        decisions: Vec<Decision>,
        /// The namespaces whose rules would act on the replay, as for a new replay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespaces: Option<Vec<String>>,
        /// Whether something is left out because the caller may not see it.
        #[serde(default)]
        hidden: bool,
    },
    /// A dry run: this version cannot parse the delivery.
    Unparsable {
        /// Why, in a sentence.
        reason: String,
    },
}

/// The origin of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOrigin {
    /// The id of the replayed delivery.
    pub of: String,
    /// The user who requested the replay.
    pub by: String,
    /// The IP address of the client.
    pub from: String,
}

impl From<&Replay> for ReplayOrigin {
    fn from(replay: &Replay) -> Self {
        Self { of: replay.of.to_string(), by: replay.by.clone(), from: replay.from.clone() }
    }
}
