use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DateTime, ObjectName};

/// Rejected requests, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rejections {
    /// The requests.
    pub items: Vec<Rejection>,
}

/// The rejected requests of one delivery id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectionDetail {
    /// The id that the delivery would have.
    pub id: String,
    /// The rejected requests, newest first.
    pub rejections: Vec<Rejection>,
}

/// A rejected request. Equal requests with the same reason are counted, not listed one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// The id that the delivery would have.
    pub id: String,
    /// When the request arrived.
    #[schemars(with = "DateTime")]
    pub at: Timestamp,
    /// How many equal requests in a row were rejected for this reason.
    pub times: u64,
    /// The HTTP status of the response, such as 401.
    pub status: u16,
    /// The machine name of the response, such as `unauthorized`.
    pub answer: String,
    /// The reason in a sentence; absent if it may name a namespace that the caller may not see.
    pub reason: Option<String>,
    /// The provider or registry format whose hook received the request, such as `github`.
    pub source: String,
    /// The URL path of the hook.
    pub path: String,
    /// The provider's name of the event; empty if it could not be read.
    pub event: String,
    /// The provider's id of the delivery.
    pub provider_id: Option<String>,
    /// The repository in the request.
    pub repository: Option<String>,
    /// The IP address of the client, or of the proxy in front of this program; absent if Secrets were tried that the
    /// caller may not see.
    pub from: Option<String>,
    /// The Secrets that were tried, each with its result.
    pub tried: Vec<TriedSecret>,
    /// Whether something is left out because the caller may not see it.
    #[serde(default)]
    pub hidden: bool,
}

/// A Secret that did not verify a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriedSecret {
    /// The Secret.
    pub secret: ObjectName,
    /// Why it did not verify the request, in a sentence.
    pub finding: String,
}
