//! Real servers for tests and measurements, started on loopback and removed afterwards.
//!
//! - [`api_server`]: `kube-apiserver` and `etcd`.
//! - [`postgres`]: PostgreSQL, as installed on this machine.
//! - [`memory_cgroup`]: processes with as much memory as a pod has.
//!
//! # Invariants
//!
//! - A server ends with its handle. A watchdog process ends it if our process is killed, and removes its directory.
//! - A server listens on 127.0.0.1 only, on a port that the system gives to no client.
//! - Each handle has its own data; tests that share a server use separate databases or namespaces.

mod port;
mod watchdog;

pub mod api_server;
pub mod memory_cgroup;
pub mod postgres;
