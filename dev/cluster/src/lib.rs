//! An in-process Kubernetes API server for trying things out and for tests.
//!
//! It speaks real HTTP on loopback, so that unmodified clients (`kubectl`, kube-rs with its watchers, controllers
//! and event recorders) work on it, and it keeps the rules of the Kubernetes API that controllers depend on:
//! one rising resource version, watches from any remembered version, optimistic concurrency, server-side apply
//! with field ownership, the status subresource, finalizers and owner references, structural schemas.
//!
//! Start at [`DevCluster::builder`]. [`DevCluster::faults`] makes the API misbehave on purpose,
//! [`DevCluster::requests`] tells what clients asked for, [`DevCluster::store`] reaches the objects directly.
//!
//! # What it does not do
//!
//! - **Authorization**, unless asked for by [`DevClusterBuilder::authorize`]. A bearer token must be one of the
//!   builder's users, else 401; a request without one is served as the administrator. Roles and bindings are not
//!   looked at: what a user may do is told to the builder.
//! - **Admission**, by webhooks or policies; [`Fault::deny_admission`] stands in for a refusal.
//! - **Conversion** between versions of a custom resource beyond changing `apiVersion` (strategy `None`).
//! - **CEL** rules in schemas, the `scale` subresource, API aggregation, YAML answers, OpenAPI v2.
//! - **Protobuf** beyond reading the few kinds that kubectl insists on sending; answers are JSON.
//! - **Strategic merge** beyond the lists that the built-in kinds here have; see `patch/strategic.rs`.
//! - **Pods** and everything else that runs: there are no nodes, no scheduler, no controllers but garbage
//!   collection, which acts before a deletion is answered and not a moment later.
//! - **Duplicate keys** in JSON bodies are not noticed; the last one counts.
//! - **TLS.** It listens on loopback only, unless told otherwise.

mod audit;
mod cluster;
mod faults;
mod handle;
mod http;
mod identity;
mod json_path;
pub mod names;
mod operations;
mod patch;
mod resources;
mod reviews;
mod schema;
mod selector;
mod status;
mod store;

pub use audit::{LoggedRequest, RequestKind, Requests};
pub use cluster::{DevCluster, DevClusterBuilder, DevClusterError};
pub use faults::{Fault, Faults};
pub use handle::{Link, Objects, StoreHandle, StoreWatch, WatchEvent};
pub use resources::Gvr;
pub use reviews::{AccessRule, User};
pub use status::ApiError;
pub use store::PersistError;
