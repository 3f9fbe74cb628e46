//! The loop between journal, rules and cluster: claim a delivery, decide every candidate rule, launch
//! what fires, settle.
//!
//! [`Dispatcher`] is the loop. [`Launcher`] and [`Secrets`] are what it and the server need of a cluster;
//! this crate knows neither Kubernetes clients nor HTTP servers. Retries and back-off live here only.
#![forbid(unsafe_code)]

mod access;
mod attempt;
mod backoff;
mod causes;
mod cues;
mod dispatcher;
mod foregone;
mod images;
mod launcher;
mod leadership;
mod levels;
mod meaning;
mod metrics;
mod observed;
mod pipeline_runs;
mod preview;
mod record;
mod retention;
mod runs;
mod secrets;
mod throttle;
mod vital;

pub use access::{Access, AccessFault, Action, User};
pub use backoff::Backoff;
pub use causes::with_causes;
pub use cues::ImageWatch;
pub use dispatcher::{Dispatcher, Settings};
pub use foregone::{Foregone, Tally};
pub use images::{
    Complaints, IMAGES, ImageFault, ImageParts, ImageSettings, ImageStanding, Images, News, Sighting,
    image_changes,
};
pub use launcher::{LaunchFault, Launched, Launcher, Retry};
pub use leadership::{Lead, Leadership};
pub use levels::Levels;
pub use metrics::Metrics;
pub use observed::append as append_observed;
pub use pipeline_runs::{Note, PipelineRunChange, TEKTON};
pub use preview::preview;
pub use retention::keep_within;
pub use runs::{RunState, Runs};
pub use secrets::{SecretData, SecretFault, Secrets};
pub use vital::{VitalTasks, begun_anew};
