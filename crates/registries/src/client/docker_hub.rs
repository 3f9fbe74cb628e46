//! Docker Hub, whose API has another host than its image references.

use trigger_egress::{HostPort, PrivateAllowed};

/// The names of Docker Hub in image references and settings.
const NAMES: [&str; 2] = ["docker.io", "index.docker.io"];
/// The host of its API.
const API_HOST: &str = "registry-1.docker.io";

/// The host that serves the API of a registry.
pub(super) fn api_host(registry: &str) -> &str {
    if NAMES.contains(&registry) { API_HOST } else { registry }
}

/// The same for a host in settings, which operators name as image references do.
pub(super) fn api_host_of(host: HostPort) -> HostPort {
    let text = host.to_string();
    api_host(&text).parse().unwrap_or(host)
}

/// The same for a host that may have private addresses.
pub(super) fn private_api_host(allowed: PrivateAllowed) -> PrivateAllowed {
    match allowed {
        PrivateAllowed::Host(host) => PrivateAllowed::Host(api_host_of(host)),
        network @ PrivateAllowed::Network(_) => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_may_name_docker_hub_as_image_references_do() {
        for (named, api_host) in [
            ("docker.io", API_HOST),
            ("Index.docker.io", API_HOST),
            (API_HOST, API_HOST),
            ("docker.io:5000", "docker.io:5000"),
            ("registry.local:5000", "registry.local:5000"),
        ] {
            let (named, expected): (HostPort, HostPort) = (named.parse().unwrap(), api_host.parse().unwrap());
            assert_eq!(api_host_of(named.clone()), expected, "{named}");
            assert_eq!(private_api_host(PrivateAllowed::Host(named)), PrivateAllowed::Host(expected));
        }
    }
}
