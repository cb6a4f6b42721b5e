//! What Python says of TLS, and the files that it names, read. Knows no connections.

use std::fs::File;
use std::os::fd::RawFd;
use std::path::PathBuf;

use pyo3::prelude::*;
use turbo_shard_runtime::{ClientCertificates, PairPaths, Tls, TlsPaths, TlsSettings, TlsVersion};

use super::settings::{Settings, chosen};
use super::worker_link;
use crate::python::errors::StartError;

impl Settings {
    pub(super) fn speaks_tls(&self) -> bool {
        self.ssl_self_signed || !self.ssl_certfile.is_empty()
    }

    /// None where listeners speak without TLS. `inherited` is what the supervisor of this worker has read.
    pub(super) fn tls(&self, inherited: Option<File>) -> PyResult<Option<Tls>> {
        if !self.speaks_tls() {
            return Ok(None);
        }
        let settings = TlsSettings {
            paths: self.tls_paths(),
            key_password: self.ssl_keyfile_password.clone(),
            min_version: self.ssl_min_version,
            client_certificates: self.ssl_cert_reqs,
            handshake_timeout_ms: self.ssl_handshake_timeout_ms,
        };
        let tls = match inherited {
            Some(file) => Tls::take_over(settings, file),
            None => Tls::new(settings),
        };
        tls.map(Some)
            .map_err(|error| StartError::new_err(error.to_string()))
    }

    fn tls_paths(&self) -> TlsPaths {
        let certificates = self.ssl_certfile.iter().enumerate();
        let pair = |(index, certificate): (usize, &PathBuf)| PairPaths {
            certificate: certificate.clone(),
            // A certificate's file may have its key as well.
            key: self.ssl_keyfile.get(index).cloned(),
        };
        TlsPaths {
            pairs: certificates.map(pair).collect(),
            is_self_signed: self.ssl_self_signed,
            client_cas: self.ssl_ca_certs.iter().cloned().collect(),
            crls: self.ssl_crl.clone(),
        }
    }
}

/// What the supervisor has read; -1 if that was nothing.
pub(super) fn inherited(fd: RawFd) -> PyResult<Option<File>> {
    match fd {
        ..0 => Ok(None),
        fd => Ok(Some(worker_link::own(fd)?.into())),
    }
}

pub(super) fn version(word: &Bound<'_, PyAny>) -> PyResult<TlsVersion> {
    chosen(
        word,
        [
            ("TLSv1.2", TlsVersion::Tls12),
            ("TLSv1.3", TlsVersion::Tls13),
        ],
    )
}

pub(super) fn client_certificates(word: &Bound<'_, PyAny>) -> PyResult<ClientCertificates> {
    chosen(
        word,
        [
            ("none", ClientCertificates::None),
            ("optional", ClientCertificates::Optional),
            ("required", ClientCertificates::Required),
        ],
    )
}
