//! Image registries: asking them what a tag stands for, and what they tell of pushes ([`notifications`]).
//!
//! [`Registries`] asks a registry what a tag stands for now. `oci-client` was looked at and is not used: it
//! tells neither `Retry-After` nor lets its resolver be replaced nor limits the size of an answer.
#![forbid(unsafe_code)]

mod client;
mod credentials;
pub mod notifications;

pub use client::{
    NotAllowable, PrivateAllowed, Registries, RegistriesError, RegistrySettings, ResolveError,
    ResolveErrorKind,
};
pub use credentials::{RegistryCredential, RegistryCredentialError, credential_for};
