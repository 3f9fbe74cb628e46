use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::pinned::PinnedVerifier;
use crate::settings::EgressSettingsError;

/// Trusts the system's certificate authorities and `authorities`, which are PEM.
pub(crate) fn client_config(authorities: &[Vec<u8>]) -> Result<ClientConfig, EgressSettingsError> {
    let mut roots = RootCertStore::empty();
    // A container image without any is no error: there may be further ones, or hosts with plain HTTP only.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in authorities {
        add(&mut roots, pem)?;
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| EgressSettingsError::Client(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Trusts `authorities` alone, which are PEM. A server may present one of these certificates itself.
pub(crate) fn trusting(authorities: &[u8]) -> Result<ClientConfig, EgressSettingsError> {
    let client = |error: &dyn fmt::Display| EgressSettingsError::Client(error.to_string());
    let mut roots = RootCertStore::empty();
    let certificates = add(&mut roots, authorities)?;
    let provider = provider();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = PinnedVerifier::new(verifier.build().map_err(|error| client(&error))?, certificates);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| client(&error))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| aws_lc_rs::default_provider().into())
}

/// Adds the certificates in `pem` to `roots`, and returns them.
fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, EgressSettingsError> {
    let unusable = |error: &dyn fmt::Display| EgressSettingsError::Authorities(error.to_string());
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| unusable(&error))?;
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| unusable(&error))?;
    }
    if certificates.is_empty() {
        return Err(unusable(&"a file contains no certificate"));
    }
    Ok(certificates)
}
