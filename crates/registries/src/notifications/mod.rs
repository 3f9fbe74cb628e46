//! Push notifications of registries.
//!
//! A notification is a hint to look at the registry, never a source of digests: most registries cannot sign,
//! and those that can repeat and reorder. So a format only has to find out which tags it may be about.
//!
//! Start at [`NotificationFormat`]. A file per format in `formats/` implements it, and [`FORMATS`] lists them.
//! [`credentials`] reads the part of a request that is compared with the keys of a [`KeyFile`]. Google presents ID
//! tokens instead, which [`IdTokens`] checks.
//!
//! # Adding a format
//!
//! 1. Make a file in `formats/`, called as the format is in paths, with a type that implements
//!    [`NotificationFormat`].
//! 2. Add one line to [`FORMATS`]. A test compares it with the files.

pub(crate) mod credential;
mod error;
mod format;
mod formats;
mod hint;
pub(crate) mod id_token;
mod json;
pub(crate) mod key_file;
mod registry;
#[cfg(test)]
mod tests;

pub use credential::credentials;
pub use error::NotificationError;
pub use format::{CredentialLocation, NotificationFormat};
pub use id_token::{
    FetchedKeys, GOOGLE_KEYS, IdTokenError, IdTokenPolicy, IdTokens, KeySource, KeySourceError, KeysByHttp,
    bearer,
};
pub use key_file::{KeyFile, KeyFileError, Keys};
pub use registry::{FORMATS, by_name};

/// The most tags in one notification. Registries send one push at a time, some a few together.
pub const MOST_HINTS: usize = 1000;
