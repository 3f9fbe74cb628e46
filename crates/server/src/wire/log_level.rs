use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Moment;

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLevel {
    /// What is logged now: a level such as `info`, or a list such as `info,trigger_server=debug`.
    pub filter: String,
    /// What was logged when the program began, and is again when `until` has come.
    pub at_start: String,
    /// How long it stays so; absent if it was not changed.
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
}

/// What shall be logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLevelRequest {
    /// A level such as `debug`, or a list such as `info,trigger_server=debug`.
    pub filter: String,
}

/// For how long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLevelQuery {
    /// How long it stays so, such as `15m`, which it is if it is not said; 24 hours at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#for: Option<String>,
}
