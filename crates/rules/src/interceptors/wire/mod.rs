//! Requests to interceptors outside this process, and their answers.
//!
//! - `envelope`: the JSON of an interceptor request.
//! - `verdict`: the JSON of an interceptor's answer.
//! - `address`, `exchange`: the HTTP around both, and around a legacy webhook.

mod address;
mod envelope;
mod exchange;
mod go_json;
mod verdict;

pub use address::{Address, AddressError};
pub(super) use envelope::Envelope;
pub use exchange::{Redirects, WireRequest, WireResponse};
pub(super) use go_json::go_json;
pub(super) use verdict::Verdict;
