//! The dev cluster over HTTP: with kube-rs, with kubectl and with raw requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::similar_names,
    reason = "a test fails by panicking, and writes the reason to standard error"
)]

mod apply;
mod clients;
mod faults;
mod impersonation;
mod kubectl;
mod lifecycle;
mod lists;
mod objects;
mod persistence;
mod remote;
mod reviews;
mod roles;
mod scene;
mod schemas;
mod watches;
