//! HTTP.
//!
//! [`Ingest`] accepts deliveries on the port that faces the internet. [`Admin`] serves health, readiness, metrics
//! and the admin API on another port; [`wire`] holds the types of that API. [`serve`] is the accept loop of both.
//!
//! This crate names no Kubernetes type: it reaches the inventory, Secrets and the journal through traits and plain
//! values. Responses on the hook port reveal nothing about the cluster.
#![forbid(unsafe_code)]

mod admin;
mod ingest;
mod listener;
mod log_filter;
mod recent_failure;
pub mod wire;

pub use admin::{Admin, AdminParts, Authenticator, Readiness};
pub use ingest::{Ingest, IngestParts, IngestSettings, Metrics, RegistryHook, RejectionWriter, RouteTable};
pub use listener::{Limits, Peer, serve};
pub use log_filter::LogFilter;
pub use recent_failure::RecentFailure;
