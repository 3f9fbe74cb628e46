use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use crate::error::cleaned;
use crate::host_port::HostPort;

/// The settings of an [`Egress`](crate::Egress).
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Certificate authorities in addition to those of the system, as PEM. Each entry may contain several.
    pub authorities: Vec<Vec<u8>>,
    /// The hosts that may be accessed over plain HTTP. All others are accessed over HTTPS only.
    pub plain_http: Vec<HostPort>,
    /// The hosts and networks that may have private addresses.
    pub private: Vec<PrivateAllowed>,
    /// The longest time for one request with its response body.
    pub timeout: Duration,
}

/// The settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EgressSettingsError {
    /// An entry of `authorities` contains no certificate, or an invalid one.
    #[error("cannot use the certificate authorities: {0}")]
    Authorities(String),
    /// TLS or the client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
}

impl Default for EgressSettings {
    /// Public addresses over HTTPS, with the system's authorities, within 15 seconds.
    fn default() -> Self {
        let (authorities, plain_http, private) = (Vec::new(), Vec::new(), Vec::new());
        Self { authorities, plain_http, private, timeout: Duration::from_secs(15) }
    }
}

/// A host or network that may have private addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateAllowed {
    /// One host. It is accessed without a proxy.
    Host(HostPort),
    /// All hosts with an address in this network.
    Network(IpNet),
}

/// The text is neither a host nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host such as `registry.local:5000` nor a network such as `10.0.0.0/8`")]
pub struct PrivateAllowedError(String);

impl FromStr for PrivateAllowed {
    type Err = PrivateAllowedError;

    /// Parses a network, an address (the network of this address alone) or a host.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        text.parse().map(Self::Host).map_err(|_| PrivateAllowedError(cleaned(text)))
    }
}

impl fmt::Display for PrivateAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_is_allowed_by_host_or_by_network() {
        let host = |text: &str| PrivateAllowed::Host(text.parse().unwrap());
        let network = |text: &str| PrivateAllowed::Network(text.parse().unwrap());
        for (text, expected) in [
            ("registry.local:5000", host("registry.local:5000")),
            (" Registry.Local ", host("registry.local")),
            ("127.0.0.1:5000", host("127.0.0.1:5000")),
            ("[::1]:5000", host("[::1]:5000")),
            ("10.0.0.0/8", network("10.0.0.0/8")),
            ("fd00::/8", network("fd00::/8")),
            ("10.1.2.3", network("10.1.2.3/32")),
            ("::1", network("::1/128")),
        ] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}, displayed");
        }
        for bad in ["", "a b", "10.0.0.0/33", "http://host", "host/path", "host:x", "host:70000"] {
            assert!(bad.parse::<PrivateAllowed>().is_err(), "{bad}");
        }
    }
}
