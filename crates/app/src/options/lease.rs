use clap::Args;
use trigger_cluster::LeasePlace;

/// Leader election among several replicas. All replicas must use the same values.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Leader election")]
pub struct LeaseOptions {
    /// Name of the Lease for leader election between replicas with one PostgreSQL journal. Not used with SQLite,
    /// where the only replica always leads.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_LEASE_NAME", default_value = NAME, value_name = "NAME", value_parser = object_name)]
    pub lease_name: String,
    /// Namespace of the Lease. Default: the namespace of the pod, or of the kubeconfig context.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_LEASE_NAMESPACE", value_name = "NAME", value_parser = object_name)]
    pub lease_namespace: Option<String>,
}

const NAME: &str = "shipwright-trigger";
/// The limit of Kubernetes for object names.
const MAX_LENGTH: usize = 253;

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

/// Parses an RFC 1123 name. With a name that the API server rejects, no replica would ever lead.
fn object_name(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(inner) && label.ends_with(inner) && label.chars().all(|c| inner(c) || c == '-')
    };
    if text.len() <= MAX_LENGTH && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits and `-`, with a letter or digit at both ends".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_object_names_are_accepted() {
        for (text, good) in [
            (NAME, true),
            ("a.b-c.7", true),
            ("", false),
            ("A", false),
            ("-a", false),
            ("a-", false),
            ("a..b", false),
            ("a/b", false),
            (&"a".repeat(254), false),
        ] {
            assert_eq!(object_name(text).is_ok(), good, "{text}");
        }
    }
}
