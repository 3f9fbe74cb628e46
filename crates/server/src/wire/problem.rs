use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request was not answered as wished (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What is the matter and what to do, in a sentence.
    pub detail: String,
}
