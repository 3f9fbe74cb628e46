/// Freedoms of one request beyond those of the settings. The caller has checked that the author of the URL has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permission {
    /// The request may use plain HTTP.
    pub plain_http: bool,
    /// The addresses that it may reach.
    pub reach: Reach,
}

/// The addresses that a request may reach, beside those of the hosts and networks in the settings.
///
/// No variant includes loopback, link-local addresses and metadata services of clouds: only the settings allow these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Those of the internet.
    #[default]
    Public,
    /// And those of private networks. A proxy of the environment is used, and resolves the name itself.
    Internal,
    /// The same, of a host inside the cluster: without a proxy.
    Cluster,
}

impl Reach {
    /// Whether it includes private networks.
    pub(crate) fn is_internal(self) -> bool {
        self != Self::Public
    }
}
