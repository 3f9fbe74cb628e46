//! Which addresses may be asked. The authors of Builds choose the hosts, so without a guard they could have
//! us knock at whatever is near us: the API server, the cloud's metadata, a neighbour (SSRF).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::settings::{HostPort, InvalidHostPort, PrivateAllowed};

/// Who may be asked, and how.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    hosts: Vec<HostPort>,
    networks: Arc<[IpNet]>,
    plain: Vec<HostPort>,
}

/// A host that may not be asked, by its name and its address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Forbidden {
    /// Its address is not one of the internet.
    #[error("`{host}` has the private address {address}; allow the host or the network if that is meant")]
    Private {
        /// As it was named.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
    /// It would have to be asked over HTTP.
    #[error("`{host}` is asked over HTTPS only; list it among the hosts for plain HTTP if that is meant")]
    Plain {
        /// As it was named.
        host: String,
    },
}

impl Guard {
    pub(super) fn new(
        private: Vec<PrivateAllowed>,
        plain: Vec<String>,
    ) -> Result<Self, (String, InvalidHostPort)> {
        let place = |text: String| HostPort::parse(&text).map_err(|error| (text, error));
        let mut hosts = Vec::new();
        let mut networks = Vec::new();
        for allowed in private {
            match allowed {
                PrivateAllowed::Host(host) => hosts.push(place(host)?),
                PrivateAllowed::Network(network) => networks.push(network),
            }
        }
        let plain = plain.into_iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { hosts, networks: networks.into(), plain })
    }

    /// Whether `url` leads to a host that may have any address.
    pub(super) fn is_open(&self, url: &Url) -> bool {
        self.hosts.iter().any(|place| place.is_of(url))
    }

    /// The scheme that a registry is asked by.
    pub(super) fn scheme(&self, host: &str) -> &'static str {
        let plain = Url::parse(&format!("http://{host}/"));
        if plain.is_ok_and(|url| self.is_plain(&url)) { "http" } else { "https" }
    }

    fn is_plain(&self, url: &Url) -> bool {
        self.plain.iter().any(|place| place.is_of(url))
    }

    /// Judges what can be seen of a URL before its host is resolved: its scheme, and an address that stands
    /// for a host, which no resolver ever sees.
    pub(super) fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        if url.scheme() != "https" && !self.is_plain(url) {
            return Err(Forbidden::Plain { host: host() });
        }
        match literal(url) {
            Some(address) if !self.is_open(url) && !admits(&self.networks, address) => {
                Err(Forbidden::Private { host: host(), address })
            }
            _ => Ok(()),
        }
    }

    /// Resolves names for connections, leaving the addresses out that may not be asked. What it gives is what
    /// is connected to, so a name that changes its address in between gains nothing.
    pub(super) fn resolver(&self) -> GuardedResolver {
        GuardedResolver(Arc::clone(&self.networks))
    }
}

/// Whether `url` names a private address in place of a host.
pub(super) fn is_private(url: &Url) -> bool {
    literal(url).is_some_and(|address| !is_public(meant(address)))
}

/// The address that stands in a URL in place of a host. The URL's parser has made every spelling of it one
/// (`0x7f.1` is 127.0.0.1).
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn admits(networks: &[IpNet], address: IpAddr) -> bool {
    let meant = meant(address);
    is_public(meant) || networks.iter().any(|network| network.contains(&meant) || network.contains(&address))
}

/// See [`Guard::resolver`].
pub(super) struct GuardedResolver(Arc<[IpNet]>);

impl fmt::Debug for GuardedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardedResolver")
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = admitted(&networks, name.as_str(), found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Those addresses of a host that may be asked; an error if it has others only.
fn admitted(
    networks: &[IpNet],
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Forbidden> {
    let (good, bad): (Vec<_>, Vec<_>) = found.partition(|found| admits(networks, found.ip()));
    match (good.is_empty(), bad.first()) {
        (true, Some(bad)) => Err(Forbidden::Private { host: host.to_owned(), address: bad.ip() }),
        _ => Ok(good),
    }
}

/// The IPv4 address inside an IPv6 address that stands for one, since that is who answers there: mapped
/// (RFC 4291), compatible (the same), translated (RFC 6052), 6to4 (RFC 3056).
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let joined = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => joined(high, low),
        // `::` and `::1` are their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => joined(high, low),
        _ => address,
    }
}

/// Whether an address is one of the internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        // "This network", shared by carriers, for protocols, for benchmarks, and what nobody was ever given,
        // with the address for everybody at its end.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 was ever given out; of it, what is for protocols and for documentation is not for hosts.
    let given_out = first & 0xe000 == 0x2000;
    let special = match first {
        0x2001 => second < 0x200 || second == 0xdb8,
        0x3fff => second < 0x1000,
        _ => false,
    };
    given_out && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in ["1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111"]
        {
            assert!(admits(&[], public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:100.64.0.1",
            "::ffff:0.0.0.0",
            "::ffff:255.255.255.255",
            "::ffff:224.0.0.1",
            "::ffff:192.0.2.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::",
        ] {
            assert!(!admits(&[], private.parse().unwrap()), "{private}");
        }
        for public in ["::ffff:1.1.1.1", "64:ff9b::1.1.1.1"] {
            assert!(admits(&[], public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_network_that_is_allowed_is_allowed_in_every_form() {
        let networks = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (address, allowed) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd12::1", true),
            ("11.0.0.1", true),
            ("172.16.0.1", false),
            ("fc00::1", false),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(admits(&networks, address.parse().unwrap()), allowed, "{address}");
        }
    }

    #[test]
    fn of_several_addresses_those_are_left_out_that_may_not_be_asked() {
        let check = |found: &[&str]| {
            let found = found.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
            let good = admitted(&[], "host", found)?;
            Ok(good.into_iter().map(|good| good.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(check(&["10.0.0.1", "1.1.1.1", "::1"]), Ok(vec!["1.1.1.1".to_owned()]));
        assert_eq!(check(&[]), Ok(vec![]));
        let address = "10.0.0.1".parse().unwrap();
        assert_eq!(check(&["10.0.0.1", "::1"]), Err(Forbidden::Private { host: "host".to_owned(), address }));
    }

    #[test]
    fn a_url_is_judged_before_its_host_is_resolved() {
        let private = ["registry.local:5000", "127.0.0.1:5001", "192.168.0.0/16"].map(str::parse);
        let private = private.map(Result::unwrap);
        let plain = ["registry.local:5000", "10.9.9.9"].map(ToOwned::to_owned);
        let guard = Guard::new(private.to_vec(), plain.to_vec()).unwrap();
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
        ] {
            assert_eq!(guard.check(&Url::parse(url).unwrap()).is_ok(), good, "{url}");
        }
        assert_eq!(guard.scheme("registry.local:5000"), "http");
        assert_eq!(guard.scheme("registry.local"), "https");
    }
}
