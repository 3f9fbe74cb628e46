//! Following images: observations become deliveries.
//!
//! Three sources say which digest a tag has. Registries are asked by `poller`, when `schedule` or a push hint says
//! so. Image objects and BuildRuns are watched by `cluster` and reported through [`Images::observe`]. The tracker
//! compares each observation with the ledger of its namespace and makes a delivery of a change. `status` is for
//! people, `warnings` for Events on Builds. [`IMAGES`], [`read`] and [`image_changes`] are how such a delivery is
//! read again. [`ImageNotifier`] takes push hints.
//!
//! # Invariants
//!
//! - A ledger is one journal entry, replaced whole by `compare_and_swap`. A change stays in it from its observation
//!   until its delivery is stored, so any replica can repeat an interrupted step. The delivery's id follows from
//!   the change.
//! - A change belongs to a namespace: a namespace learns only what it can read itself.
//! - A source that repeats its last statement is no observation. An Image object that is not imported again still
//!   names its old digest, and a registry's response can be older than the push that it crossed.
//! - A BuildRun's push counts even for an unknown image: it has just happened. Any other first observation is a
//!   starting point.
//! - A registry that notifies is asked twice if the first response is no change: CNCF Distribution notifies before
//!   it moves the tag.
//! - Namespaces are polled for, retried and bounded separately (`limits`). One whose images hang, change all the time
//!   or are too many delays none of the others.
//! - A hint is followed by the replica that receives it, leader or not.
#![forbid(unsafe_code)]

mod change_groups;
mod delivery;
mod followed;
mod hint;
mod image_key;
mod images;
mod ledger;
mod limits;
mod metrics;
mod poller;
mod resolver;
mod schedule;
mod status;
mod tracker;
mod warnings;

pub use delivery::{IMAGES, image_changes, read};
pub use hint::ImageNotifier;
pub use images::{ImageParts, ImageSettings, Images};
pub use ledger::{Observation, ObservationOutcome, Pushed};
pub use limits::LIMITS;
pub use metrics::Metrics;
pub use status::{ImageError, ImageStatus};
pub use warnings::ImageWarnings;
