//! Who told us: what each Git provider's webhooks look like.
//!
//! This crate knows how a provider names its events, where it puts the signature and which JSON field
//! means what; it turns that into the words of [`trigger_core`]. It knows nothing of rules, Builds or
//! Kubernetes, does no I/O and reads no clock. It sees requests of strangers first, so everything in it
//! is bounded and nothing in it may panic.
//!
//! Start at [`Provider`]. A folder per provider implements it, and [`ALL`] lists the folders. The fields
//! of a provider's JSON stay in its folder.
//!
//! # Adding a provider
//!
//! 1. Make a folder beside `github/`, called as the provider is in paths and Secret keys, with a type that
//!    implements [`Provider`].
//! 2. Add one line to [`ALL`]. A test compares it with the folders.
//! 3. If the provider proves itself by other means than HMAC-SHA-256 over the body, add a variant to
//!    [`trigger_core::Credential`], where all comparing of secrets is done.
#![forbid(unsafe_code)]

mod error;
mod github;
mod header;
mod provider;
mod registry;
mod sample;

pub use error::{CredentialError, PayloadError};
pub use github::GitHub;
pub use provider::{Provider, RequestPayload, Selector};
pub use registry::{ALL, by_name};
pub use sample::{Sample, SampleKind, SampleRequest};
