//! Deliveries to listeners: kept, screened, decided and planned.
//!
//! - `request`: [`ListenerRequest`], a request as it arrives, as the journal keeps it, and as interceptors see it.
//! - `screening`: the look at a request before it is kept, by [`screen`]. Only Secrets are asked then.
//! - `attempt`: the decisions of an attempt, with all answers, and the objects that they create.
//! - `answers`: the answers of interceptors as facts. An [`AnswerSource`] provides those that Secrets do not.
//! - `secrets`: the answers that keys of Secrets give. `record`: decisions in the words of the journal.
//! - `turns`: decisions of namespaces in turns.
//!
//! Headers that present a key itself are not kept, so their verdicts are facts from the beginning. Signatures are kept:
//! they verify this body only, and a Secret that cannot be read at intake answers later.

mod answers;
mod attempt;
mod intercept;
mod record;
mod request;
mod screening;
mod secrets;
#[cfg(test)]
mod tests;
mod turns;

pub use self::answers::AnswerSource;
pub(crate) use self::answers::MOST_ANSWERS;
pub(crate) use self::attempt::{
    ANSWERS_WITHIN, Asked, LARGEST_OBJECTS, ListenerTools, MOST_OBJECTS, MOST_ROUNDS, Subject, plan, preview,
};
pub use self::intercept::intercept;
pub(crate) use self::record::{ListenerDecisions, MOST_RECORDED};
pub use self::request::{LISTENER, LISTENERS_PATH, ListenerRequest};
pub(crate) use self::request::{event, listener_of};
pub use self::screening::{AcceptedRequest, BodyMemory, Screened, TriedKey, screen};
pub(crate) use self::turns::{DECIDED_AT_ONCE, DecisionTurns};
