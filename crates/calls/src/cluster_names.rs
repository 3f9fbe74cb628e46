use trigger_egress::{Reach, Url};
use trigger_rules::interceptors::Origin;

/// The names of the Services of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterNames {
    /// With a dot before it: `.cluster.local`.
    domain: String,
}

impl ClusterNames {
    pub(crate) fn new(domain: &str) -> Self {
        Self { domain: format!(".{}", domain.trim_matches('.').to_ascii_lowercase()) }
    }

    /// The addresses that a request to `url` may reach. `first` is the address of the interceptor, which `origin` has
    /// chosen; `url` is that, or the target of a redirect, which the server has chosen.
    pub(crate) fn reach(&self, url: &Url, first: &Url, origin: &Origin) -> Reach {
        let namespace = url.host_str().and_then(|host| self.namespace_of(host));
        match origin {
            Origin::Cluster if url.host_str() == first.host_str() => match namespace {
                Some(_) => Reach::Cluster,
                None => Reach::Internal,
            },
            Origin::Namespace(own) if namespace == Some(own) => Reach::Cluster,
            _ => Reach::Public,
        }
    }

    /// The namespace of the Service, or of the Pod of a Service, that a host is.
    fn namespace_of<'a>(&self, host: &'a str) -> Option<&'a str> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = host.strip_suffix(&self.domain).unwrap_or(host);
        let (service, namespace) = host.strip_suffix(".svc")?.rsplit_once('.')?;
        let is_one = !service.split('.').any(str::is_empty) && !namespace.is_empty();
        is_one.then_some(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_a_namespace() {
        let names = ClusterNames::new("Cluster.local.");
        for (host, expected) in [
            ("lint.team-a.svc", Some("team-a")),
            ("lint.team-a.svc.", Some("team-a")),
            ("lint.team-a.svc.cluster.local", Some("team-a")),
            ("lint.team-a.svc.cluster.local.", Some("team-a")),
            ("pod-0.lint.team-a.svc", Some("team-a")),
            ("lint.team-a.svc.evil.example", None),
            ("lint.team-a.svc.cluster.local.evil.example", None),
            ("lint.team-a.svcx", None),
            ("lint.team-a", None),
            ("team-a.svc", None),
            (".team-a.svc", None),
            ("lint..svc", None),
            ("lint..team-a.svc", None),
            ("svc", None),
            ("10.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(names.namespace_of(host), expected, "{host}");
        }
    }

    #[test]
    fn a_namespace_reaches_its_own_services_and_the_cluster_what_it_named() {
        let names = ClusterNames::new("cluster.local");
        let team = Origin::Namespace("team-a".into());
        let own = "http://lint.team-a.svc:8080/";
        for (url, first, origin, expected) in [
            (own, own, &team, Reach::Cluster),
            ("https://LINT.team-a.svc.cluster.local/", own, &team, Reach::Cluster),
            ("http://other.team-a.svc/", own, &team, Reach::Cluster),
            ("http://lint.team-b.svc/", "http://lint.team-b.svc/", &team, Reach::Public),
            ("http://lint.team-b.svc/", own, &team, Reach::Public),
            ("http://kubernetes.default.svc/", own, &team, Reach::Public),
            ("http://10.0.0.1/", "http://10.0.0.1/", &team, Reach::Public),
            ("https://lint.example/", "https://lint.example/", &team, Reach::Public),
            (own, own, &Origin::Cluster, Reach::Cluster),
            ("https://lint.team-a.svc/", own, &Origin::Cluster, Reach::Cluster),
            ("http://10.0.0.1/x", "http://10.0.0.1/", &Origin::Cluster, Reach::Internal),
            ("https://lint.corp/", "https://lint.corp/", &Origin::Cluster, Reach::Internal),
            // The server chose these.
            ("http://10.0.0.1/", own, &Origin::Cluster, Reach::Public),
            ("http://other.team-a.svc/", own, &Origin::Cluster, Reach::Public),
        ] {
            let [url, first] = [url, first].map(|url| Url::parse(url).unwrap());
            assert_eq!(names.reach(&url, &first, origin), expected, "{url} after {first} of {origin:?}");
        }
    }
}
