//! Whether clients must show a certificate, and which are accepted.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::start_error::StartError;
use crate::tls::files::Contents;

/// What is asked of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Nothing.
    None,
    /// A certificate, which need not be shown; one that is shown must be valid.
    Optional,
    /// A valid certificate.
    Required,
}

/// Judges certificates by their CA, and by the lists of those that were revoked; where there is one, it must be current, and each
/// certificate of a client's chain must be in the charge of one.
pub(crate) fn verifier(
    asked: ClientCertificates,
    cas: &[Contents],
    crls: &[Contents],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, StartError> {
    if asked == ClientCertificates::None {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    for file in cas {
        let wrong =
            |why: &str| StartError::new(format!("ssl_ca_certs: {}: {why}", file.path.display()));
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&file.bytes) {
            let certificate = certificate.map_err(|_| wrong("it is not well-formed PEM"))?;
            roots
                .add(certificate)
                .map_err(|error| wrong(&error.to_string()))?;
        }
        if roots.len() == before {
            return Err(wrong("there is no certificate in it (PEM)"));
        }
    }
    let mut lists = Vec::new();
    for file in crls {
        let wrong = |why: &str| StartError::new(format!("ssl_crl: {}: {why}", file.path.display()));
        let before = lists.len();
        for list in CertificateRevocationListDer::pem_slice_iter(&file.bytes) {
            lists.push(list.map_err(|_| wrong("it is not well-formed PEM"))?);
        }
        if lists.len() == before {
            return Err(wrong("there is no X509 CRL in it (PEM)"));
        }
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if !lists.is_empty() {
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    if asked == ClientCertificates::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder
        .build()
        .map_err(|error| StartError::new(format!("ssl_ca_certs, ssl_crl: {error}")))
}
