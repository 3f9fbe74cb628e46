use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trigger_core::{Delivery, DeliveryId, Facts, Ordinal, ResourceRef, Verification};

/// Everything known about a delivery.
#[derive(Debug, Clone)]
pub struct Record {
    /// The delivery. A history page leaves its body empty. [`crate::History::find`] returns the body while it is
    /// retained.
    pub delivery: Delivery,
    /// Whether the body is still stored. Without it the delivery cannot be replayed.
    pub body_kept: bool,
    /// The result of verifying its origin.
    pub verification: Verification,
    /// The facts gathered to decide it.
    pub facts: Facts,
    /// Its state in the queue.
    pub state: State,
    /// How often it was claimed.
    pub attempts: u32,
    /// When it was settled or failed.
    pub settled_at: Option<Timestamp>,
    /// When the next attempt is due, while it is pending.
    pub due: Option<Timestamp>,
    /// The error of the last attempt, in a sentence.
    pub error: Option<String>,
    /// The decisions, one per event and rule that could have fired.
    pub decisions: Vec<DecisionRecord>,
    /// The runs of its attempts.
    pub launches: Vec<LaunchRecord>,
    /// The deliveries that replay this one, oldest first. Only [`crate::History::find`] looks them up.
    pub replays: Vec<DeliveryId>,
}

/// The state of a delivery in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for an attempt.
    Pending,
    /// A dispatcher works on it.
    Claimed,
    /// Every rule is decided and every run that is due is created.
    Settled,
    /// It cannot succeed; [`Record::error`] has the reason.
    Failed,
}

impl State {
    /// Every state, in the order of a delivery's life.
    const ALL: [Self; 4] = [Self::Pending, Self::Claimed, Self::Settled, Self::Failed];

    /// The state as one lower-case word, as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Settled => "settled",
            Self::Failed => "failed",
        }
    }

    /// The state with this [`State::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// The result of an attempt at a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The decisions, one per event and rule that could have fired.
    pub decisions: Vec<DecisionRecord>,
    /// The runs of this attempt and of earlier ones.
    pub launches: Vec<LaunchRecord>,
    /// The error, in a sentence. A delivery that is settled with an error has failed.
    pub error: Option<String>,
}

/// The decision for one rule and one event of the delivery, with its reasons; or for several rules of one owner that were
/// skipped for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRecord {
    /// The object that carries the rule.
    pub owner: ResourceRef,
    /// The name of the rule: `when[].name` of a Build.
    pub rule: String,
    /// The position of the rule in its owner, from 0.
    pub index: usize,
    /// The event, by its place in the delivery.
    pub event: Ordinal,
    /// Fired, also matched, or skipped.
    pub outcome: OutcomeRecord,
    /// The predicates that were checked, in order. The last one failed if the rule was skipped.
    pub checks: Vec<CheckRecord>,
    /// How many further rules of the owner were skipped for the same reason. They have no records of their own.
    pub further: usize,
}

/// Whether a rule fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeRecord {
    /// It fired.
    Fired {
        /// The runs that it starts, in the order of the target's templates.
        runs: Vec<ResourceRef>,
    },
    /// It matched too, but an earlier rule of the same owner had fired already.
    AlsoMatched {
        /// The runs of the earlier rule.
        runs: Vec<ResourceRef>,
    },
    /// It did not fire.
    Skipped {
        /// The machine name of the reason, such as `branch-not-listed`.
        reason: String,
        /// The reason in a sentence.
        message: String,
    },
}

/// One predicate of a rule, with the expected and the found value. Stored in this form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// The machine name of the predicate, such as `branch`.
    pub predicate: String,
    /// Whether it held.
    pub passed: bool,
    /// The value that the rule asks for.
    pub expected: String,
    /// The value of the event.
    pub found: String,
}

/// One run that was created, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchRecord {
    /// The run.
    pub run: ResourceRef,
    /// The event that started it, by its place in the delivery.
    pub event: Ordinal,
    /// `metadata.uid` of the run, if known: another run may have the same name later.
    pub uid: Option<String>,
    /// Whether an earlier attempt had created it.
    pub existed: bool,
    /// Why it could not be created, in the API server's words.
    pub error: Option<String>,
    /// The condition that its status is given once its controller has begun with it. Absent for runs of earlier versions,
    /// which wrote it before they recorded the run.
    pub condition: Option<ConditionRecord>,
}

/// A status condition of a run, without its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionRecord {
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The reason, one CamelCase word.
    pub reason: String,
    /// The message, one sentence.
    pub message: String,
}
