//! ID tokens of OpenID Connect, with which Google's Pub/Sub proves itself.
//!
//! `token` decides on one, `keys` keeps the keys it is checked with, `source` fetches them.

pub(crate) mod keys;
pub(crate) mod source;
#[cfg(test)]
mod tests;
pub(crate) mod token;

pub use source::{FetchedKeys, GOOGLE_KEYS, KeySource, KeySourceError, KeysByHttp};
pub use token::{IdTokenError, IdTokenPolicy, IdTokens, bearer};
