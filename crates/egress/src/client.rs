use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use rustls::ClientConfig;
use tracing::debug;
use trigger_runtime::error_chain;

use crate::error::{EgressError, cleaned, innermost};
use crate::guard::{Forbidden, Guard, UnguardedResolver, is_private_literal};
use crate::lookups::Lookups;
use crate::permission::{Permission, Reach};
use crate::response::HttpResponse;
use crate::settings::{EgressSettings, EgressSettingsError};
use crate::tls;

/// The outbound HTTP client. Clones share its connections.
///
/// It uses the proxies of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), as clusters without another
/// way out need. Three kinds of hosts are accessed directly: those that may have a private address by name,
/// private addresses in place of a name, and hosts of the cluster ([`Reach::Cluster`]). A proxy resolves names itself, so
/// the guard checks only the scheme and addresses in place of names for it. The operator of the proxy has to block internal
/// addresses.
#[derive(Clone)]
pub struct Egress(Arc<Shared>);

struct Shared {
    guard: Guard,
    lookups: Arc<Lookups>,
    /// For most hosts. The guard resolves their names.
    guarded: Client,
    /// For requests that may reach private networks. The guard resolves their names too. No other request may use its
    /// connections, so it is a client of its own.
    internal: Client,
    /// For hosts that may have any address.
    unguarded: Client,
    /// For requests through a proxy. The environment chose the proxy's own name and address.
    proxied: Client,
    proxies: Matcher,
    timeout: Duration,
}

/// A request.
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The URL, with `https` or `http`. A user and a password in it are sent as credentials.
    pub url: Url,
    /// The headers. `User-Agent` and `Host` are added.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
    /// The longest time for the request with its response body, if shorter than that of the settings.
    pub timeout: Option<Duration>,
    /// Its freedoms beyond those of the settings.
    pub permission: Permission,
}

impl HttpRequest {
    /// A request without headers and body.
    pub fn new(method: Method, url: Url) -> Self {
        let (headers, permission) = (HeaderMap::new(), Permission::default());
        Self { method, url, headers, body: None, timeout: None, permission }
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("guard", &self.0.guard).finish_non_exhaustive()
    }
}

impl Egress {
    /// Sets up the client. Sends nothing.
    pub fn new(settings: EgressSettings) -> Result<Self, EgressSettingsError> {
        let EgressSettings { authorities, plain_http, private, timeout } = settings;
        let tls = tls::client_config(&authorities)?;
        Self::with(&tls, Guard::new(private, plain_http), Arc::new(Lookups::new()), timeout)
    }

    /// The same client for servers whose certificates are checked with these authorities alone, which are PEM. It shares
    /// the settings and the look-ups of names, and no connection.
    pub fn trusting(&self, authorities: &[u8]) -> Result<Self, EgressSettingsError> {
        let Shared { guard, lookups, timeout, .. } = &*self.0;
        Self::with(&tls::trusting(authorities)?, guard.clone(), Arc::clone(lookups), *timeout)
    }

    fn with(
        tls: &ClientConfig,
        guard: Guard,
        lookups: Arc<Lookups>,
        timeout: Duration,
    ) -> Result<Self, EgressSettingsError> {
        let direct = || client_builder(tls, timeout).no_proxy();
        let any = || Arc::new(UnguardedResolver(Arc::clone(&lookups)));
        let guarded = |internal| direct().dns_resolver(Arc::new(guard.resolver(internal, &lookups)));
        let build = |builder: ClientBuilder| {
            builder.build().map_err(|error| EgressSettingsError::Client(innermost(&error).to_string()))
        };
        Ok(Self(Arc::new(Shared {
            guarded: build(guarded(false))?,
            internal: build(guarded(true))?,
            unguarded: build(direct().dns_resolver(any()))?,
            proxied: build(client_builder(tls, timeout).dns_resolver(any()))?,
            proxies: Matcher::from_env(),
            timeout,
            guard,
            lookups,
        })))
    }

    /// Whether the host of `url`, which has the scheme `http`, is one of the hosts for plain HTTP.
    pub fn allows_plain_http(&self, url: &Url) -> bool {
        self.0.guard.allows_plain_http(url)
    }

    /// Sends a request, unless the settings forbid it, and waits for the head of the response. Does not follow
    /// redirects.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, EgressError> {
        let HttpRequest { method, url, headers, body, timeout, permission } = request;
        let host = cleaned(url.host_str().unwrap_or_default());
        let names_cause = self.0.guard.names_causes(&url, permission);
        self.0.guard.check(&url, permission).map_err(|error| EgressError::from(&error))?;
        let mut request = self.client_for(&url, permission.reach).request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout.min(self.0.timeout));
        }
        match request.send().await {
            Ok(response) => Ok(HttpResponse::new(host, response)),
            Err(error) => {
                let error = error.without_url();
                debug!(host, error = %error_chain(&error), "a request to another server failed");
                Err(match Forbidden::behind(&error) {
                    Some(forbidden) => forbidden.into(),
                    None => EgressError::of_request(&error, &host, names_cause),
                })
            }
        }
    }

    fn client_for(&self, url: &Url, reach: Reach) -> &Client {
        let Shared { guard, guarded, internal, unguarded, proxied, proxies, .. } = &*self.0;
        let has_proxy = |uri: Uri| proxies.intercept(&uri).is_some();
        if guard.allows_by_name(url) {
            unguarded
        } else if reach != Reach::Cluster
            && !is_private_literal(url)
            && url.as_str().parse().is_ok_and(has_proxy)
        {
            proxied
        } else if reach.is_internal() {
            internal
        } else {
            guarded
        }
    }
}

/// Idle connections to one host: polls of one registry follow each other closely.
pub(crate) const MAX_IDLE_PER_HOST: usize = 4;
/// Authors of Builds choose thousands of hosts, and each idle connection has buffers.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

fn client_builder(tls: &ClientConfig, timeout: Duration) -> ClientBuilder {
    let agent = concat!("shipwright-trigger/", env!("CARGO_PKG_VERSION"));
    let builder = Client::builder().tls_backend_preconfigured(tls.clone());
    let builder = builder.pool_max_idle_per_host(MAX_IDLE_PER_HOST).pool_idle_timeout(IDLE_TIMEOUT);
    builder.redirect(Policy::none()).timeout(timeout).user_agent(agent)
}
