//! What Python says of TLS: its words, and the files that it names, read here or by the supervisor of this worker.

use std::fs::File;
use std::os::fd::RawFd;
use std::path::PathBuf;

use pyo3::prelude::*;
use turbo_shard_runtime::{ClientCertificates, PairPaths, Tls, TlsSettings, TlsVersion};

use super::chosen_word::chosen;
use super::worker_link;
use crate::python::errors::StartError;

/// `inherited` is what the supervisor has read.
pub(super) fn open(settings: TlsSettings, inherited: Option<File>) -> PyResult<Tls> {
    let tls = match inherited {
        Some(file) => Tls::take_over(settings, file),
        None => Tls::new(settings),
    };
    tls.map_err(|error| StartError::new_err(error.to_string()))
}

/// Each certificate with its key. A certificate's file may have its key as well.
pub(super) fn pairs(certificates: &[PathBuf], keys: &[PathBuf]) -> Vec<PairPaths> {
    let pair = |(index, certificate): (usize, &PathBuf)| PairPaths {
        certificate: certificate.clone(),
        key: keys.get(index).cloned(),
    };
    certificates.iter().enumerate().map(pair).collect()
}

/// What the supervisor has read; -1 if that was nothing.
pub(super) fn inherited(fd: RawFd) -> PyResult<Option<File>> {
    match fd {
        ..0 => Ok(None),
        fd => Ok(Some(worker_link::own(fd)?.into())),
    }
}

pub(super) fn version(word: &Bound<'_, PyAny>) -> PyResult<TlsVersion> {
    let (old, new) = (TlsVersion::Tls12, TlsVersion::Tls13);
    chosen(word, [("TLSv1.2", old), ("TLSv1.3", new)])
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
