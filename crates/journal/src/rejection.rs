use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trigger_core::{DeliveryId, ObjectKey};

/// How many refused requests are kept: enough to see what went wrong, too few to fill a disk.
pub const REJECTIONS: usize = 1000;

/// A request that was not taken in, for the operator to see why. The sender is told none of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// When it came in.
    pub at: Timestamp,
    /// How often the same request was refused in a row for the same reason.
    pub times: u64,
    /// The id that the delivery would have had.
    pub delivery: DeliveryId,
    /// The status it was answered with, such as 401.
    pub status: u16,
    /// The machine name of the answer, such as `unauthorized`.
    pub answer: String,
    /// Why, in a sentence.
    pub reason: String,
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
    #[serde(default)]
    pub tried: Vec<TriedSecret>,
}

/// A Secret that should have verified a delivery and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedSecret {
    /// The Secret.
    pub secret: ObjectKey,
    /// What came of it, in a sentence. Nothing of its data.
    pub finding: String,
}
