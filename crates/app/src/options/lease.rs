//! Which replica leads.

use clap::Args;
use trigger_cluster::LeasePlace;

/// Which replica leads, where there can be several. They have to agree on these.
#[derive(Debug, Clone, Args)]
pub struct LeaseOptions {
    /// The Lease by which replicas over one PostgreSQL agree on who leads. With a journal in a SQLite file there
    /// is one process, which always does, and no Lease.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_LEASE_NAME", default_value = NAME, value_name = "NAME", value_parser = object_name)]
    pub lease_name: String,
    /// The namespace of the Lease. Default: that of the connection, which in a cluster is that of the pod.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_LEASE_NAMESPACE", value_name = "NAME", value_parser = object_name)]
    pub lease_namespace: Option<String>,
}

const NAME: &str = "shipwright-trigger";
/// The limit of Kubernetes for names of objects.
const LONGEST: usize = 253;

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

/// A name of RFC 1123, as the API server takes it: otherwise nobody would ever lead.
fn object_name(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(inner) && label.ends_with(inner) && label.chars().all(|c| inner(c) || c == '-')
    };
    if text.len() <= LONGEST && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits and -, beginning and ending with a letter or digit".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kubernetes() {
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
