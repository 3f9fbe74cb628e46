use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trigger_core::{DeliveryId, ObjectKey};

/// How many rejected requests are retained: enough to see the reason, too few to fill a disk.
pub const REJECTIONS: usize = 1000;

/// A request that was rejected, with the reason for the operator. The sender sees none of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// When it was received.
    pub at: Timestamp,
    /// How often the same request was rejected in a row for the same reason.
    pub times: u64,
    /// The id that the delivery would have had.
    pub delivery: DeliveryId,
    /// The HTTP status of the answer, such as 401.
    pub status: u16,
    /// The machine name of the answer, such as `unauthorized`.
    pub answer: String,
    /// The reason, in a sentence.
    pub reason: String,
    /// The provider of the path.
    pub source: String,
    /// The path of the hook.
    pub path: String,
    /// The sender's name of the event, if it could be read.
    pub event: String,
    /// The sender's own id.
    pub provider_id: Option<String>,
    /// The repository that it names.
    pub repository: Option<String>,
    /// The address of the client, or of the proxy in between.
    pub from: Option<String>,
    /// The Secrets that were tried, with the result of each.
    #[serde(default)]
    pub tried: Vec<TriedSecret>,
}

/// A Secret that was tried and did not verify the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedSecret {
    /// The Secret.
    pub secret: ObjectKey,
    /// The result, in a sentence. Contains none of its data.
    pub finding: String,
}
