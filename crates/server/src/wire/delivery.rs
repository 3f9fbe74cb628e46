use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DateTime, Decision, ImageChange, Launch, ObjectName, RejectionDetail, ReplayOrigin};

/// A page of the delivery history, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deliveries {
    /// The deliveries. A page may hold fewer than `limit` although `next` is set: the server examines a bounded
    /// number of deliveries per request for those that the caller may see.
    pub items: Vec<Delivery>,
    /// The `after` of the next page; null on the last page.
    pub next: Option<String>,
}

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The id: 26 characters of a-z and 2-7.
    pub id: String,
    /// The source: a provider such as `github`; `listener`; or `tekton` or `images` for changes that this program observed.
    pub source: String,
    /// The sender's name of the event, such as `push`.
    pub event: String,
    /// The repository of the event.
    pub repository: Option<String>,
    /// The observed object on the cluster, such as a PipelineRun. For source `images`: the namespace, with the
    /// reference of the first changed image as name. For source `listener`: the EventListener.
    #[serde(default)]
    pub object: Option<ObjectName>,
    /// When the delivery was received.
    #[schemars(with = "DateTime")]
    pub received_at: Timestamp,
    /// The state.
    pub state: State,
    /// How many attempts the dispatcher has started.
    pub attempts: u32,
    /// When the delivery was settled or failed.
    #[schemars(with = "Option<DateTime>")]
    pub settled_at: Option<Timestamp>,
    /// When the next attempt is due.
    #[schemars(with = "Option<DateTime>")]
    pub due: Option<Timestamp>,
    /// The error of the last attempt, in a sentence.
    pub error: Option<String>,
    /// The decisions, counted.
    pub summary: Summary,
    /// The id of the replayed delivery, if this one is a replay.
    pub replay_of: Option<String>,
    /// Whether something is left out because the caller may not see it.
    #[serde(default)]
    pub hidden: bool,
}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The delivery waits in the queue.
    Pending,
    /// A dispatcher processes the delivery.
    Claimed,
    /// Every rule is decided, and every run that is due has been created.
    Settled,
    /// The delivery cannot succeed: see `error`.
    Failed,
}

/// The decisions about a delivery, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many rules started a run. A rule whose runs were refused, or do not exist yet, does not count.
    pub started: usize,
    /// How many rules matched, but started nothing because an earlier rule of their target fired.
    pub also_matched: usize,
    /// How many rules did not fire.
    pub skipped: usize,
    /// If no rule fired: why the rule with the most passed checks was skipped, in a sentence.
    pub nearest: Option<String>,
}

/// What the journal holds for an id: a delivery, or only rejected requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum KnownDelivery {
    /// A stored delivery.
    Delivery(Box<DeliveryDetail>),
    /// Only rejected requests.
    Rejection(RejectionDetail),
}

/// A delivery with its request, verification, decisions and runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetail {
    /// The id: 26 characters of a-z and 2-7.
    pub id: String,
    /// The request that brought the delivery.
    pub request: Request,
    /// How the sender was authenticated.
    pub verification: Verification,
    /// The state.
    pub state: State,
    /// How many attempts the dispatcher has started.
    pub attempts: u32,
    /// When the delivery was settled or failed.
    #[schemars(with = "Option<DateTime>")]
    pub settled_at: Option<Timestamp>,
    /// When the next attempt is due.
    #[schemars(with = "Option<DateTime>")]
    pub due: Option<Timestamp>,
    /// The error of the last attempt, in a sentence.
    pub error: Option<String>,
    /// The changed images, if the source is `images` and the body is still stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageChange>,
    /// The decision about each rule that could have fired.
    pub decisions: Vec<Decision>,
    /// The runs, with their current states.
    pub launches: Vec<Launch>,
    /// The origin, if this delivery is a replay.
    pub replay: Option<ReplayOrigin>,
    /// The ids of the replays of this delivery, oldest first.
    pub replays: Vec<String>,
    /// Whether something is left out because the caller may not see it.
    #[serde(default)]
    pub hidden: bool,
}

/// The request that brought a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The source: a provider such as `github`, or `listener`, `tekton` or `images`.
    pub source: String,
    /// The URL path of the hook or of the listener; for observed changes, the resource that was watched.
    pub path: String,
    /// The sender's name of the event.
    pub event: String,
    /// The sender's id of the delivery.
    pub provider_id: Option<String>,
    /// The repository of the event.
    pub repository: Option<String>,
    /// When the delivery was received.
    #[schemars(with = "DateTime")]
    pub received_at: Timestamp,
    /// The stored headers; empty if the caller may not read the body.
    pub headers: Vec<Header>,
    /// Whether the body is still stored. A delivery without a body cannot be replayed.
    pub body_kept: bool,
    /// The size of the body in bytes, while it is stored and if the caller may read it.
    pub body_size: Option<usize>,
}

/// An HTTP header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The name, in lower case.
    pub name: String,
    /// The value.
    pub value: String,
}

/// How the sender of a delivery was authenticated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The keys that verify the delivery.
    pub keys: Vec<KeyRef>,
    /// The route that received the request, as its URL path; absent for observed changes and for deliveries of
    /// versions that did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whether rules without a Secret may act on the delivery.
    pub unsigned: bool,
    /// Clone Secrets without a webhook key. If `unsigned` is set, their rules may act on the delivery.
    #[serde(default)]
    pub without_entry: Vec<ObjectName>,
    /// The object or image in which this program observed the change. Then no Secret is involved.
    #[serde(default)]
    pub observed: Option<ObjectName>,
    /// The EventListener that accepted the request. Its interceptors verify senders: see the decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<ObjectName>,
    /// The namespaces to which this replay is restricted: those in which the user who asked for it may start runs.
    /// Absent: no restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The Secrets that could not be read when the delivery arrived. Nothing starts because of it until a key of them
    /// verifies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// The Secrets that a delivery waits for, or has waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The Secrets.
    pub secrets: Vec<ObjectName>,
    /// Whether all of them have been read since.
    pub is_over: bool,
    /// The deliveries as which it continues: a key of the Secrets verifies it, or a clone Secret holds no key and unsigned
    /// deliveries are accepted.
    pub continued_as: Vec<String>,
}

impl Waiting {
    /// Why a delivery that waited has started nothing itself; absent while it waits.
    pub fn conclusion(&self) -> Option<String> {
        match self.continued_as.as_slice() {
            _ if !self.is_over => None,
            [] => Some("no key of the Secrets that it waited for verifies it".to_owned()),
            ids => Some(format!("its Secret could be read; continues as {}", ids.join(", "))),
        }
    }
}

impl From<&trigger_core::Waiting> for Waiting {
    fn from(waiting: &trigger_core::Waiting) -> Self {
        let mut secrets: Vec<_> = waiting.secrets.iter().map(|one| ObjectName::from(&one.secret)).collect();
        secrets.dedup();
        Self {
            secrets,
            is_over: waiting.presented.is_none(),
            continued_as: waiting.continued_as.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A webhook key: an entry of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// The Secret.
    pub secret: ObjectName,
    /// The key in the `data` of the Secret, such as `github-token`; absent for deliveries of versions that did not
    /// record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

impl From<&trigger_core::KeyRef> for KeyRef {
    fn from(key: &trigger_core::KeyRef) -> Self {
        let entry = Some(key.entry.to_string()).filter(|entry| !entry.is_empty());
        Self { secret: (&key.secret).into(), entry }
    }
}

impl From<trigger_journal::State> for State {
    fn from(state: trigger_journal::State) -> Self {
        use trigger_journal::State as Stored;
        match state {
            Stored::Pending => Self::Pending,
            Stored::Claimed => Self::Claimed,
            Stored::Settled => Self::Settled,
            Stored::Failed => Self::Failed,
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
    /// The name: one lower-case word.
    pub fn name(self) -> &'static str {
        trigger_journal::State::from(self).name()
    }
}
