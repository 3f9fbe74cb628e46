use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Checks a server's certificate with authorities, and accepts one that is among them itself.
///
/// `openssl req -x509` makes a certificate that is both an authority and that of a server. Go accepts it, and rustls
/// does not: an authority must not be a server. It is exactly the certificate that the caller trusts, so it is accepted
/// for its names and its time.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    authorities: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

/// The name of webpki's error for a server with the certificate of an authority. It finds this after it has checked the
/// time. Under another name, the certificate would be refused.
const IS_AUTHORITY: &str = "CaUsedAsEndEntity";

impl PinnedVerifier {
    /// `certificates` are those of the authorities.
    pub(crate) fn new(
        authorities: Arc<WebPkiServerVerifier>,
        certificates: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { authorities, certificates }
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(CertificateError::Other(cause)))
                if cause.0.to_string() == IS_AUTHORITY && self.certificates.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::RootCertStore;
    use rustls::crypto::aws_lc_rs;
    use rustls_pki_types::pem::PemObject as _;

    use super::*;

    /// Two certificates of the authority `lint` for the server `lint.example`, which sign themselves, from 2026 to 2126.
    /// Made with `openssl req -x509`; their keys are thrown away.
    const OWN: &str = "\
-----BEGIN CERTIFICATE-----
MIIBjzCCATSgAwIBAgIUJdHEe3xLTh9Qkq56P8qY6aCgG7gwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEbGludDAgFw0yNjExMzAxMDE4NTRaGA8yMTI2MTEwNjEwMTg1
NFowDzENMAsGA1UEAwwEbGludDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABM4z
DJ/u2iN9qa+viqDksiSC+wQ5Z5zEZUSU4N8WjwdyamhC21SoFPybiCWsLb3mxG5r
3KzVjjp2hPfxCg3vgbKjbDBqMB0GA1UdDgQWBBRe/PRRmaCeH1NnM90xT8P0+N26
NDAfBgNVHSMEGDAWgBRe/PRRmaCeH1NnM90xT8P0+N26NDAPBgNVHRMBAf8EBTAD
AQH/MBcGA1UdEQQQMA6CDGxpbnQuZXhhbXBsZTAKBggqhkjOPQQDAgNJADBGAiEA
2kU0H34rVs/LByISUkse5RtOoIfHbiFnFi8tRr5VsgICIQD8es5P8CF1jjUykdFn
JtpIDuBxGO8aHPso5bw2uRDocQ==
-----END CERTIFICATE-----
";
    const OTHER: &str = "\
-----BEGIN CERTIFICATE-----
MIIBjTCCATSgAwIBAgIUeY2VfRI2ebmlrRb7bmzAFFeKckYwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEbGludDAgFw0yNjExMzAxMDE4NTRaGA8yMTI2MTEwNjEwMTg1
NFowDzENMAsGA1UEAwwEbGludDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNdE
WBfRy03VJU2VdBSV39kbw16A+W2JAT3FYr1MWZT0eWyQZdYf0j9BhNkM4fFnzr97
CokD0xVt2oD5RJ5Wie6jbDBqMB0GA1UdDgQWBBRD2AegrR4nhv5dO18c59M/2teh
9zAfBgNVHSMEGDAWgBRD2AegrR4nhv5dO18c59M/2teh9zAPBgNVHRMBAf8EBTAD
AQH/MBcGA1UdEQQQMA6CDGxpbnQuZXhhbXBsZTAKBggqhkjOPQQDAgNHADBEAiB8
Az2OJvkoacLi79QKcmZzTvSAjpR7OqT+n9ooV4sKagIgd6Nyd7IOeARml8NtOfA8
7hRAt0drHYlyYE0NuD7i8FU=
-----END CERTIFICATE-----
";

    const YEAR_2020: u64 = 1_577_836_800;
    const YEAR_2050: u64 = 2_524_608_000;
    const YEAR_2200: u64 = 7_258_118_400;

    #[test]
    fn a_server_may_present_an_authority_that_is_trusted_in_its_time_for_its_names() {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let verify = |trusted: &str, presented: &str, name: &str, time: u64| {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(trusted)).unwrap();
            let provider = Arc::new(aws_lc_rs::default_provider());
            let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = PinnedVerifier::new(authorities.build().unwrap(), vec![certificate(trusted)]);
            let (name, time) = (ServerName::try_from(name).unwrap(), Duration::from_secs(time));
            let time = UnixTime::since_unix_epoch(time);
            let result = verifier.verify_server_cert(&certificate(presented), &[], &name, &[], time);
            result.map(|_| ()).map_err(|error| format!("{error:?}"))
        };
        let name = "lint.example";
        assert_eq!(verify(OWN, OWN, name, YEAR_2050), Ok(()));
        for (trusted, presented, name, time, expected) in [
            (OWN, OWN, "other.example", YEAR_2050, "NotValidForName"),
            (OWN, OWN, name, YEAR_2020, "NotValidYet"),
            (OWN, OWN, name, YEAR_2200, "Expired"),
            (OWN, OTHER, name, YEAR_2050, IS_AUTHORITY),
            (OTHER, OWN, name, YEAR_2050, IS_AUTHORITY),
        ] {
            let error = verify(trusted, presented, name, time).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
