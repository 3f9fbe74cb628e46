#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decoding;
mod legacy;
mod references;
mod validation;
