//! Requests to interceptors outside this process, and their answers.
//!
//! - `envelope`: the JSON of an interceptor request.
//! - `verdict`: the JSON of an interceptor's answer.
//! - `address`, `exchange`: the HTTP around both, and around a legacy webhook.

mod address;
mod envelope;
mod exchange;
mod verdict;

pub use address::{Address, AddressError, Origin};
pub(super) use envelope::Envelope;
pub use exchange::{Redirects, WireRequest, WireResponse};
pub(super) use verdict::Verdict;
