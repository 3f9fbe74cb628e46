use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DateTime;

/// The log filter of this replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLevel {
    /// The filter in force: a level such as `info`, or a list such as `info,trigger_server=debug`.
    pub filter: String,
    /// The filter that the process started with. It returns at `until`.
    pub at_start: String,
    /// When the filter returns to `atStart`; absent if the filter was not changed.
    #[schemars(with = "Option<DateTime>")]
    pub until: Option<Timestamp>,
}

/// A new log filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLevelRequest {
    /// A level such as `debug`, or a list such as `info,trigger_server=debug`.
    pub filter: String,
}

/// How long a new log filter stays in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLevelQuery {
    /// How long the filter stays in force, such as `30m`. Default: `15m`; at most `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#for: Option<String>,
}
