use axum::http::{HeaderMap, Uri, header};
use trigger_core::{ObjectKey, is_dns_label, is_dns_subdomain};
use trigger_dispatch::{LISTENERS_PATH, ListenerRequest};

/// The beginning of the name of a listener's Service, as Tekton calls it.
const SERVICE_PREFIX: &str = "el-";

/// A request's address: that of a listener, and what lies below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The listener, by names that an object can have.
    pub(super) listener: ObjectKey,
    /// The path of the listener on this server; empty for a request to its Service.
    pub(super) prefix: String,
    /// Path and query below that, with scheme and host if the request line has them.
    pub(super) target: String,
}

impl Address {
    /// Reads the address of a request: by the name of a Service as its host, else by a path below `/listeners`. `None` if
    /// it is not the address of a listener.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        // The target of CONNECT and that of `OPTIONS *` are no paths.
        let path = Some(uri.path()).filter(|path| path.starts_with('/'))?;
        // The host of the request line goes before the header (RFC 9112, section 3.2.2).
        let host = uri.host().or_else(|| headers.get(header::HOST)?.to_str().ok());
        if let Some(listener) = host.and_then(by_host) {
            return Some(Self { listener, prefix: String::new(), target: target(uri, path) });
        }
        let (listener, rest) = by_path(path)?;
        let prefix = ListenerRequest::path_of(&listener);
        let target = target(uri, if rest.is_empty() { "/" } else { rest });
        Some(Self { listener, prefix, target })
    }
}

/// The listener whose Service has this name in the cluster's DNS, with or without a port.
fn by_host(host: &str) -> Option<ObjectKey> {
    let host = host.split(':').next()?.to_ascii_lowercase();
    let mut labels = host.strip_suffix('.').unwrap_or(&host).split('.');
    let name = labels.next()?.strip_prefix(SERVICE_PREFIX)?;
    let namespace = labels.next()?;
    let is_in_cluster = matches!(labels.next(), None | Some("svc"));
    key(namespace, name).filter(|_| is_in_cluster)
}

/// The listener of a path on this server, and the rest of the path. As in other paths, several slashes before a name are
/// as good as one; the rest belongs to the listener and stays as it is.
fn by_path(path: &str) -> Option<(ObjectKey, &str)> {
    let (first, rest) = segment(path)?;
    if LISTENERS_PATH.strip_prefix('/') != Some(first) {
        return None;
    }
    let (namespace, rest) = segment(rest)?;
    let (name, rest) = segment(rest)?;
    Some((key(namespace, name)?, rest))
}

/// The first segment of a path that is not empty, and what follows it.
fn segment(path: &str) -> Option<(&str, &str)> {
    let path = path.trim_start_matches('/');
    let (segment, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    (!segment.is_empty()).then_some((segment, rest))
}

fn key(namespace: &str, name: &str) -> Option<ObjectKey> {
    (is_dns_label(namespace) && is_dns_subdomain(name)).then(|| ObjectKey::new(namespace, name))
}

/// The request's target with this path.
fn target(uri: &Uri, path: &str) -> String {
    let mut target = String::new();
    if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
        target.extend([scheme, "://", authority.as_str()]);
    }
    target.push_str(path);
    if let Some(query) = uri.query() {
        target.extend(["?", query]);
    }
    target
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// Namespace and name of the listener, prefix and target.
    fn address(host: &str, uri: &str) -> Option<(String, String, String)> {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
        let address = Address::of(&uri.parse().unwrap(), &headers)?;
        Some((address.listener.to_string(), address.prefix, address.target))
    }

    #[test]
    fn a_path_names_a_listener_and_the_rest_is_its_own() {
        for (uri, target) in [
            ("/listeners/team-a/web", "/"),
            ("/listeners/team-a/web/", "/"),
            ("/listeners/team-a/web?x=1", "/?x=1"),
            ("/listeners/team-a/web/?", "/?"),
            ("/listeners/team-a/web/live", "/live"),
            ("/listeners/team-a/web//ci/../push?a=b%2F&c", "//ci/../push?a=b%2F&c"),
            ("//listeners//team-a/web/%2e", "/%2e"),
            ("http://hooks.example:80/listeners/team-a/web/ci?u=1", "http://hooks.example:80/ci?u=1"),
        ] {
            let prefix = "/listeners/team-a/web";
            let expected = ("team-a/web".to_owned(), prefix.to_owned(), target.to_owned());
            assert_eq!(address("hooks.example", uri), Some(expected), "{uri}");
        }
        let dotted = address("hooks.example", "/listeners/team-a/web.v2/x").unwrap();
        assert_eq!((dotted.0.as_str(), dotted.2.as_str()), ("team-a/web.v2", "/x"));
    }

    #[test]
    fn the_name_of_a_service_names_a_listener_on_every_path() {
        for host in [
            "el-web.team-a",
            "el-web.team-a:8080",
            "el-web.team-a.svc",
            "el-web.team-a.svc.cluster.local",
            "el-web.team-a.svc.cluster.local.:8080",
            "EL-Web.Team-A.SVC.example.org",
        ] {
            for uri in ["/", "/listeners/team-b/other/x?y", "//a"] {
                let expected = ("team-a/web".to_owned(), String::new(), uri.to_owned());
                assert_eq!(address(host, uri), Some(expected), "{host}{uri}");
            }
        }
        let absolute = address("other.example", "http://el-web.team-a:8080/x").unwrap();
        assert_eq!((absolute.0.as_str(), absolute.2.as_str()), ("team-a/web", "http://el-web.team-a:8080/x"));
        let absolute = address("el-web.team-a", "http://other.example/x");
        assert_eq!(absolute, None, "the request line goes before the header");
    }

    #[test]
    fn other_addresses_name_no_listener() {
        for uri in [
            "/",
            "/listeners",
            "/listeners/",
            "/listeners/team-a",
            "/listeners/team-a/",
            "/listeners/Team-A/web",
            "/listeners/team-a/we_b",
            "/listeners/../web",
            "/listeners/team.a/web",
            "/listeners/team%2da/web",
            "/listener/team-a/web",
            "/x/listeners/team-a/web",
            "*",
        ] {
            assert_eq!(address("hooks.example", uri), None, "{uri}");
        }
        for host in [
            "el-web",
            "el-web.team-a.example.org",
            "el-web.team-a.svcs",
            "el-.team-a",
            "el-web.",
            "el-web..svc",
            "web.team-a.svc",
            "el-we_b.team-a",
            "[::1]:80",
            "",
        ] {
            assert_eq!(address(host, "/x"), None, "{host}");
        }
        assert_eq!(Address::of(&"el-web.team-a:80".parse().unwrap(), &HeaderMap::new()), None, "CONNECT");
    }
}
