//! An image registry of one's own, for trying things out and for tests.
//!
//! [`DevRegistry`] is real HTTP on loopback in this process, keeps everything in memory, and misbehaves on
//! request. It understands what clients of the OCI distribution specification need to push and pull; it does
//! not delete, mount, list what refers to a manifest, or check that the blobs of a manifest are there.
//! [`Distribution`] is the reference registry, where it is installed.
#![forbid(unsafe_code)]

mod auth;
mod distribution;
mod exchange;
mod faults;
mod handler;
mod notifications;
mod push;
mod registry;
mod requests;
mod responses;
mod server;
mod store;

pub use distribution::{Distribution, DistributionOptions, RunningDistribution};
pub use exchange::ExchangeError;
pub use faults::{ANYWHERE, Fault, Faults, TOKENS};
pub use push::{PushError, push_image};
pub use registry::{DevRegistry, DevRegistryBuilder, StartError};
pub use requests::Seen;
