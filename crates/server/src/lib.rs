//! HTTP: the hook port, the admin port, the port for interceptors, and the types of the admin API.
//!
//! - [`Ingest`]: one pipeline for every request on the port that faces the internet. `ingest/routes` supplies the
//!   differences; the table of routes is replaced as a whole while the program runs.
//! - [`Admin`]: health, readiness, metrics and the admin API on another port. `admin/routes` is the table from
//!   which the router and the OpenAPI document are made; `visibility` is what a caller may see, `redact` leaves out
//!   the rest.
//! - [`wire`]: the types of that API, which the command line uses too.
//! - [`listen`], [`serve`]: the accept loop of each port, with limits on connections, headers and responses.
//!
//! # Invariants
//!
//! - No Kubernetes type: inventory, Secrets and journal arrive as traits and plain values.
//! - Responses on the hook port are constant, but for the paths that the answer to an unknown one lists. They reveal no
//!   names, namespaces or counts of the cluster. Those of listeners are Tekton's: they show names that the sender knows,
//!   and the UID of the listener.
//! - Metric labels come from closed sets.
//! - Every record that the admin API returns passes `redact`. A record without a visible part is answered like an
//!   unknown one.
//! - A failing verification slows its repository down and never closes it: otherwise a stranger could silence it.
//! - While a replica drains, every response closes its connection. A client that reuses a connection at the moment
//!   it closes would lose its request.
//! - After a delivery could not be stored, the replica is unready for ten seconds: a nearly full volume accepts the
//!   small write of the probe. After that only the probe counts, since an unready replica gets no traffic that
//!   shows recovery.
#![forbid(unsafe_code)]

mod admin;
mod ingest;
mod limits;
mod listener;
mod log_filter;
mod recent_failure;
pub mod wire;

pub use admin::{Admin, AdminParts, Authenticator, Readiness};
pub use ingest::{Ingest, IngestParts, IngestSettings, Metrics, RegistryHook, RejectionWriter, RouteTable};
pub use limits::LIMITS;
pub use listener::{Limits, Peer, listen, serve};
pub use log_filter::LogFilter;
pub use recent_failure::RecentFailure;
