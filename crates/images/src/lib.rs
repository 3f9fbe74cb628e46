//! Follows the images that Builds watch and turns changes of their digests into deliveries.
//!
//! Three sources observe which digest a tag resolves to: registries, which `poller` asks when `schedule` says
//! that an image is due; Image objects; and BuildRuns. `trigger-cluster` watches the last two and reports them
//! with [`Images::observe`].
//!
//! - `tracker`: takes all observations, keeps a `ledger` per namespace in the journal, and appends a delivery for
//!   each bundle of changes.
//! - `poller`, `schedule`, `resolver`: when to ask which registry, and with which credentials.
//! - `status`, `warnings`: the state of every image for the admin API, and Events on the Builds that watch it.
//! - [`ImageNotifier`]: the door for push notifications of registries.
//! - [`IMAGES`], [`read`], [`image_changes`]: the body of such a delivery, and how to read it.
//!
//! Invariants:
//! - A change becomes exactly one delivery, however many replicas observe it and wherever one is killed: ledgers
//!   are replaced by compare-and-swap, and the id of the delivery follows from the change.
//! - The first observation of an image is a baseline, not a change, unless it is known to be a push.
//! - A push hint is never trusted: it only makes us ask the registry sooner.
//! - One slow or hostile registry delays no other.
#![forbid(unsafe_code)]

mod delivery;
mod hint;
mod images;
mod ledger;
mod metrics;
mod poller;
mod resolver;
mod schedule;
mod status;
mod tracker;
mod warnings;
mod watchers;

pub use delivery::{IMAGES, image_changes, read};
pub use hint::ImageNotifier;
pub use images::{ImageParts, ImageSettings, Images};
pub use ledger::{Observation, ObservationOutcome};
pub use metrics::Metrics;
pub use status::{ImageError, ImageStatus};
pub use warnings::ImageWarnings;
