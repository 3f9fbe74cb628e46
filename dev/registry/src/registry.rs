use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::auth::{Demand, Login, Tokens};
use crate::faults::Faults;
use crate::handler::Shared;
use crate::notifications::{Notifications, deliver};
use crate::requests::{Requests, Seen};
use crate::server;
use crate::store::{Manifest, Store, digest_of};

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No port of the loopback device can be had.
    #[error("the registry cannot listen")]
    Listen(#[from] io::Error),
    /// The certificate or its key cannot be used.
    #[error("the certificate of the registry cannot be used: {0}")]
    Certificate(String),
}

/// How long a token is good for, if not said: as short as the distribution project lets it be.
const TOKEN_LIFE: Duration = Duration::from_mins(1);

/// Configures a [`DevRegistry`].
#[derive(Debug)]
pub struct DevRegistryBuilder {
    demand: Demand,
    anonymous_pull: bool,
    with_digest: bool,
    token_life: Duration,
    certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl DevRegistryBuilder {
    /// Asks for a user and a password with each request.
    pub fn basic(self, user: &str, password: &str) -> Self {
        Self { demand: Demand::Basic(login(user, password)), ..self }
    }

    /// Asks for a token with each request, which the registry gives for a user and a password, or for the
    /// password as an identity token.
    pub fn token(self, user: &str, password: &str) -> Self {
        Self { demand: Demand::Token(login(user, password)), ..self }
    }

    /// Gives tokens to pull to everybody.
    pub fn anonymous_pull(self) -> Self {
        Self { anonymous_pull: true, ..self }
    }

    /// How long tokens are good for, in whole seconds.
    pub fn token_life(self, token_life: Duration) -> Self {
        Self { token_life, ..self }
    }

    /// Leaves the header `Docker-Content-Digest` out of answers about manifests, as some registries do.
    pub fn without_digest_header(self) -> Self {
        Self { with_digest: false, ..self }
    }

    /// Speaks TLS with this certificate and its key, both PEM, instead of plain HTTP.
    pub fn tls(self, certificate: &[u8], key: &[u8]) -> Self {
        Self { certificate: Some((certificate.to_vec(), key.to_vec())), ..self }
    }

    /// Starts the registry on any port of the loopback device.
    pub async fn start(self) -> Result<DevRegistry, StartError> {
        let tls = self.certificate.map(|(certificate, key)| acceptor(&certificate, &key)).transpose()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (notifications, posted) = Notifications::new();
        let shared = Arc::new(Shared {
            host: format!("127.0.0.1:{port}"),
            scheme: if tls.is_some() { "https" } else { "http" },
            demand: self.demand,
            anonymous_pull: self.anonymous_pull,
            with_digest: self.with_digest,
            token_life: self.token_life,
            tokens: Tokens::default(),
            store: Store::default(),
            faults: Faults::default(),
            requests: Requests::default(),
            notifications,
        });
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(listener, tls, Arc::clone(&shared), stop.clone()));
        tokio::spawn(stop.clone().run_until_cancelled_owned(deliver(posted)));
        Ok(DevRegistry { shared, stop, port })
    }
}

fn login(user: &str, password: &str) -> Login {
    Login { user: user.to_owned(), password: password.to_owned() }
}

fn acceptor(certificate: &[u8], key: &[u8]) -> Result<TlsAcceptor, StartError> {
    let unusable = |error: &dyn std::fmt::Display| StartError::Certificate(error.to_string());
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>();
    let chain = chain.map_err(|error| unusable(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable(&error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    Ok(TlsAcceptor::from(Arc::new(config.map_err(|error| unusable(&error))?)))
}

/// A registry in this process. Dropping it ends it and cuts off its connections.
#[derive(Debug)]
pub struct DevRegistry {
    shared: Arc<Shared>,
    stop: CancellationToken,
    port: u16,
}

impl DevRegistry {
    /// Begins to configure a registry.
    pub fn builder() -> DevRegistryBuilder {
        DevRegistryBuilder {
            demand: Demand::Nothing,
            anonymous_pull: false,
            with_digest: true,
            token_life: TOKEN_LIFE,
            certificate: None,
        }
    }

    /// The registry in names of images, such as `127.0.0.1:40123`.
    pub fn host(&self) -> String {
        self.shared.host.clone()
    }

    /// The port on 127.0.0.1, for those who want to name it otherwise.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Puts a manifest under a tag, without HTTP, rights and faults, and tells its digest. It is not kept if
    /// the registry is full.
    pub fn push(&self, repository: &str, tag: &str, manifest: &[u8]) -> String {
        let kept = self.shared.keep(repository, tag, &Manifest::new(Bytes::copy_from_slice(manifest), None));
        if kept.is_err() {
            tracing::error!(repository, tag, "the registry is full");
        }
        digest_of(manifest)
    }

    /// Makes it misbehave.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The requests that have come in, the oldest first; also those that were refused.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.requests.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.requests.clear();
    }

    /// Takes back all tokens that were given.
    pub fn revoke_tokens(&self) {
        self.shared.tokens.clear();
    }

    /// From now on posts an event to `url`, with these headers, for every push. It is sent in the background,
    /// and a few times again to somebody who does not take it.
    pub fn notify(&self, url: &str, headers: &[(&str, &str)]) {
        self.shared.notifications.add(url, headers);
    }
}

impl Drop for DevRegistry {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
