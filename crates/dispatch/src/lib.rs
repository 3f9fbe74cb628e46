//! The loop between journal, rules and cluster: claim a delivery, gather facts, decide every candidate rule, launch,
//! settle.
//!
//! - `dispatcher`: [`Dispatcher`], the loop: claims with a timeout, settles or releases with backoff.
//! - `under_way`: how many deliveries are worked on at the same time, in all and by tenant.
//! - `attempt`: one attempt at one delivery.
//! - `cloud_events`: [`CloudEvents`], which tell a receiver of the deliveries to a listener.
//! - `deleted`: leaves out targets that were deleted while their runs waited.
//! - `arrivals`: stores an arrival of a delivery, and what is new in one that is known.
//! - `owner_warnings`: [`OwnerWarnings`], warnings on the objects with rules.
//! - `waiting`: deliveries for a namespace whose Secrets could not be read when they arrived.
//! - `webhook_key`: whether the Secrets of rules hold keys, and warnings about those that do not.
//! - `sources`: how stored deliveries are parsed again, a file per source.
//! - `facts`: what rules cannot decide from the payload alone. A [`FactSource`] provides them.
//! - `inline`: the decision at intake for deliveries that start nothing; they are stored and settled in one commit.
//!   Most deliveries start nothing.
//! - `listeners`: deliveries to listeners of Tekton, from the look before they are kept to their objects.
//! - `why`: why a delivery started nothing, for its log line.
//! - `same_push`: one run for one push, however many hooks deliver it.
//! - `preview`: decisions without launches, for the admin API.
//! - `planned`: the decisions of an attempt with their objects, of rules or of a listener.
//! - `launcher`: [`Launcher`], what the loop needs of a cluster.
//! - `pruner`: retention.
//!
//! # Invariants
//!
//! - Retries and backoff of deliveries live here only.
//! - No Kubernetes client and no HTTP server. A cluster is reached through [`Launcher`] and the ports of
//!   `trigger-runtime`.
//! - Nothing is launched that the journal records as launched by an earlier attempt.
//! - Facts are stored with the delivery before anything is launched with them.
//! - An attempt that panics has failed. Released, it would panic again with every claim timeout.
#![forbid(unsafe_code)]

mod arrivals;
mod attempt;
mod cloud_events;
mod deleted;
mod dispatcher;
mod facts;
mod inline;
mod key_error;
mod launcher;
mod limits;
mod listeners;
mod metrics;
mod namespace_limiter;
mod owner_warnings;
#[cfg(test)]
mod plan_fixture;
mod planned;
mod preview;
mod pruner;
mod record;
mod render_turns;
mod same_push;
mod sources;
mod start_turns;
mod time_slice;
mod under_way;
mod waiting;
mod webhook_key;
mod why;

pub use arrivals::{DecideAgain, Stored, store_arrival};
pub use cloud_events::{Announcer, CloudEventSender, CloudEvents};
pub use dispatcher::{Dispatcher, DispatcherParts, ListenerParts, Settings};
pub use facts::{DecidedWith, FactSource, NoCredentials, decide_with};
pub use inline::{DecisionCounts, InlineDecision};
pub use key_error::KeyError;
pub use launcher::{LaunchError, Launched, Launcher, Retry};
pub use limits::LIMITS;
pub use listeners::{
    AcceptedRequest, AnswerSource, BodyMemory, LISTENER, LISTENERS_PATH, ListenerRequest, Screened, TriedKey,
    intercept, screen,
};
pub use metrics::Metrics;
pub use owner_warnings::OwnerWarnings;
pub use preview::preview;
pub use pruner::run_pruner;
pub use sources::{PipelineRunChange, webhook_payload};
pub use webhook_key::{Absent, KeyChecks, KeyStatus, KeyWarnings, key_status};
