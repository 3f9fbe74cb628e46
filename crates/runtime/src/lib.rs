//! Supervision, backoff, limits, caches and the ports to a cluster, for all crates with I/O.
//!
//! - [`CriticalTasks`], [`restart_on_panic`]: tasks that end the process, or restart, when they panic.
//! - [`Leadership`]: whether this replica leads.
//! - [`Backoff`], [`LeakyBuckets`]: when to try again, and how often at most.
//! - [`KeyedSemaphore`], [`SharedTurns`]: turns of users or namespaces at something that all share.
//! - [`ExpiringMap`]: the one cache with a bound and a time to live.
//! - [`ClusterClock`]: the time by the API server's clock.
//! - [`instant_after`]: a time in the future, without overflow.
//! - [`error_chain`]: an error with its sources, for logs and messages.
//! - [`read_in_turns`]: reads of several Secrets, of each namespace a few at a time.
//! - The ports [`Secrets`], [`Access`], [`ListenerRights`] and [`Runs`]: everything that the server and the dispatcher read from
//!   a cluster. `trigger-cluster` implements them; tests implement them in memory.
//!
//! Invariant: this crate knows no Kubernetes client, no HTTP and no store. Of our crates it uses
//! `trigger-core` only, so every other crate with I/O may depend on it.
#![forbid(unsafe_code)]

mod access;
mod backoff;
mod cluster_clock;
mod error_chain;
mod expiring_map;
mod instant_after;
mod keyed_semaphore;
mod leadership;
mod leaky_buckets;
mod runs;
mod secret_turns;
mod secrets;
mod shared_turns;
mod supervisor;

pub use access::{Access, AccessError, Action, ListenerRights, User};
pub use backoff::Backoff;
pub use cluster_clock::ClusterClock;
pub use error_chain::error_chain;
pub use expiring_map::ExpiringMap;
pub use instant_after::instant_after;
pub use keyed_semaphore::KeyedSemaphore;
pub use leadership::{Lead, Leadership};
pub use leaky_buckets::LeakyBuckets;
pub use runs::{RunRef, RunState, Runs};
pub use secret_turns::{SecretRead, VERIFIED_GRACE, read_in_turns};
pub use secrets::{SecretData, SecretError, Secrets};
pub use shared_turns::{SharedTurn, SharedTurns};
pub use supervisor::{CriticalTasks, restart_on_panic};
