//! HTTP.
//!
//! [`Hooks`] takes deliveries in on the port that faces the internet; [`Admin`] serves health, readiness,
//! metrics and the admin API, whose words are in [`wire`], on another. [`serve`] is the accept loop under both.
//!
//! This crate knows no Kubernetes type: the inventory, the Secrets and the journal reach it as traits and
//! plain values. What it answers to senders tells nothing about the cluster.
#![forbid(unsafe_code)]

mod admin;
mod hooks;
mod listener;
mod log_filter;
mod metrics;
mod recent_failure;
pub mod wire;

pub use admin::{Admin, AdminParts, Authenticator, Readiness};
pub use hooks::{HookSettings, Hooks, RegistryHook, RegistryHooks, RejectionWriter, Route};
pub use listener::{Limits, Peer, serve};
pub use log_filter::LogFilter;
pub use metrics::Metrics;
pub use recent_failure::RecentFailure;
