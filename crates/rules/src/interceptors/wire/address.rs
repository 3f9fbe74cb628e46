use std::fmt;
use std::sync::Arc;

use crate::limits::{LARGEST_CA_BUNDLE, LONGEST_CALL_URL};

/// Where an interceptor outside this process is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Arc<str>,
    ca_bundle: Option<Arc<[u8]>>,
    origin: Origin,
}

/// The people who chose an address. It says which private addresses may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Administrators of the cluster, in a ClusterInterceptor.
    Cluster,
    /// Users of a namespace, in an Interceptor or a Trigger of it.
    Namespace(Arc<str>),
}

/// No request can be sent to the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The URL is too long.
    #[error("the URL has {found} bytes, at most {LONGEST_CALL_URL} are allowed; shorten it")]
    TooLong {
        /// Its length, in bytes.
        found: usize,
    },
    /// It is no URL of an HTTP server.
    #[error("the URL is none of an HTTP server: begin it with `http://` or `https://` and a host")]
    NotHttp,
    /// The URL holds a user or a password, which would be logged.
    #[error("the URL holds a user or a password: remove them")]
    Credentials,
    /// The certificates are too large.
    #[error(
        "`caBundle` has {found} bytes, at most {LARGEST_CA_BUNDLE} are allowed; name only the CA of the server"
    )]
    LargeBundle {
        /// Their size, in bytes.
        found: usize,
    },
}

impl Address {
    /// The address `url`, whose certificate is checked with the CAs of `ca_bundle` (PEM) alone. Without any, those of the
    /// system count.
    pub fn new(url: &str, ca_bundle: &[u8], origin: Origin) -> Result<Self, AddressError> {
        if url.len() > LONGEST_CALL_URL {
            return Err(AddressError::TooLong { found: url.len() });
        }
        if ca_bundle.len() > LARGEST_CA_BUNDLE {
            return Err(AddressError::LargeBundle { found: ca_bundle.len() });
        }
        let behind = |scheme: &str| {
            let (start, rest) = url.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        let rest = behind("http://").or_else(|| behind("https://"));
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let is_printable = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if authority.is_empty() || authority.starts_with(':') || !is_printable {
            return Err(AddressError::NotHttp);
        }
        if authority.contains('@') {
            return Err(AddressError::Credentials);
        }
        let ca_bundle = (!ca_bundle.is_empty()).then(|| ca_bundle.into());
        Ok(Self { url: url.into(), ca_bundle, origin })
    }

    /// The URL.
    pub fn url(&self) -> &Arc<str> {
        &self.url
    }

    /// The CAs as PEM, if it names any.
    pub fn ca_bundle(&self) -> Option<&Arc<[u8]>> {
        self.ca_bundle.as_ref()
    }

    /// The people who chose it.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("url", &self.url)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_http_servers_without_credentials_are_addresses() {
        let address = |url: &str, ca_bundle: &[u8]| Address::new(url, ca_bundle, Origin::Cluster);
        for (url, expected) in [
            ("http://lint.team-a.svc:8081/check?level=2", Ok(())),
            ("https://lint.example.com", Ok(())),
            ("http://[::1]:80/", Ok(())),
            ("", Err(AddressError::NotHttp)),
            ("ftp://lint", Err(AddressError::NotHttp)),
            ("http://", Err(AddressError::NotHttp)),
            ("https:///path", Err(AddressError::NotHttp)),
            ("http://:80/", Err(AddressError::NotHttp)),
            ("HTTP://lint", Ok(())),
            ("http:/lint", Err(AddressError::NotHttp)),
            ("httpü://lint", Err(AddressError::NotHttp)),
            ("http://lint/a b", Err(AddressError::NotHttp)),
            ("http://lint/\n", Err(AddressError::NotHttp)),
            ("http://lint\\@other/", Err(AddressError::NotHttp)),
            ("http://user:password@lint/", Err(AddressError::Credentials)),
            ("http://lint/a@b", Ok(())),
        ] {
            assert_eq!(address(url, b"").map(|_| ()), expected, "{url}");
        }
        let long = format!("http://{}", "a".repeat(LONGEST_CALL_URL));
        assert!(matches!(address(&long, b""), Err(AddressError::TooLong { .. })));
        let large = vec![b'a'; LARGEST_CA_BUNDLE + 1];
        assert!(matches!(address("http://lint", &large), Err(AddressError::LargeBundle { .. })));
        assert!(address("http://lint", b"").unwrap().ca_bundle().is_none());
        assert!(address("http://lint", b"PEM").unwrap().ca_bundle().is_some());
    }
}
