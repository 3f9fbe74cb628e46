//! Image registries: resolving a tag to a digest, and reading notifications of pushes.
//!
//! - [`Registries`]: resolves tags to digests, over a client of `trigger-egress`.
//! - [`RegistryCredential`], [`credential_for`]: credentials for pulling, out of Docker configurations.
//! - [`notifications`]: the formats in which registries notify us of pushes.
//!
//! # Invariants
//!
//! - No schedule, and no retries but those of authentication. An error has a kind, whether a person must act, and
//!   how long to wait.
//! - Credentials are sent to the registry and to the token service that it names, never to the target of a
//!   redirect.
//! - A GET, which registries count as a pull, is sent only where HEAD gives no digest.
//! - Every request takes a turn at its host, which limits their rate and number. One resolution has a bounded number of
//!   requests. A pause that a registry asks for concerns one credential.
//! - Every response has a size limit, and no message contains a registry's text unchanged.
//! - A notification is a hint to resolve a tag, never a source of digests. A format's JSON field names stay in its
//!   file.
//! - No input panics (`fuzz/`), and a notification gives 1,000 tags at most.
//!
//! The crate does not use `oci-client`: it neither exposes `Retry-After` nor accepts a resolver nor limits the size
//! of a response. It does not use the reference of `oci-spec`: its regular expression takes megabytes, and accepts
//! letters in tags that registries reject.
#![forbid(unsafe_code)]

mod client;
mod credentials;
mod limits;
pub mod notifications;

pub use client::{Registries, ResolveError, ResolveErrorKind};
pub use credentials::{RegistryCredential, RegistryCredentialError, credential_for};
pub use limits::LIMITS;
