use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, Url};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::guard::{Forbidden, Guard, is_private};
use super::resolve_error::{ResolveError, ResolveErrorKind, cleaned};
use super::settings::RegistrySettings;

/// Why registries cannot be asked at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistriesError {
    /// A setting names no host.
    #[error("`{0}` is no registry: a host, with a port if need be, is expected")]
    Host(String),
    /// A file of certificate authorities holds no certificate, or a broken one.
    #[error("the certificate authorities for registries cannot be used: {0}")]
    Authorities(String),
    /// TLS or the client cannot be set up.
    #[error("the client for registries cannot be set up: {0}")]
    Client(String),
}

/// Connections to registries and their token services.
///
/// Where the environment names a proxy (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), as clusters without another
/// way out do, it is used for all but the hosts that are allowed a private address by name, and private
/// addresses that stand for hosts and are allowed. A proxy resolves
/// names itself, so for what goes through it the guard sees only the scheme and addresses that stand for
/// hosts: what a proxy reaches is for those to say who run it.
pub(super) struct Connections {
    guard: Guard,
    /// For most hosts. Names are resolved by the guard.
    guarded: Client,
    /// For hosts that may have any address.
    open: Client,
    /// For hosts that are asked through a proxy, whose own name and address are the environment's choice.
    proxied: Client,
    proxies: Matcher,
}

/// A request.
pub(super) struct HttpRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<String>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn new(settings: RegistrySettings) -> Result<Self, RegistriesError> {
        let RegistrySettings { authorities, plain_http, private, timeout } = settings;
        let guard =
            Guard::new(private, plain_http).map_err(|(text, _)| RegistriesError::Host(cleaned(&text)))?;
        let tls = tls(&authorities)?;
        let client = |change: fn(ClientBuilder) -> ClientBuilder| {
            change(builder(&tls, timeout)).build().map_err(|error| RegistriesError::Client(innermost(&error)))
        };
        let guarded = builder(&tls, timeout).no_proxy().dns_resolver(Arc::new(guard.resolver()));
        let guarded = guarded.build().map_err(|error| RegistriesError::Client(innermost(&error)))?;
        Ok(Self {
            guarded,
            open: client(ClientBuilder::no_proxy)?,
            proxied: client(|builder| builder)?,
            proxies: Matcher::from_env(),
            guard,
        })
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Sends a request, unless our rules forbid it, and waits for the head of the answer. Redirects are not
    /// followed.
    pub(super) async fn send(&self, asked: HttpRequest) -> Result<Response, ResolveError> {
        let host = cleaned(asked.url.host_str().unwrap_or_default());
        self.guard.check(&asked.url).map_err(|error| refused(&error))?;
        let client = self.client_for(&asked.url);
        let mut request = client.request(asked.method, asked.url).headers(asked.headers);
        if let Some(body) = asked.body {
            request = request.body(body);
        }
        request.send().await.map_err(|error| unreachable(&error, &host))
    }

    fn client_for(&self, url: &Url) -> &Client {
        let goes_by_proxy = |uri: Uri| self.proxies.intercept(&uri).is_some();
        if self.guard.is_open(url) {
            &self.open
        } else if !is_private(url) && url.as_str().parse().is_ok_and(goes_by_proxy) {
            &self.proxied
        } else {
            &self.guarded
        }
    }
}

fn builder(tls: &ClientConfig, timeout: Duration) -> ClientBuilder {
    let agent = concat!("shipwright-trigger/", env!("CARGO_PKG_VERSION"));
    let builder = Client::builder().tls_backend_preconfigured(tls.clone());
    builder.redirect(Policy::none()).timeout(timeout).user_agent(agent)
}

/// Trusts the system's authorities and further ones, which all connections share.
fn tls(authorities: &[Vec<u8>]) -> Result<ClientConfig, RegistriesError> {
    let mut roots = RootCertStore::empty();
    // An image without any is no error: there may be further ones, or registries asked over HTTP only.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in authorities {
        let unusable = |error: &dyn fmt::Display| RegistriesError::Authorities(error.to_string());
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.len() == before {
            return Err(unusable(&"a file holds no certificate"));
        }
    }
    let provider = CryptoProvider::get_default().cloned();
    let builder =
        ClientConfig::builder_with_provider(provider.unwrap_or_else(|| aws_lc_rs::default_provider().into()))
            .with_safe_default_protocol_versions()
            .map_err(|error| RegistriesError::Client(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn refused(error: &Forbidden) -> ResolveError {
    ResolveError::new(ResolveErrorKind::Refused, cleaned(&error.to_string()))
}

/// Why there is no answer. The URL is left out: redirects may carry signatures.
fn unreachable(error: &reqwest::Error, host: &str) -> ResolveError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
            return refused(forbidden);
        }
        source = cause.source();
    }
    let message = if error.is_timeout() {
        format!("`{host}` does not answer in time; check that it can be reached from here")
    } else {
        format!("`{host}` cannot be reached; check its name, network and certificate: {}", innermost(error))
    };
    ResolveError::new(ResolveErrorKind::Unreachable, message)
}

/// The cause of a cause's cause, which is where the system or TLS says what is wrong.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost = error.source();
    while let Some(deeper) = innermost.and_then(std::error::Error::source) {
        innermost = Some(deeper);
    }
    innermost.map_or_else(|| "it is not said why".to_owned(), |cause| cleaned(&cause.to_string()))
}
