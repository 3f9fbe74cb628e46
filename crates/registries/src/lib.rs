//! Image registries.
//!
//! - [`Registries`]: resolves tags to digests, over a client of `trigger-egress`.
//! - [`RegistryCredential`], [`credential_for`]: credentials for pulling, out of Docker configurations.
//! - [`notifications`]: the formats in which registries notify us of pushes.
//!
//! The crate does not use `oci-client`: it neither exposes `Retry-After` nor accepts a resolver nor limits the
//! size of a response.
#![forbid(unsafe_code)]

mod client;
mod credentials;
pub mod notifications;

pub use client::{Registries, ResolveError, ResolveErrorKind};
pub use credentials::{RegistryCredential, RegistryCredentialError, credential_for};
