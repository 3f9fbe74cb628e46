use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::Url;

/// How registries are asked.
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// Certificate authorities beside those of the system, as PEM; each entry may hold several.
    pub authorities: Vec<Vec<u8>>,
    /// Hosts, as an `ImageRef` names them (`host` or `host:port`), that are asked over HTTP. All others are
    /// asked over HTTPS only.
    pub plain_http: Vec<String>,
    /// Who may have a private address.
    pub private: Vec<PrivateAllowed>,
    /// For one request, with its body. A look takes several: at most four times as long.
    pub timeout: Duration,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        let (authorities, plain_http, private) = (Vec::new(), Vec::new(), Vec::new());
        Self { authorities, plain_http, private, timeout: Duration::from_secs(15) }
    }
}

/// Who may have a private address, although the authors of Builds choose which hosts are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateAllowed {
    /// A host as an `ImageRef` names it, such as `registry.local:5000`. It is asked without a proxy.
    Host(String),
    /// All hosts with an address in this network.
    Network(IpNet),
}

/// The text is neither a host nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host such as `registry.local:5000` nor a network such as `10.0.0.0/8`")]
pub struct NotAllowable(String);

impl FromStr for PrivateAllowed {
    type Err = NotAllowable;

    /// Reads a network, an address (the network of that address alone) or a host.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let fails = |_| NotAllowable(super::resolve_error::cleaned(text));
        HostPort::parse(text).map_err(fails)?;
        Ok(Self::Host(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for PrivateAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// A host with a port, if one was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPort {
    host: String,
    port: Option<u16>,
}

/// The text is no host with an optional port.
#[derive(Debug)]
pub(super) struct InvalidHostPort;

impl HostPort {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidHostPort> {
        let text = text.to_ascii_lowercase();
        // The grammar of a reference is the grammar of its registry; any name does for the rest.
        let image = trigger_core::ImageRef::of(&text, "any", "any").map_err(|_| InvalidHostPort)?;
        let registry = if text == image.registry() { host_of(&text) } else { HUB };
        // A URL without a known scheme's default would lose no port.
        let url = Url::parse(&format!("http://{registry}/")).map_err(|_| InvalidHostPort)?;
        let host = url.host_str().ok_or(InvalidHostPort)?.to_owned();
        let named = registry.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let port = named.map(|(_, port)| port.parse()).transpose().map_err(|_| InvalidHostPort)?;
        Ok(Self { host, port })
    }

    /// Whether `url` leads there. Without a port, the place is at the usual port of the scheme.
    pub(super) fn is_of(&self, url: &Url) -> bool {
        let usual = self.port.is_some() && self.port == url.port_or_known_default();
        url.host_str() == Some(&self.host) && (self.port == url.port() || usual)
    }
}

/// Where Docker Hub is asked.
const HUB: &str = "registry-1.docker.io";

/// The host that is asked for images of a registry.
pub(super) fn host_of(registry: &str) -> &str {
    if registry == "docker.io" { HUB } else { registry }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_private_is_a_host_or_a_network() {
        let host = |text: &str| PrivateAllowed::Host(text.to_owned());
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
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for bad in ["", "a b", "10.0.0.0/33", "http://host", "host/path", "host:x", "host:70000"] {
            assert!(bad.parse::<PrivateAllowed>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_has_the_usual_port_if_it_names_none() {
        for (place, url, is_of) in [
            ("a.example", "https://a.example/x", true),
            ("a.example", "http://a.example/x", true),
            ("a.example", "https://a.example:443/x", true),
            ("a.example", "https://a.example:444/x", false),
            ("a.example:443", "https://a.example/x", true),
            ("a.example:443", "http://a.example/x", false),
            ("a.example:80", "http://a.example/x", true),
            ("A.example:5000", "https://a.example:5000/x", true),
            ("a.example:5000", "https://b.example:5000/x", false),
            ("docker.io", "https://registry-1.docker.io/x", true),
            ("[::1]:5000", "http://[::1]:5000/x", true),
            ("[0:0::1]:5000", "http://[::1]:5000/x", true),
        ] {
            let found = HostPort::parse(place).unwrap().is_of(&Url::parse(url).unwrap());
            assert_eq!(found, is_of, "{place} {url}");
        }
    }
}
