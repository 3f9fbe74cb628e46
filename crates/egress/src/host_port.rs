use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use reqwest::Url;

use crate::error::cleaned;

/// A host with an optional port, such as `registry.local:5000`, `10.0.0.1` or `[::1]:5000`.
///
/// The host is a DNS name in ASCII, an IPv4 address, or an IPv6 address in brackets. It is kept as URLs spell it,
/// so `0x7F.1` is `127.0.0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: Option<u16>,
}

/// The text is not a host with an optional port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host such as `registry.local` or `registry.local:5000`")]
pub struct HostPortError(String);

/// The longest DNS name and the longest label of one, in bytes (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

impl HostPort {
    /// The host, in lower case. An IPv6 address has brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if one was named.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether `url` leads there. Without a port, this is the default port of the URL's scheme.
    pub fn matches(&self, url: &Url) -> bool {
        let port = match self.port {
            Some(port) => Some(port) == url.port_or_known_default(),
            // `Url` removes the default port.
            None => url.port().is_none(),
        };
        port && url.host_str() == Some(&self.host)
    }
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || HostPortError(cleaned(text));
        let (host, port) = match text.rsplit_once(':') {
            // The last colon of `[::1]` is inside the address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(parse_port(port).ok_or_else(invalid)?)),
            _ => (text, None),
        };
        if !is_name(host) && !is_ipv6(host) {
            return Err(invalid());
        }
        // Only the URL parser knows all the spellings of an IPv4 address, and those that are invalid.
        let url = Url::parse(&format!("http://{host}/")).map_err(|_| invalid())?;
        let host = url.host_str().ok_or_else(invalid)?.to_owned();
        Ok(Self { host, port })
    }
}

/// A decimal number from 1 to 65535. `parse` alone would accept a sign.
fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_ipv6(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Labels of letters, digits and hyphens (RFC 1123, section 2.1). IPv4 addresses are such names too.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= MAX_NAME && host.split('.').all(label)
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        for (text, host, port) in [
            ("registry.local", "registry.local", None),
            ("Registry.Local:5000", "registry.local", Some(5000)),
            ("localhost:80", "localhost", Some(80)),
            ("a-b.example:65535", "a-b.example", Some(65535)),
            ("127.0.0.1:5000", "127.0.0.1", Some(5000)),
            ("0x7F.1", "127.0.0.1", None),
            ("2130706433:1", "127.0.0.1", Some(1)),
            ("[::1]", "[::1]", None),
            ("[0:0::1]:5000", "[::1]", Some(5000)),
        ] {
            let parsed: HostPort = text.parse().unwrap();
            assert_eq!((parsed.host(), parsed.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_a_host() {
        let (label, name) = ("a".repeat(64), format!("{}a", "a.".repeat(127)));
        for text in [
            "",
            ":",
            ":5000",
            "a:",
            "a:x",
            "a:0",
            "a:+1",
            "a:65536",
            "a:1:2",
            "::1",
            "[::1",
            "::1]",
            "[::g]:1",
            "[]",
            "[127.0.0.1]",
            "-a",
            "a-",
            "a..b",
            "a.",
            ".a",
            "a_b",
            "a b",
            " a",
            "a/b",
            "a?b",
            "a#b",
            "a%41",
            "user@a",
            "http://a",
            "*.a",
            "ä.example",
            "1.2.3.256",
            "a.1",
            "xn--a.example",
            &label,
            &name,
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
        assert!(label[..63].parse::<HostPort>().is_ok());
        assert!(name[..253].parse::<HostPort>().is_ok());
    }

    #[test]
    fn without_a_port_the_default_port_of_the_scheme_matches() {
        for (host_port, url, matches) in [
            ("a.example", "https://a.example/x", true),
            ("a.example", "http://a.example/x", true),
            ("a.example", "https://a.example:443/x", true),
            ("a.example", "https://a.example:444/x", false),
            ("a.example:443", "https://a.example/x", true),
            ("a.example:443", "http://a.example/x", false),
            ("a.example:80", "http://a.example/x", true),
            ("A.example:5000", "https://a.example:5000/x", true),
            ("a.example:5000", "https://b.example:5000/x", false),
            ("a.example", "https://b.a.example/x", false),
            ("a.example", "https://a.example./x", false),
            ("a.example", "https://a.example@b.example/x", false),
            ("[::1]:5000", "http://[::1]:5000/x", true),
            ("[0:0::1]:5000", "http://[::1]:5000/x", true),
        ] {
            let parsed: HostPort = host_port.parse().unwrap();
            assert_eq!(parsed.matches(&Url::parse(url).unwrap()), matches, "{host_port} {url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_host_is_parsed_as_it_is_displayed(text in "[a-z0-9.:\\[\\]-]{0,20}") {
            if let Ok(parsed) = text.parse::<HostPort>() {
                proptest::prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
            }
        }
    }
}
