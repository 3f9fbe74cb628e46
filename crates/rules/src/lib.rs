//! The inventory of rules, and the decision about an event.
//!
//! - [`Inventory`]: mutable, fed by apply, delete and retain. [`RuleSet`]: an immutable snapshot, cheap to copy.
//! - `owners/`: a folder per kind of object that carries rules, listed in `OWNERS`. Its rules are compiled when the
//!   object changes.
//! - `triggers/`: a folder per trigger kind, listed in `KINDS`: `git` (type `GitHub`), `pipeline` (with the guards
//!   against loops), `image` (with the cycles of Builds; [`image`] is its public interface).
//! - [`listeners`]: the inventory of Tekton's listeners, with the decisions of their triggers and the answers to senders.
//! - [`decide`]: one [`Decision`] for each rule that could have fired: fired, or skipped with the first predicate
//!   that failed. If a rule cannot be decided from the event and the facts so far, it returns a
//!   [`trigger_core::Need`].
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock, no Kubernetes client. The same event, facts and rules give the same decisions in the
//!   same order.
//! - A rule fires only for what its own [`Auth`] accepts: one of its keys, an unsigned delivery that the
//!   operator allows, or an observation in its own namespace.
//! - A broken rule disables itself and is reported by every decision that it would have taken part in. Its
//!   neighbours work on.
//! - Everything is bounded, see `limits`: objects when they are compiled, decisions by the share of a namespace in an
//!   event, and by a [`DecisionBudget`] for a delivery. A panic while an object is compiled is an error of this object.
//! - `decide` looks rules up by index keys and does not scan. Its cost does not grow with the number of Builds.
//! - The core names no trigger kind and no owner. Index keys are opaque text; a kind that needs another index owns
//!   it.
//!
//! # Cycles
//!
//! Cycles of Builds are searched over the outputs of all Builds when an image changes, not when a Build is applied.
//! The Build that closes a cycle depends on the order in which they were applied.
#![forbid(unsafe_code)]

mod auth;
mod budget;
mod candidates;
mod decide;
mod decision;
mod go_json;
pub mod interceptors;
mod interner;
mod inventory;
mod limits;
pub mod listeners;
mod owners;
mod payload;
mod payload_check;
mod reason;
mod rule_error;
mod rule_set;
mod text;
mod triggers;
mod weights;
mod work;

pub use auth::{Auth, KeyBinding, SecretOrigin};
pub use budget::DecisionBudget;
pub use candidates::WebhookCandidates;
pub use decide::{Decided, Deciding, decide};
pub use decision::{Check, Decision, Outcome, SAME_PUSH};
pub use inventory::{Applied, Inventory};
pub use limits::LIMITS;
pub use owners::Source;
pub use payload::{LazyPayload, Payload};
pub use reason::{Predicate, Reason};
pub use rule_error::{OwnerError, RuleError};
pub use rule_set::{Coverage, DecisionInput, LeftOut, OwnerRules, RuleSet};
pub use triggers::{image, kind_names};
