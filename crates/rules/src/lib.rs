//! What to do about an event.
//!
//! [`Inventory`] holds the rules of all Builds, fed by apply, delete and retain. [`RuleSet`] is an
//! immutable snapshot of it. [`decide`] asks the snapshot about an [`trigger_core::Event`] and answers
//! with one [`Decision`] for every rule that could have fired: fired, or skipped with the first predicate
//! that failed.
//!
//! Pure: no I/O, no clock, no Kubernetes client. A broken rule disables itself, never its neighbours.
//!
//! A kind of trigger (`when[].type`) is a folder here and a line in [`KINDS`].
#![forbid(unsafe_code)]

mod compile;
mod decide;
mod decision;
mod git;
mod image;
mod interner;
mod inventory;
mod kind;
mod pipeline;
mod rule_error;
mod rule_set;

pub use decide::decide;
pub use decision::{Check, Decision, Outcome, Predicate, Reason};
pub use image::{ImageRules, SHORTEST_INTERVAL};
pub use inventory::{Applied, Inventory};
pub use kind::{KINDS, TriggerKind, TrustBasis};
pub use rule_error::{RuleError, RuleErrorKind};
pub use rule_set::{RuleSet, TargetRules, WebhookCandidates};
