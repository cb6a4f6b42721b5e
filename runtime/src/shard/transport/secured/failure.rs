//! Why a TLS connection has failed, in words for the log and by kind for the counters.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error};

use crate::metrics::counters::Counters;

/// Whose fault it is, and in which words.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The client does not want to talk to us: most often it does not trust our certificate.
    Refused,
    /// There is nothing that both can.
    Incompatible,
    /// What it has sent is wrong.
    Malformed,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Failure {
        let kind = match error {
            Error::AlertReceived(_) => Kind::Refused,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Kind::Incompatible,
            _ => Kind::Malformed,
        };
        let why = match error {
            Error::AlertReceived(
                AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown,
            ) => "it does not trust the certificate".to_owned(),
            Error::AlertReceived(AlertDescription::CertificateExpired) => {
                "it finds that the certificate has expired".to_owned()
            }
            Error::AlertReceived(alert) => format!("it has ended the handshake ({alert:?})"),
            Error::NoCertificatesPresented => "it has shown no certificate".to_owned(),
            Error::InvalidCertificate(CertificateError::Other(why)) => {
                format!("its certificate cannot be used: {}", why.0)
            }
            Error::NoApplicationProtocol => {
                "it speaks none of the protocols that are offered (ALPN)".to_owned()
            }
            other => other.to_string(),
        };
        Failure { kind, why }
    }

    /// A message that ends beyond all bounds.
    pub(super) fn too_long() -> Failure {
        Failure {
            kind: Kind::Malformed,
            why: "its message is too long".to_owned(),
        }
    }

    pub(super) fn count(&self, counters: &Counters) {
        match self.kind {
            Kind::Refused => counters.tls_failures_refused.add(1),
            Kind::Incompatible => counters.tls_failures_incompatible.add(1),
            Kind::Malformed => counters.tls_failures_malformed.add(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
