//! Answers the questions of interceptor chains that other servers know the answer to, and sends CloudEvents about events.
//!
//! - [`Calls`]: answers a [`trigger_rules::interceptors::Question`], for a namespace. Made from [`CallsSettings`].
//! - `interceptor`, `hop`: requests to interceptors, and the redirects of these.
//! - `cloud_event`: sends CloudEvents to the receivers that listeners name.
//! - `cluster_names`: which private addresses an interceptor or a receiver may have.
//! - `trusting`: clients for interceptors with certificate authorities of their own.
//! - `forge`, `forge_access`: lists and files of the APIs of Git providers. Their paths and fields are in
//!   `trigger-providers`.
//! - `tries`: the pauses between tries.
//!
//! # Invariants
//!
//! - Every question has an answer within a bounded time, and none takes more memory than its bounds say.
//! - The author of an address reaches Services of the own namespace, the internet and the hosts that the operator allows;
//!   the author of a ClusterInterceptor reaches private networks too. This holds for each redirect. Loopback, link-local
//!   addresses and metadata services are reached only if the operator allows them.
//! - An access token is sent to the host that it is for, and to no target of a redirect or a page elsewhere. No answer
//!   repeats it.
//! - A namespace whose calls hang keeps no other one waiting.
//!
//! A namespace can make a Service of its own lead to any address of a private network, as to one of its Pods. A cluster
//! that has to prevent this bounds the Pod of this program with a NetworkPolicy.
#![forbid(unsafe_code)]

mod calls;
mod cloud_event;
mod cluster_names;
mod forge;
mod forge_access;
mod hop;
mod interceptor;
mod limits;
mod settings;
mod tries;
mod trusting;

pub use calls::Calls;
pub use limits::LIMITS;
pub use settings::CallsSettings;
