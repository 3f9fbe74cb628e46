//! The expressions of Tekton Triggers.
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock, no randomness. Equal input gives equal output.
//! - The only crate that names `cel`.
//! - No input panics, and every evaluation ends within a bound that `limits` names.
#![forbid(unsafe_code)]

pub mod cel;
pub mod jsonpath;
pub mod params;
pub mod template;
