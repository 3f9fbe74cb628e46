//! Image registries for tests and for trying the product out.
//!
//! - [`DevRegistry`]: a registry in this process, in memory, with fault injection and a log of requests.
//! - [`Distribution`]: the reference registry as a child process, where it is installed.
//! - [`push_image`]: pushes a small image to either.
//!
//! # Invariants
//!
//! - Both listen on 127.0.0.1 only and end with their handle.
//! - [`DevRegistry`] implements pull, push, tags, tokens and notifications as the OCI distribution specification and the
//!   distribution project describe them. The tests of both registries expect the same responses.
//!
//! # Limits
//!
//! [`DevRegistry`] has no deletion, cross-repository mounts or referrers. It stores a manifest without checking that
//! its blobs exist.

mod auth;
mod distribution;
mod faults;
mod handler;
mod http_client;
mod notifications;
mod push;
mod registry;
mod requests;
mod responses;
mod server;
mod store;

pub use distribution::{Distribution, DistributionOptions, RunningDistribution};
pub use faults::{ANYWHERE, Fault, Faults, TOKENS};
pub use http_client::HttpError;
pub use push::{PushError, push_image};
pub use registry::{DevRegistry, DevRegistryBuilder, DevRegistryError};
pub use requests::RecordedRequest;
