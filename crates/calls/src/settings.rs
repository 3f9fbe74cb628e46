use trigger_egress::{HostPort, PrivateAllowed};

/// The settings of [`Calls`](crate::Calls).
#[derive(Debug, Clone)]
pub struct CallsSettings {
    /// Certificate authorities in addition to those of the system, as PEM. They do not count for interceptors that name
    /// their own.
    pub authorities: Vec<Vec<u8>>,
    /// The hosts and networks that may have private addresses, for every author of an address.
    pub private: Vec<PrivateAllowed>,
    /// The hosts of Git providers that are asked over plain HTTP. For interceptors, their address decides.
    pub plain_http: Vec<HostPort>,
    /// The domain of the cluster's Services, such as `cluster.local`.
    pub cluster_domain: String,
}

impl Default for CallsSettings {
    /// The system's authorities, Git providers over HTTPS, and no private address beside those of Services. The domain is
    /// that of most clusters.
    fn default() -> Self {
        let (authorities, private, plain_http) = (Vec::new(), Vec::new(), Vec::new());
        Self { authorities, private, plain_http, cluster_domain: "cluster.local".to_owned() }
    }
}
