//! HTTP.
//!
//! [`Hooks`] takes deliveries in on the port that faces the internet; [`Admin`] serves health, readiness and
//! metrics on another. [`serve`] is the accept loop under both.
//!
//! This crate knows no Kubernetes type: the inventory, the Secrets and the journal reach it as traits and
//! plain values. What it answers to senders tells nothing about the cluster.
#![forbid(unsafe_code)]

mod admin;
mod hooks;
mod listener;
mod metrics;
mod trouble;

pub use admin::{Admin, Readiness};
pub use hooks::{HookSettings, Hooks, RefusalWriter, Route};
pub use listener::{Limits, serve};
pub use metrics::Metrics;
pub use trouble::Trouble;
