//! A certificate with its chain and its private key, read and found to belong together.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::start_error::StartError;
use crate::tls::certificate::{CertificateFacts, date, pem};
use crate::tls::files::Contents;
use crate::tls::private_key;

/// Certificates in one chain: the longest of public CAs have four, cross-signed.
const CHAIN_CERTIFICATES_MAX: usize = 32;

/// What a client is shown, and what proves it.
pub(crate) struct Pair {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) facts: CertificateFacts,
    /// The certificate alone.
    pub(crate) pem: Arc<str>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pair").field(&self.facts).finish()
    }
}

impl Pair {
    /// `now` is for the certificate's end.
    pub(crate) fn read(
        certificate: &Contents,
        key: &Contents,
        password: Option<&str>,
        provider: &CryptoProvider,
        now: SystemTime,
    ) -> Result<Pair, StartError> {
        let wrong = |why: &dyn fmt::Display| {
            StartError::new(format!(
                "ssl_certfile: {}: {why}",
                certificate.path.display()
            ))
        };
        let wrong_key = |why: &dyn fmt::Display| {
            StartError::new(format!("ssl_keyfile: {}: {why}", key.path.display()))
        };
        let chain = read_chain(&certificate.bytes).map_err(|why| wrong(&why))?;
        let facts = chain.first().and_then(|own| CertificateFacts::of(own));
        let facts = facts.ok_or_else(|| wrong(&"there is no certificate in it (PEM)"))?;
        if facts.not_after < now {
            return Err(wrong(&format_args!(
                "the certificate has expired, on {}",
                date(facts.not_after)
            )));
        }
        if facts.not_before > now {
            log::warn!(
                "{}: the certificate is not valid before {}",
                certificate.path.display(),
                date(facts.not_before)
            );
        }
        let private = private_key::read(&key.bytes, password).map_err(|why| wrong_key(&why))?;
        let certified = CertifiedKey::from_der(chain, private, provider);
        let certified = certified.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => wrong_key(&format_args!(
                "the key does not belong to the certificate in {}",
                certificate.path.display()
            )),
            Error::InvalidCertificate(_) => wrong(&error),
            other => wrong_key(&format_args!("the key cannot be used: {other}")),
        })?;
        Ok(Pair {
            pem: certified
                .cert
                .first()
                .map_or("".into(), |own| pem(own).into()),
            certified: Arc::new(certified),
            facts,
        })
    }
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem)
        .take(CHAIN_CERTIFICATES_MAX + 1)
        .collect();
    let chain = chain.map_err(|_| "it is not well-formed PEM")?;
    match chain.len() {
        0 => Err("there is no certificate in it (PEM)"),
        1..=CHAIN_CERTIFICATES_MAX => Ok(chain),
        _ => Err("there are more than 32 certificates in it"),
    }
}
