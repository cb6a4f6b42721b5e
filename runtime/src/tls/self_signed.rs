//! A certificate for a developer's own machine, made at the start and kept in memory.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use x509_cert::der::DateTime;

use crate::start_error::StartError;

/// Enough for a server that a developer forgets.
const VALID: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOSTS: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/// A certificate and its key (PEM).
pub(crate) fn pair() -> Result<[String; 2], StartError> {
    make().map_err(|error| StartError::new(format!("ssl_self_signed: {error}")))
}

fn make() -> Result<[String; 2], rcgen::Error> {
    let mut params = CertificateParams::new(HOSTS.map(str::to_owned))?;
    params
        .distinguished_name
        .push(DnType::CommonName, "turbo-shard, for this machine only");
    let now = SystemTime::now();
    let day_of = |moment: SystemTime| {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let date = DateTime::from_unix_duration(since).unwrap_or(DateTime::INFINITY);
        date_time_ymd(i32::from(date.year()), date.month(), date.day())
    };
    params.not_before = day_of(now - DAY);
    params.not_after = day_of(now + VALID);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok([certificate.pem(), key.serialize_pem()])
}
