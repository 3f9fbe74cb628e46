//! The checks of hosts and addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tracing::debug;

use crate::address::{is_allowed, is_internal, is_public};
use crate::error::{EgressError, EgressErrorKind, causes, cleaned};
use crate::host_port::HostPort;
use crate::lookups::Lookups;
use crate::permission::Permission;
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
    /// The URL has a private address in place of a name.
    #[error("{}", no_address(host))]
    Literal {
        /// The host of the URL.
        host: String,
    },
    /// The name has no address, or none that may be contacted.
    ///
    /// One variant for both: authors of Builds could find out the names of internal services by the difference.
    #[error("{}", no_address(host))]
    Name {
        /// The host of the URL.
        host: String,
    },
    /// The scheme is not HTTPS.
    #[error("`{host}` is accessed over HTTPS only; list it among the hosts for plain HTTP if that is meant")]
    Scheme {
        /// The host of the URL.
        host: String,
    },
}

/// The one text for every address that may not be contacted.
fn no_address(host: &str) -> String {
    format!(
        "`{host}` has no address that may be contacted; check the name, or let the operator allow the host"
    )
}

impl Forbidden {
    /// The answer of [`GuardedResolver`] behind the error of a request, if that is the cause.
    pub(crate) fn behind(error: &reqwest::Error) -> Option<&Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }
}

impl From<&Forbidden> for EgressError {
    fn from(error: &Forbidden) -> Self {
        let kind = match error {
            Forbidden::Literal { .. } | Forbidden::Scheme { .. } => EgressErrorKind::Refused,
            // A name that has no address now may have one soon, and the kind must not tell the two apart.
            Forbidden::Name { .. } => EgressErrorKind::Unreachable,
        };
        Self::new(kind, cleaned(&error.to_string()))
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
    pub(crate) fn check(&self, url: &Url, permission: Permission) -> Result<(), Forbidden> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        let good_scheme = match url.scheme() {
            "https" => true,
            "http" => permission.plain_http || self.allows_plain_http(url),
            _ => false,
        };
        if !good_scheme {
            return Err(Forbidden::Scheme { host: host() });
        }
        let allowed = self.allowed_networks(permission.reach.is_internal());
        match literal_address(url) {
            Some(address) if !self.allows_by_name(url) && !allowed.contain(address) => {
                Err(Forbidden::Literal { host: host() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a request that failed may name the cause to authors of Builds: not if its host may have a private
    /// address because of its network. A closed port and a missing host would be told apart. A caller who permits internal
    /// addresses has checked that the author may call this host.
    pub(crate) fn names_causes(&self, url: &Url, permission: Permission) -> bool {
        self.private_networks.is_empty()
            || permission.reach.is_internal()
            || self.allows_by_name(url)
            || literal_address(url).is_some_and(is_public)
    }

    /// The resolver for hosts that are not allowed by name; with internal addresses for requests that may reach these.
    pub(crate) fn resolver(&self, internal: bool, lookups: &Arc<Lookups>) -> GuardedResolver {
        GuardedResolver { allowed: self.allowed_networks(internal), lookups: Arc::clone(lookups) }
    }

    fn allowed_networks(&self, internal: bool) -> AllowedNetworks {
        AllowedNetworks { networks: Arc::clone(&self.private_networks), internal }
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
pub(crate) struct GuardedResolver {
    allowed: AllowedNetworks,
    lookups: Arc<Lookups>,
}

/// The private addresses that may be contacted beside the public ones.
#[derive(Clone)]
struct AllowedNetworks {
    networks: Arc<[IpNet]>,
    /// Those of private networks too.
    internal: bool,
}

/// Resolves names to any addresses.
pub(crate) struct UnguardedResolver(pub(crate) Arc<Lookups>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, lookups) = (self.allowed.clone(), Arc::clone(&self.lookups));
        Box::pin(async move {
            let host = name.as_str();
            let found = lookups.addresses(host).await.map_err(|error| {
                debug!(host, error = %error, "a name cannot be resolved");
                Forbidden::Name { host: host.to_owned() }
            })?;
            let addresses = allowed.of(host, found.into_iter())?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Resolve for UnguardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookups = Arc::clone(&self.0);
        Box::pin(async move {
            let found = lookups.addresses(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl AllowedNetworks {
    fn contain(&self, address: IpAddr) -> bool {
        is_allowed(&self.networks, address) || (self.internal && is_internal(address))
    }

    /// The allowed addresses of a host; an error if there is none.
    fn of(&self, host: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Forbidden> {
        let (allowed, others): (Vec<_>, Vec<_>) = found.partition(|found| self.contain(found.ip()));
        if allowed.is_empty() {
            // The operator may know the addresses; the author of the Build, who reads the error, may not.
            debug!(host, addresses = ?others, "a name has no address that may be contacted");
            return Err(Forbidden::Name { host: host.to_owned() });
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::Reach;

    /// May reach what the settings allow.
    const USUAL: Permission = Permission { plain_http: false, reach: Reach::Public };

    #[test]
    fn of_several_addresses_only_the_allowed_ones_are_used() {
        let guard = Guard::new(Vec::new(), Vec::new());
        let check = |internal: bool, found: &[&str]| {
            let found = found.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
            let good = guard.allowed_networks(internal).of("host", found)?;
            Ok(good.into_iter().map(|good| good.ip().to_string()).collect::<Vec<_>>().join(" "))
        };
        let none = || Err(Forbidden::Name { host: "host".to_owned() });
        for (found, public, internal) in [
            (
                &["10.0.0.1", "1.1.1.1", "::1"][..],
                Ok("1.1.1.1".to_owned()),
                Ok("10.0.0.1 1.1.1.1".to_owned()),
            ),
            (&["10.0.0.1", "::1"], none(), Ok("10.0.0.1".to_owned())),
            (&["169.254.169.254", "127.0.0.1", "fd00:ec2::254"], none(), none()),
            (&[], none(), none()),
        ] {
            assert_eq!((check(false, found), check(true, found)), (public, internal), "{found:?}");
        }
    }

    #[test]
    fn a_rejected_address_is_not_told_from_a_missing_one() {
        let literal = EgressError::from(&Forbidden::Literal { host: "10.0.0.1".to_owned() });
        let named = EgressError::from(&Forbidden::Name { host: "db.internal".to_owned() });
        assert_eq!(literal.message().replace("10.0.0.1", ""), named.message().replace("db.internal", ""));
        let unreachable = (EgressErrorKind::Unreachable, false);
        assert_eq!((named.kind, named.message().contains("private")), unreachable);
    }

    #[test]
    fn the_cause_of_an_error_is_hidden_where_the_address_may_be_private() {
        let by_host = Guard::new(vec!["registry.local".parse().unwrap()], Vec::new());
        let by_network = ["registry.local", "10.0.0.0/8"].map(|text| text.parse().unwrap());
        let by_network = Guard::new(by_network.to_vec(), Vec::new());
        for (url, with_host, with_network) in [
            ("https://registry.example/", true, false),
            ("https://registry.local/", true, true),
            ("https://1.1.1.1/", true, true),
            ("https://10.0.0.1/", true, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(
                (by_host.names_causes(&url, USUAL), by_network.names_causes(&url, USUAL)),
                (with_host, with_network),
                "{url}"
            );
            assert!(by_network.names_causes(&url, Permission { reach: Reach::Cluster, ..USUAL }), "{url}");
        }
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
            assert_eq!(guard.check(&Url::parse(url).unwrap(), USUAL).is_ok(), good, "{url}");
        }
    }

    #[test]
    fn a_permission_is_for_its_request_alone() {
        let guard = Guard::new(Vec::new(), Vec::new());
        let plain_http = Permission { plain_http: true, ..USUAL };
        let cluster = Permission { reach: Reach::Cluster, ..USUAL };
        let internal = Permission { reach: Reach::Internal, ..plain_http };
        for (url, permission, good) in [
            ("http://lint.example/", plain_http, true),
            ("http://lint.example/", cluster, false),
            ("http://lint.example/", internal, true),
            ("ftp://lint.example/", internal, false),
            ("https://10.0.0.1/", USUAL, false),
            ("https://10.0.0.1/", plain_http, false),
            ("https://10.0.0.1/", cluster, true),
            ("https://10.0.0.1/", internal, true),
            ("https://[fd00::1]/", cluster, true),
            ("https://169.254.169.254/", cluster, false),
            ("https://[::ffff:169.254.169.254]/", internal, false),
            ("https://100.100.100.200/", cluster, false),
            ("https://127.0.0.1/", cluster, false),
            ("https://[::1]/", internal, false),
            ("https://0.0.0.0/", internal, false),
        ] {
            assert_eq!(guard.check(&Url::parse(url).unwrap(), permission).is_ok(), good, "{url}");
        }
    }
}
