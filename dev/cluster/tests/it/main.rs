//! The dev cluster as its clients see it: over HTTP, with kube-rs and with kubectl.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::similar_names,
    reason = "a test fails by panicking, and says why on standard error"
)]

mod apply;
mod clients;
mod faults;
mod kubectl;
mod lifecycle;
mod lists;
mod objects;
mod remote;
mod reviews;
mod scene;
mod schemas;
mod survival;
mod watches;
