//! An in-process Kubernetes API server for tests and for trying the product out.
//!
//! It serves HTTP on loopback, so unmodified clients work: kubectl, kube-rs with its watchers, controllers and event
//! recorders. It implements the rules of the API that controllers depend on: one rising resource version, watches
//! from any remembered version, optimistic concurrency, server-side apply with field ownership, the status
//! subresource, finalizers, owner references and structural schemas.
//!
//! # Contents
//!
//! - [`DevCluster`], [`DevClusterBuilder`]: starting and stopping a server, and its kubeconfig.
//! - [`StoreHandle`]: access to objects without an HTTP client, here or on any API server behind a [`Transport`].
//! - [`Faults`]: fault injection. [`Requests`]: counters and a log of requests.
//! - [`User`], [`AccessRule`]: authentication. `authorizer`: authorization by them and by Roles and bindings (`rbac`), in
//!   requests and access reviews. [`Impersonated`]: requests as another user.
//! - [`names`]: validation of labels and names.
//!
//! Modules, of which each imports only later ones:
//!
//! - `http`: requests and responses.
//! - `operations`: the rules of the API.
//! - `store`: objects and their history.
//! - `patch`: patches and field ownership.
//! - `resources`: kinds, their columns and validation. `schema`: structural schemas.
//! - `status`: errors.
//!
//! # Invariants
//!
//! - Product code reaches the server only through an ordinary client over HTTP.
//! - The crate knows no kind of Shipwright, Tekton or this product; CustomResourceDefinitions describe them.
//! - Messages and codes are those of the real server. The end-to-end scenarios also run on one, so a difference fails.
//! - **Frozen:** the crate grows only where an end-to-end scenario that runs on the real API server needs it.
//!
//! # Limits
//!
//! - **Authorization** is off unless [`DevClusterBuilder::authorize`] is set. A bearer token must belong to a user of
//!   the builder or come from a TokenRequest, else the response is 401; a request without a token is the
//!   administrator's. Rights come from the builder, and from Roles and bindings. The verbs `escalate` and `bind` are not
//!   needed to write those. There are no ClusterRoles from the start, aggregated ones stay empty, and tokens do not
//!   expire.
//! - **Admission** by webhooks or policies is missing; [`Fault::deny_admission`] simulates a refusal.
//! - **Conversion** of custom resources changes only `apiVersion` (strategy `None`).
//! - **CEL** rules in schemas, the `scale` subresource, API aggregation, YAML responses and OpenAPI v2 are missing.
//! - **Protobuf** bodies are read for the few kinds that kubectl sends; responses are JSON.
//! - **Strategic merge** knows only the lists of the built-in kinds here; see `patch/strategic.rs`.
//! - **Pods** do not exist, nor nodes, a scheduler or controllers. Garbage collection runs before the response to a
//!   deletion.
//! - **Duplicate keys** in JSON bodies are not detected; the last one wins.
//! - **TLS** is missing. The server listens on loopback unless the builder sets another address.

mod attributes;
mod audit;
mod authorizer;
mod cluster;
mod faults;
mod gvr;
mod handle;
mod http;
mod identity;
mod impersonation;
mod json_path;
pub mod names;
mod operations;
mod patch;
mod rbac;
mod resource_name;
mod resources;
mod reviews;
mod schema;
mod selector;
mod status;
mod store;
mod users;

pub use audit::{LoggedRequest, RequestKind, Requests};
pub use cluster::{DevCluster, DevClusterBuilder, DevClusterError};
pub use faults::{Fault, Faults};
pub use gvr::Gvr;
pub use handle::{StoreHandle, StoreWatch, Transport, WatchEvent, WatchEvents};
pub use impersonation::Impersonated;
pub use status::ApiError;
pub use store::PersistError;
pub use users::{AccessRule, User};
