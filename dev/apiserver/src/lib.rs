//! A real Kubernetes API server of one's own, for tests and measurements: `kube-apiserver` and `etcd` on loopback, and
//! nothing behind them.
//!
//! [`Server::start`] makes one in a temporary directory, of the two programs in a folder. It authorizes by RBAC,
//! writes an audit log, and has the admission plugin on that OpenShift has, by which only who may set finalizers on an
//! object may make it block the deletion of its owner. [`Server::start_for`] makes one for measurements, which has
//! neither of the last two and waits for the disk. Both go away with their [`Server`], and also if the process is killed.
//!
//! # What is not there
//!
//! No controllers: no garbage is collected, a namespace that is deleted stays, and ServiceAccounts get no Secrets
//! (their tokens are to be asked for). No nodes, no scheduler.
#![forbid(unsafe_code)]

mod child;
mod files;
mod server;

pub use server::{Purpose, Server, StartError};
