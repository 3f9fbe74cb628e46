//! Connections to the API server: direct, or through the HTTP proxy that a kubeconfig or the environment names.

use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use kube::Config;
use tower::{BoxError, Service};

/// TCP keep-alive starts after so long without data: a watch may be quiet for minutes, and networks drop such
/// connections without a FIN.
const ASK_AFTER: Duration = Duration::from_secs(20);
/// The interval of keep-alive probes.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// The number of unanswered probes that end a connection. Unacknowledged data ends it after the same time.
const QUESTIONS: u32 = 3;

/// The variables from which kube takes a proxy if the kubeconfig names none.
const OF_ENVIRONMENT: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];

/// Makes TCP connections whose loss is noticed even without a FIN or RST.
#[derive(Clone)]
pub(crate) enum Connector {
    Straight(HttpConnector),
    Through(Tunnel<HttpConnector>),
}

/// The scheme of a proxy is not supported.
#[derive(Debug, thiserror::Error)]
#[error("a proxy is spoken to by plain HTTP, and this one wants `{0}`")]
pub(crate) struct OtherProxy(String);

impl Connector {
    /// The connector for `config`.
    pub(crate) fn of(config: &Config) -> Result<Self, OtherProxy> {
        let straight = tcp();
        let Some(proxy) = proxy(config) else { return Ok(Self::Straight(straight)) };
        if proxy.uri().scheme_str() != Some("http") {
            return Err(OtherProxy(proxy.uri().scheme_str().unwrap_or_default().to_owned()));
        }
        let tunnel = Tunnel::new(proxy.uri().clone(), straight);
        Ok(Self::Through(match proxy.basic_auth() {
            Some(credentials) => tunnel.with_auth(credentials.clone()),
            None => tunnel,
        }))
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_keepalive(Some(ASK_AFTER));
    tcp.set_keepalive_interval(Some(ASK_EVERY));
    tcp.set_keepalive_retries(Some(QUESTIONS));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(ASK_AFTER + QUESTIONS * ASK_EVERY));
    tcp
}

/// The proxy of the kubeconfig, or else that of the environment, unless the API server is on this machine or
/// `NO_PROXY` excepts it. In a pod there is neither: that API server is never behind a proxy.
///
/// kube has noted either in the configuration, and compares `NO_PROXY` with the proxy's own name.
fn proxy(config: &Config) -> Option<Intercept> {
    let (server, noted) = (&config.cluster_url, config.proxy_url.as_ref()?);
    let set = |name: &&str| std::env::var(name).ok().filter(|proxy| !proxy.is_empty());
    let of_environment = OF_ENVIRONMENT.iter().find_map(set);
    if of_environment.and_then(|proxy| proxy.parse::<Uri>().ok()).as_ref() != Some(noted) {
        return Matcher::builder().all(noted.to_string()).build().intercept(server);
    }
    Matcher::from_env().intercept(server).filter(|_| !is_loopback(server))
}

/// Whether a server is on this machine. The proxies of the environment do not reach it.
pub fn is_loopback(server: &Uri) -> bool {
    let host = server.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl Service<Uri> for Connector {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Straight(tcp) => tcp.poll_ready(context).map_err(Into::into),
            Self::Through(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        match self {
            Self::Straight(tcp) => tcp.call(server).map(|made| made.map_err(Into::into)).boxed(),
            Self::Through(tunnel) => tunnel.call(server).map(|made| made.map_err(Into::into)).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_this_machine_is_known_by_its_address() {
        for (server, expected) in [
            ("http://127.0.0.1:8080", true),
            ("https://127.1.2.3", true),
            ("http://[::1]:6443/path", true),
            ("http://localhost:1", true),
            ("https://10.0.0.1:6443", false),
            ("https://localhost.example", false),
            ("https://127.example", false),
            ("/path", false),
        ] {
            assert_eq!(is_loopback(&server.parse().unwrap()), expected, "{server}");
        }
    }
}
