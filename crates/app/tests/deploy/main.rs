//! The manifests in `deploy/`: every overlay can be rendered, is what an API server takes, is no more than the
//! `restricted` standard lets pods be, and fits the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

mod applying;
mod exposure;
mod kubectl;
mod pods;
mod program;
mod rights;
mod structure;
