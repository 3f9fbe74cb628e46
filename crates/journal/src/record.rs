use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trigger_core::{Delivery, DeliveryId, ObjectKey, Verification};

/// Everything known about a delivery.
#[derive(Debug, Clone)]
pub struct Record {
    /// The delivery. A history page leaves its body empty; [`crate::Journal::find`] has it, as long as it
    /// is kept.
    pub delivery: Delivery,
    /// Whether the body is still kept. Without it the delivery cannot be replayed.
    pub body_kept: bool,
    /// What proved it.
    pub verification: Verification,
    /// Where it stands.
    pub state: State,
    /// How often somebody began to work on it.
    pub attempts: u32,
    /// When it was settled or failed.
    pub settled_at: Option<Timestamp>,
    /// When the next attempt is due, while it is pending.
    pub due: Option<Timestamp>,
    /// What the last attempt ran into, in a sentence.
    pub fault: Option<String>,
    /// What was decided about each rule that could have fired.
    pub decisions: Vec<DecisionRecord>,
    /// What was started.
    pub launches: Vec<LaunchRecord>,
    /// The deliveries that replay this one, oldest first; only [`crate::Journal::find`] looks for them.
    pub replays: Vec<DeliveryId>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl State {
    /// The state as one lower-case word, as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Settled => "settled",
            Self::Failed => "failed",
        }
    }

    /// The state that [`State::name`] calls so.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Claimed, Self::Settled, Self::Failed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// What an attempt at a delivery came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What was decided about each rule that could have fired.
    pub decisions: Vec<DecisionRecord>,
    /// What was started.
    pub launches: Vec<LaunchRecord>,
    /// What went wrong, in a sentence. A delivery settled with a fault has failed.
    pub fault: Option<String>,
}

/// What was decided about one rule, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The kind of the object that carries the rule, such as `Build`.
    pub kind: String,
    /// That object.
    pub target: ObjectKey,
    /// The name of the rule: `when[].name` of a Build.
    pub rule: String,
    /// The place of the rule in that object, from 0.
    pub index: usize,
    /// What was decided.
    pub outcome: OutcomeRecord,
    /// The predicates that were looked at, in order; the last one failed if the rule was skipped.
    pub checks: Vec<CheckRecord>,
}

/// What was decided about one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum OutcomeRecord {
    /// It fired.
    Fired {
        /// The run that it started.
        run: ObjectKey,
    },
    /// It matched too, but an earlier rule of the same object had already fired.
    AlsoMatched {
        /// The run that the earlier rule started.
        run: ObjectKey,
    },
    /// It did not fire.
    Skipped {
        /// The machine name of the reason, such as `branch-not-listed`.
        reason: String,
        /// The reason in a sentence.
        message: String,
    },
}

/// One predicate of a rule, with what it expected and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// The machine name of the predicate, such as `branch`.
    pub predicate: String,
    /// Whether it held.
    pub passed: bool,
    /// What the rule wants.
    pub expected: String,
    /// What the event has.
    pub found: String,
}

/// One run that was started, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRecord {
    /// The kind of the run, such as `BuildRun`.
    pub kind: String,
    /// The run.
    pub run: ObjectKey,
    /// `metadata.uid` of the run, where it is known: another run may bear the name later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Whether it had been there already: an earlier attempt had created it.
    pub existed: bool,
    /// Why it could not be created, in the API server's words.
    pub fault: Option<String>,
}
