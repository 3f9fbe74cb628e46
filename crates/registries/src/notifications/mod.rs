//! What registries' notifications say.
//!
//! A notification is a hint to look at the registry, never a source of digests: most registries cannot sign,
//! and those that can repeat and reorder. So a format only has to find out which tags it may be about.
//!
//! Start at [`NotificationFormat`]. A file per format in `formats/` implements it, and [`FORMATS`] lists them.
//! [`claims`] takes out of a request what is to be compared with the keys of a [`KeyFile`]; Google signs with
//! tokens of its own instead, which [`IdTokens`] checks.
//!
//! # Adding a format
//!
//! 1. Make a file in `formats/`, called as the format is in paths, with a type that implements
//!    [`NotificationFormat`].
//! 2. Add one line to [`FORMATS`]. A test compares it with the files.

mod credential;
mod error;
mod format;
mod formats;
mod hint;
mod id_token;
mod json;
mod key_file;
mod registry;
#[cfg(test)]
mod tests;

pub use credential::{CredentialError, claims};
pub use error::NotificationError;
pub use format::{CredentialLocation, NotificationFormat};
pub use id_token::{
    FetchedKeys, GOOGLE_KEYS, IdTokenError, IdTokenPolicy, IdTokens, KeySource, KeySourceError, KeysByHttp,
    bearer,
};
pub use key_file::{KeyFile, KeyFileError, Keys};
pub use registry::{FORMATS, by_name};

/// How many tags a notification may be about. Registries tell of one push at a time, some of a few together.
pub const MOST_HINTS: usize = 1000;
