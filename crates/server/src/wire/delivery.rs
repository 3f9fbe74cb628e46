use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decision, ImageChange, Launch, Moment, ObjectName, RejectionDetail, ReplayOrigin};

/// A part of the history, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deliveries {
    /// The deliveries. There may be fewer than asked for, or none, although there are more pages: the search
    /// for what the caller may see ends somewhere.
    pub items: Vec<Delivery>,
    /// What to give as `after` for the next page; null on the last one.
    pub next: Option<String>,
}

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its id: 26 characters.
    pub id: String,
    /// Who told us: the name of a provider, such as `github`, or `tekton` or `images` for what we saw
    /// ourselves.
    pub source: String,
    /// The sender's name of the event, such as `push`.
    pub event: String,
    /// The repository it is about.
    pub repository: Option<String>,
    /// The object on the cluster it is about, such as a PipelineRun; or, by its reference, the first of the images
    /// that have changed for the Builds of a namespace.
    #[serde(default)]
    pub object: Option<ObjectName>,
    /// When it was taken in.
    #[schemars(with = "Moment")]
    pub received_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// How often somebody began to work on it.
    pub attempts: u32,
    /// When it was settled or failed.
    #[schemars(with = "Option<Moment>")]
    pub settled_at: Option<Timestamp>,
    /// When the next attempt is due.
    #[schemars(with = "Option<Moment>")]
    pub due: Option<Timestamp>,
    /// What the last attempt ran into, in a sentence.
    pub fault: Option<String>,
    /// What was decided, in numbers.
    pub summary: Summary,
    /// The earlier delivery, if this one replays it.
    pub replay_of: Option<String>,
    /// Whether something is left out because the caller may not see it.
    #[serde(default)]
    pub hidden: bool,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits to be worked on.
    Pending,
    /// Somebody works on it.
    Claimed,
    /// Every rule is decided and everything due is started.
    Settled,
    /// It cannot succeed: see the fault.
    Failed,
}

/// What was decided about a delivery, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Rules that fired.
    pub started: usize,
    /// Rules that matched too.
    pub also_matched: usize,
    /// Rules that did not fire.
    pub skipped: usize,
    /// If none fired: why not the one that came closest, in a sentence.
    pub nearest: Option<String>,
}

/// What is known under an id: a delivery that is kept, or requests that were refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum KnownDelivery {
    /// A delivery.
    Delivery(Box<DeliveryDetail>),
    /// Nothing but requests that were refused.
    Rejection(RejectionDetail),
}

/// Everything known about a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetail {
    /// Its id.
    pub id: String,
    /// How it came in.
    pub request: Request,
    /// What proved where it comes from.
    pub verification: Verification,
    /// Where it stands.
    pub state: State,
    /// How often somebody began to work on it.
    pub attempts: u32,
    /// When it was settled or failed.
    #[schemars(with = "Option<Moment>")]
    pub settled_at: Option<Timestamp>,
    /// When the next attempt is due.
    #[schemars(with = "Option<Moment>")]
    pub due: Option<Timestamp>,
    /// What the last attempt ran into, in a sentence.
    pub fault: Option<String>,
    /// What has changed, if it is about images and its body is still kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageChange>,
    /// What was decided about each rule that could have fired.
    pub decisions: Vec<Decision>,
    /// What was started, with how it stands now.
    pub launches: Vec<Launch>,
    /// If this delivery replays another one: which, and who asked.
    pub replay: Option<ReplayOrigin>,
    /// The deliveries that replay this one, oldest first.
    pub replays: Vec<String>,
    /// Whether something is left out because the caller may not see it.
    #[serde(default)]
    pub hidden: bool,
}

/// How a delivery came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Who told us: the name of a provider, such as `github`.
    pub source: String,
    /// The path of the hook; of what we saw ourselves, where.
    pub path: String,
    /// The sender's name of the event.
    pub event: String,
    /// The sender's own id.
    pub provider_id: Option<String>,
    /// The repository it is about.
    pub repository: Option<String>,
    /// When it was taken in.
    #[schemars(with = "Moment")]
    pub received_at: Timestamp,
    /// The headers that were kept.
    pub headers: Vec<Header>,
    /// Whether the body is still kept. Without it the delivery cannot be replayed.
    pub body_kept: bool,
    /// The size of the body in bytes, as long as it is kept.
    pub body_size: Option<usize>,
}

/// A header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What proved where a delivery comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The Secrets whose key verifies it.
    pub secrets: Vec<ObjectName>,
    /// Whether rules without any Secret may act on it.
    pub unsigned: bool,
    /// Clone Secrets that hold no webhook key: with `unsigned`, their rules may act on it.
    #[serde(default)]
    pub without_entry: Vec<ObjectName>,
    /// The object on the cluster, or the image, that it was seen to happen to; then no Secret is concerned.
    #[serde(default)]
    pub observed: Option<ObjectName>,
}

impl From<trigger_journal::State> for State {
    fn from(state: trigger_journal::State) -> Self {
        use trigger_journal::State as Kept;
        match state {
            Kept::Pending => Self::Pending,
            Kept::Claimed => Self::Claimed,
            Kept::Settled => Self::Settled,
            Kept::Failed => Self::Failed,
        }
    }
}

impl From<State> for trigger_journal::State {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Claimed => Self::Claimed,
            State::Settled => Self::Settled,
            State::Failed => Self::Failed,
        }
    }
}

impl State {
    /// The state as one lower-case word.
    pub fn name(self) -> &'static str {
        trigger_journal::State::from(self).name()
    }
}
