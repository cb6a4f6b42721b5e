//! TLS by rustls: sessions of one run, which are full handshakes or resume the one before. Whether the server's certificate
//! may be trusted is not asked, and its signature is not verified: the server is on this machine, and what a client spends
//! on that would be taken from the load.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme,
};

use crate::failure::Failure;

/// The name that is asked for (SNI), as in the certificate of `--ssl-self-signed`.
const NAME: &str = "localhost";
/// Sessions that are remembered: there is one server.
const SESSIONS_MAX: usize = 8;

/// What each request's new connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshakes {
    /// Key exchange and certificate.
    Full,
    /// A session of before: key exchange alone.
    Resumed,
}

/// How the connections of a run are secured.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Agrees on `protocol` (ALPN). Sessions are resumed if `resumes`.
    pub fn new(protocol: &[u8], resumes: bool) -> Tls {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        config.resumption = match resumes {
            true => Resumption::in_memory_sessions(SESSIONS_MAX),
            false => Resumption::disabled(),
        };
        Tls {
            config: Arc::new(config),
        }
    }

    /// The start of a connection's session.
    pub fn session(&self) -> Result<ClientConnection, Failure> {
        ClientConnection::new(Arc::clone(&self.config), name())
            .map_err(|error| Failure::Broken(format!("a TLS session cannot begin: {error}")))
    }

    /// For what has sessions of its own.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

/// The name of the server.
pub fn name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("a name")
}

impl Handshakes {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Handshakes::Full => "full",
            Handshakes::Resumed => "resumed",
        }
    }

    /// Whether a handshake was of this kind.
    pub fn check(self, found: Option<HandshakeKind>) -> Result<(), Failure> {
        match (self, found) {
            (Handshakes::Full, Some(HandshakeKind::Resumed)) => Err(Failure::Broken(String::from(
                "--handshakes full: the server has resumed a session that it cannot know",
            ))),
            (Handshakes::Resumed, Some(HandshakeKind::Full)) => Err(Failure::Broken(String::from(
                "--handshakes resumed: the server did not resume a session that it gave a ticket for",
            ))),
            _ => Ok(()),
        }
    }
}

/// Takes every certificate.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
