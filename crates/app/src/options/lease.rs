use clap::Args;
use trigger_cluster::LeasePlace;

use super::object_name::{namespace_name, object_name};

/// Leader election among several replicas. All replicas must use the same values.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Leader election")]
pub struct LeaseOptions {
    /// Name of the Lease for leader election between replicas with one PostgreSQL journal. Not used with SQLite,
    /// where the only replica always leads.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_LEASE_NAME", default_value = NAME, value_name = "NAME", value_parser = object_name)]
    pub lease_name: String,
    /// Namespace of the Lease. Default: the namespace of the pod, or of the kubeconfig context.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_LEASE_NAMESPACE", value_name = "NAME", value_parser = namespace_name)]
    pub lease_namespace: Option<String>,
}

const NAME: &str = "shipwright-trigger";

impl LeaseOptions {
    pub(crate) fn place(&self) -> LeasePlace {
        LeasePlace { name: self.lease_name.clone(), namespace: self.lease_namespace.clone() }
    }
}

impl Default for LeaseOptions {
    fn default() -> Self {
        Self { lease_name: NAME.to_owned(), lease_namespace: None }
    }
}
