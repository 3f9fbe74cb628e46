use std::sync::Arc;

use anyhow::Context;
use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

/// What leads to a real API server, out of its kubeconfig.
#[derive(Clone)]
pub(super) struct Access {
    /// Such as `https://127.0.0.1:16443`.
    pub(super) url: String,
    pub(super) token: String,
    /// PEM: who vouches for the server.
    authority: Vec<u8>,
}

impl Access {
    /// Reads a kubeconfig as `ApiServer` writes it: JSON, with one cluster and one user, who has a token.
    pub(super) fn read(kubeconfig: &str) -> anyhow::Result<Self> {
        let kubeconfig: Value = serde_json::from_str(kubeconfig)?;
        let text = |pointer: &str| {
            let text = kubeconfig.pointer(pointer).and_then(Value::as_str);
            text.with_context(|| format!("the kubeconfig has no {pointer}"))
        };
        let authority = text("/clusters/0/cluster/certificate-authority-data")?;
        Ok(Self {
            url: text("/clusters/0/cluster/server")?.to_owned(),
            token: text("/users/0/user/token")?.to_owned(),
            authority: BASE64.decode(authority.as_bytes())?,
        })
    }

    /// Host and port.
    pub(super) fn host(&self) -> &str {
        self.url.trim_start_matches("https://")
    }

    /// For connections of HTTP/1.1.
    pub(super) fn tls(&self) -> anyhow::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authority) {
            roots.add(certificate?)?;
        }
        Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    }

    /// A client for what is not measured.
    pub(super) fn client(&self) -> anyhow::Result<reqwest::Client> {
        let authority = reqwest::Certificate::from_pem_bundle(&self.authority)?;
        let token = HeaderValue::from_str(&format!("Bearer {}", self.token))?;
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
        Ok(reqwest::Client::builder()
            .tls_certs_only(authority)
            .default_headers(headers)
            .no_proxy()
            .build()?)
    }
}
