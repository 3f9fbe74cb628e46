//! The expressions of Tekton Triggers.
//!
//! - [`EventInput`], [`Headers`]: the event as expressions see it.
//! - [`cel`]: filters and overlays of the interceptor `cel`.
//! - [`jsonpath`]: the paths in the values of bindings.
//! - [`params`]: bindings resolved against an event.
//! - [`template`]: resource templates rendered with parameters.
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock, no randomness. Equal input gives equal output.
//! - The only crate that names `cel`.
//! - No input panics, and every evaluation ends within a bound that [`LIMITS`] names.
#![forbid(unsafe_code)]

pub mod cel;
mod event_input;
mod go_json;
mod headers;
pub mod jsonpath;
mod limits;
pub mod params;
pub mod template;

pub use event_input::EventInput;
pub use headers::Headers;
pub use limits::LIMITS;
