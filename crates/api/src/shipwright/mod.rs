//! API group `shipwright.io`. Version `v1beta1` unless a name says otherwise.
//!
//! Only `v1beta1` is asked of a cluster: it is the storage version, and upstream's conversion to
//! `v1alpha1` fails for Builds with Image or Pipeline rules.

mod build;
mod build_run;
pub mod image;
mod trigger;
pub mod v1alpha1;

pub use build::{Build, BuildSpec, Git, Source};
pub use build_run::{BuildReference, BuildRun, BuildRunSpec, Push};
pub use trigger::{GitHub, Image, ObjectRef, Trigger, When};

/// The API group.
pub const GROUP: &str = "shipwright.io";
/// The version we ask a cluster for.
pub const VERSION: &str = "v1beta1";
/// Group and version, as they stand in manifests.
pub const API_VERSION: &str = "shipwright.io/v1beta1";
