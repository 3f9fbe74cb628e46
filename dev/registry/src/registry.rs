//! Configuring, starting and controlling a registry in this process.

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

use crate::auth::{Authentication, Login, Tokens};
use crate::faults::Faults;
use crate::handler::Shared;
use crate::notifications::{Notifications, deliver};
use crate::requests::{RecordedRequest, Requests};
use crate::server;
use crate::store::{Manifest, Store, digest_of};

/// A registry did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevRegistryError {
    /// The registry could not listen on 127.0.0.1.
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[from] io::Error),
    /// The certificate or its key is invalid.
    #[error("invalid certificate or key: {0}")]
    Certificate(String),
}

/// Default lifetime of tokens: the shortest that the distribution project allows.
const TOKEN_LIFETIME: Duration = Duration::from_mins(1);

/// Configures a [`DevRegistry`].
#[derive(Debug)]
pub struct DevRegistryBuilder {
    authentication: Authentication,
    anonymous_pull: bool,
    with_digest: bool,
    token_lifetime: Duration,
    certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl DevRegistryBuilder {
    /// Requires user and password (HTTP basic authentication).
    pub fn basic(self, user: &str, password: &str) -> Self {
        Self { authentication: Authentication::Basic(login(user, password)), ..self }
    }

    /// Requires a bearer token. The token service issues it for user and password, or for the password as an identity
    /// token.
    pub fn token(self, user: &str, password: &str) -> Self {
        Self { authentication: Authentication::Token(login(user, password)), ..self }
    }

    /// Issues tokens for pulls without authentication.
    pub fn anonymous_pull(self) -> Self {
        Self { anonymous_pull: true, ..self }
    }

    /// The lifetime of tokens, in whole seconds.
    pub fn token_lifetime(self, token_lifetime: Duration) -> Self {
        Self { token_lifetime, ..self }
    }

    /// Omits the header `Docker-Content-Digest` from responses with manifests, as some registries do.
    pub fn without_digest_header(self) -> Self {
        Self { with_digest: false, ..self }
    }

    /// Serves HTTPS with this certificate and its key, both PEM.
    pub fn tls(self, certificate: &[u8], key: &[u8]) -> Self {
        Self { certificate: Some((certificate.to_vec(), key.to_vec())), ..self }
    }

    /// Starts the registry on a free port of 127.0.0.1.
    pub async fn start(self) -> Result<DevRegistry, DevRegistryError> {
        let tls = self.certificate.map(|(certificate, key)| acceptor(&certificate, &key)).transpose()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let host = format!("127.0.0.1:{port}");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (notifications, queue) = Notifications::new(host.clone(), scheme);
        let shared = Arc::new(Shared {
            host,
            scheme,
            authentication: self.authentication,
            anonymous_pull: self.anonymous_pull,
            with_digest: self.with_digest,
            token_lifetime: self.token_lifetime,
            tokens: Tokens::default(),
            store: Store::default(),
            faults: Faults::default(),
            requests: Requests::default(),
            notifications,
        });
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(listener, tls, Arc::clone(&shared), stop.clone()));
        tokio::spawn(stop.clone().run_until_cancelled_owned(deliver(queue)));
        Ok(DevRegistry { shared, stop, port })
    }
}

fn login(user: &str, password: &str) -> Login {
    Login { user: user.to_owned(), password: password.to_owned() }
}

fn acceptor(certificate: &[u8], key: &[u8]) -> Result<TlsAcceptor, DevRegistryError> {
    let invalid = |error: &dyn std::fmt::Display| DevRegistryError::Certificate(error.to_string());
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>();
    let chain = chain.map_err(|error| invalid(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| invalid(&error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    Ok(TlsAcceptor::from(Arc::new(config.map_err(|error| invalid(&error))?)))
}

/// A registry in this process. Dropping it closes the socket and all connections.
#[derive(Debug)]
pub struct DevRegistry {
    shared: Arc<Shared>,
    stop: CancellationToken,
    port: u16,
}

impl DevRegistry {
    /// A builder with default settings.
    pub fn builder() -> DevRegistryBuilder {
        DevRegistryBuilder {
            authentication: Authentication::None,
            anonymous_pull: false,
            with_digest: true,
            token_lifetime: TOKEN_LIFETIME,
            certificate: None,
        }
    }

    /// Host and port, as in image names: `127.0.0.1:40123`.
    pub fn host(&self) -> String {
        self.shared.host.clone()
    }

    /// The port on 127.0.0.1, for use with another host name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stores a manifest under a tag, without HTTP, authentication and faults. Returns its digest. A full registry logs
    /// an error and stores nothing.
    pub fn push(&self, repository: &str, tag: &str, manifest: &[u8]) -> String {
        let stored = self.shared.store_manifest(
            repository,
            tag,
            &Manifest::new(Bytes::copy_from_slice(manifest), None),
        );
        if stored.is_err() {
            tracing::error!(repository, tag, "the registry is full");
        }
        digest_of(manifest)
    }

    /// Fault injection.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// All requests so far, also rejected ones, the oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.requests.all()
    }

    /// Clears the list of requests.
    pub fn clear_requests(&self) {
        self.shared.requests.clear();
    }

    /// Revokes all issued tokens.
    pub fn revoke_tokens(&self) {
        self.shared.tokens.clear();
    }

    /// Posts an event to `url`, with these headers, for every push from now on. Events are sent in the background, and
    /// again a few times after an error.
    pub fn notify(&self, url: &str, headers: &[(&str, &str)]) {
        self.shared.notifications.add(url, headers);
    }
}

impl Drop for DevRegistry {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
