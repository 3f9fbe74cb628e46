//! The checks of hosts and addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::{is_allowed, is_public};
use crate::error::{EgressError, EgressErrorKind, causes, cleaned};
use crate::host_port::HostPort;
use crate::settings::PrivateAllowed;

/// The hosts that requests may be sent to, and by which scheme.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    private_hosts: Vec<HostPort>,
    private_networks: Arc<[IpNet]>,
    plain_http: Vec<HostPort>,
}

/// A URL that no request may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forbidden {
    /// The address is not public.
    #[error("`{host}` has the private address {address}; allow the host or the network if that is meant")]
    Private {
        /// The host of the URL.
        host: String,
        /// The first of its addresses.
        address: IpAddr,
    },
    /// The scheme is not HTTPS.
    #[error("`{host}` is accessed over HTTPS only; list it among the hosts for plain HTTP if that is meant")]
    Scheme {
        /// The host of the URL.
        host: String,
    },
}

impl Forbidden {
    /// The answer of [`GuardedResolver`] behind the error of a request, if that is the cause.
    pub(crate) fn behind(error: &reqwest::Error) -> Option<&Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }
}

impl From<&Forbidden> for EgressError {
    fn from(error: &Forbidden) -> Self {
        Self::new(EgressErrorKind::Refused, cleaned(&error.to_string()))
    }
}

impl Guard {
    pub(crate) fn new(private: Vec<PrivateAllowed>, plain_http: Vec<HostPort>) -> Self {
        let mut private_hosts = Vec::new();
        let mut private_networks = Vec::new();
        for allowed in private {
            match allowed {
                PrivateAllowed::Host(host) => private_hosts.push(host),
                PrivateAllowed::Network(network) => private_networks.push(network),
            }
        }
        Self { private_hosts, private_networks: private_networks.into(), plain_http }
    }

    /// Whether the host of `url` may have any address.
    pub(crate) fn allows_by_name(&self, url: &Url) -> bool {
        self.private_hosts.iter().any(|host| host.matches(url))
    }

    pub(crate) fn allows_plain_http(&self, url: &Url) -> bool {
        self.plain_http.iter().any(|host| host.matches(url))
    }

    /// Checks the scheme, and an address in place of a name: the HTTP client resolves names only, so it never
    /// passes such an address to [`GuardedResolver`].
    pub(crate) fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        let good_scheme = match url.scheme() {
            "https" => true,
            "http" => self.allows_plain_http(url),
            _ => false,
        };
        if !good_scheme {
            return Err(Forbidden::Scheme { host: host() });
        }
        match literal_address(url) {
            Some(address) if !self.allows_by_name(url) && !is_allowed(&self.private_networks, address) => {
                Err(Forbidden::Private { host: host(), address })
            }
            _ => Ok(()),
        }
    }

    /// The resolver for hosts that are not allowed by name.
    pub(crate) fn resolver(&self) -> GuardedResolver {
        GuardedResolver(Arc::clone(&self.private_networks))
    }
}

/// Whether `url` has a private address in place of a name.
pub(crate) fn is_private_literal(url: &Url) -> bool {
    literal_address(url).is_some_and(|address| !is_public(address))
}

/// The address in place of a name. The URL parser has unified its spellings (`0x7f.1` is 127.0.0.1).
fn literal_address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names to allowed addresses. The HTTP client connects to these and does not resolve again, so a name
/// that changes its address in between gains nothing.
pub(crate) struct GuardedResolver(Arc<[IpNet]>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = allowed_of(&networks, name.as_str(), found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The allowed addresses of a host; an error if it has others only.
fn allowed_of(
    networks: &[IpNet],
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Forbidden> {
    let (allowed, others): (Vec<_>, Vec<_>) = found.partition(|found| is_allowed(networks, found.ip()));
    match (allowed.is_empty(), others.first()) {
        (true, Some(other)) => Err(Forbidden::Private { host: host.to_owned(), address: other.ip() }),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_addresses_only_the_allowed_ones_are_used() {
        let check = |found: &[&str]| {
            let found = found.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
            let good = allowed_of(&[], "host", found)?;
            Ok(good.into_iter().map(|good| good.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(check(&["10.0.0.1", "1.1.1.1", "::1"]), Ok(vec!["1.1.1.1".to_owned()]));
        assert_eq!(check(&[]), Ok(vec![]));
        let address = "10.0.0.1".parse().unwrap();
        assert_eq!(check(&["10.0.0.1", "::1"]), Err(Forbidden::Private { host: "host".to_owned(), address }));
    }

    #[test]
    fn a_url_is_checked_before_its_host_is_resolved() {
        let private = ["registry.local:5000", "127.0.0.1:5001", "192.168.0.0/16"].map(str::parse);
        let private = private.map(Result::unwrap);
        let plain_http = ["registry.local:5000", "10.9.9.9"].map(|host| host.parse().unwrap());
        let guard = Guard::new(private.to_vec(), plain_http.to_vec());
        for (url, good) in [
            ("https://registry.example/v2/", true),
            ("http://registry.example/v2/", false),
            ("http://registry.local:5000/v2/", true),
            ("http://registry.local/v2/", false),
            ("https://127.0.0.1:5001/v2/", true),
            ("https://127.0.0.1:5002/v2/", false),
            ("https://127.0.0.1/v2/", false),
            ("https://0x7f.1/v2/", false),
            ("https://2130706433/v2/", false),
            ("https://0177.0.0.1/v2/", false),
            ("https://[::1]/v2/", false),
            ("https://[::ffff:127.0.0.1]/v2/", false),
            ("https://169.254.169.254/latest/", false),
            ("https://192.168.3.4/v2/", true),
            ("http://10.9.9.9/v2/", false),
            ("https://1.1.1.1/v2/", true),
            ("ftp://registry.example/", false),
            ("ftp://registry.local:5000/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(guard.check(&Url::parse(url).unwrap()).is_ok(), good, "{url}");
        }
    }
}
