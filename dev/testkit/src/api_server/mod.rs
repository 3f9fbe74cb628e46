//! A real Kubernetes API server: `kube-apiserver` with its own `etcd`.
//!
//! [`ApiServer::start`] starts one for tests. It authorizes by RBAC and writes an audit log. It also has OpenShift's
//! admission plugin: only a client that may set finalizers on an owner may block that owner's deletion.
//! [`ApiServer::start_for`] starts one for measurements: no audit log, no such plugin, and etcd syncs to disk.
//!
//! # Limits
//!
//! There are no controllers and no nodes. Nothing collects garbage, a deleted namespace stays, and ServiceAccounts
//! get no Secrets; request their tokens with [`ApiServer::kubeconfig_for_service_account`].

mod files;
mod process;
mod server;

pub use server::{ApiServer, ApiServerError, Purpose};
