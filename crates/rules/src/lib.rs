//! What to do about an event: the rules of all owners, and the decision on each.
//!
//! - [`Inventory`]: mutable, fed by watches. [`RuleSet`]: an immutable snapshot of it.
//! - [`decide`]: one [`Decision`] for every rule that could have fired, or the [`trigger_core::Need`]s to ask first.
//! - `owners/`: the kinds of objects that carry rules, a folder each and a line in the table `OWNERS`.
//! - `triggers/`: the kinds of rules, a folder each and a line in the table `KINDS`. Each has its own reasons, its own part of
//!   the index, and its own door: [`image`].
//!
//! Invariants. Pure: no I/O, no clock, no Kubernetes client. A rule fires only for what its own key verified, or for what
//! was seen in its own namespace. A broken rule disables itself and says so, never its neighbours. `decide` looks up and
//! does not scan: its cost does not grow with the number of owners.
#![forbid(unsafe_code)]

mod auth;
mod candidates;
mod decide;
mod decision;
mod interner;
mod inventory;
mod owners;
mod reason;
mod rule_error;
mod rule_set;
mod triggers;

pub use auth::{Auth, KeyBinding, SecretOrigin};
pub use candidates::WebhookCandidates;
pub use decide::{Decided, decide};
pub use decision::{Check, Decision, Outcome};
pub use inventory::{Applied, Inventory};
pub use owners::Source;
pub use reason::{Predicate, Reason};
pub use rule_error::{OwnerError, RuleError};
pub use rule_set::{DecisionInput, OwnerRules, RuleSet};
pub use triggers::{image, kind_names};
