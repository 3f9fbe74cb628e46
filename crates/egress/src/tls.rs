use std::fmt;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::settings::EgressSettingsError;

/// Trusts the system's certificate authorities and `authorities`, which are PEM.
pub(crate) fn client_config(authorities: &[Vec<u8>]) -> Result<ClientConfig, EgressSettingsError> {
    let mut roots = RootCertStore::empty();
    // A container image without any is no error: there may be further ones, or hosts with plain HTTP only.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in authorities {
        let unusable = |error: &dyn fmt::Display| EgressSettingsError::Authorities(error.to_string());
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.len() == before {
            return Err(unusable(&"a file contains no certificate"));
        }
    }
    let provider = CryptoProvider::get_default().cloned();
    let builder =
        ClientConfig::builder_with_provider(provider.unwrap_or_else(|| aws_lc_rs::default_provider().into()))
            .with_safe_default_protocol_versions()
            .map_err(|error| EgressSettingsError::Client(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
