use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Moment, ObjectName};

/// Requests that were refused, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rejections {
    /// The requests.
    pub items: Vec<Rejection>,
}

/// What is known of a delivery that was refused, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectionDetail {
    /// The id that the delivery would have.
    pub id: String,
    /// The requests that would have been this delivery.
    pub rejections: Vec<Rejection>,
}

/// A request that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// The id that the delivery would have.
    pub id: String,
    /// When it came in.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// How often the same request was refused in a row for the same reason.
    pub times: u64,
    /// The status it was answered with, such as 401.
    pub status: u16,
    /// The machine name of the answer, such as `unauthorized`.
    pub answer: String,
    /// Why, in a sentence; absent if it may be about what the caller may not see.
    pub reason: Option<String>,
    /// The provider whose path it came in by.
    pub source: String,
    /// The path of the hook.
    pub path: String,
    /// The sender's name of the event, if it could be read.
    pub event: String,
    /// The sender's own id.
    pub provider_id: Option<String>,
    /// The repository it was about.
    pub repository: Option<String>,
    /// The address of the client, or of the proxy before us.
    pub from: Option<String>,
    /// The Secrets that were tried, and what came of each.
    pub tried: Vec<Tried>,
    /// Whether something is left out because the caller may not see it.
    #[serde(default)]
    pub hidden: bool,
}

/// A Secret that should have verified a delivery and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// The Secret.
    pub secret: ObjectName,
    /// What came of it, in a sentence.
    pub finding: String,
}
