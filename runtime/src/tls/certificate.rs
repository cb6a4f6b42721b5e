//! What a certificate says of itself: whose it is, and for how long. Judges no signature.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pkcs8::LineEnding;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

/// What is used of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// The subject's name as RFC 4514 writes it.
    pub(crate) subject: String,
    /// Names of hosts, in lower case; the first label may be a star.
    pub(crate) host_names: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl CertificateFacts {
    /// None if it is no certificate.
    pub(crate) fn of(der: &[u8]) -> Option<CertificateFacts> {
        let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
        let mut facts = CertificateFacts {
            subject: certificate.subject.to_string(),
            host_names: Vec::new(),
            addresses: Vec::new(),
            not_before: moment(certificate.validity.not_before),
            not_after: moment(certificate.validity.not_after),
        };
        if let Ok(Some((_, alternatives))) = certificate.get::<SubjectAltName>() {
            for name in alternatives.0 {
                match name {
                    GeneralName::DnsName(name) => {
                        facts.host_names.push(name.as_str().to_ascii_lowercase());
                    }
                    GeneralName::IpAddress(octets) => {
                        facts.addresses.extend(address(octets.as_bytes()));
                    }
                    _ => {}
                }
            }
        }
        Some(facts)
    }

    /// Whether it is for that host; `name` is in lower case.
    pub(crate) fn is_for(&self, name: &str) -> bool {
        self.host_names.iter().any(|pattern| fits(pattern, name))
    }
}

/// As text.
pub(crate) fn pem(der: &[u8]) -> String {
    pkcs8::der::pem::encode_string("CERTIFICATE", LineEnding::LF, der).unwrap_or_default()
}

/// As `2026-12-01 12:00:00 UTC`.
pub(crate) fn date(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let date = x509_cert::der::DateTime::from_unix_duration(Duration::from_secs(since.as_secs()));
    match date {
        Ok(date) => {
            let text = date.to_string();
            format!("{} UTC", text.trim_end_matches('Z').replace('T', " "))
        }
        Err(_) => "a time beyond the year 9999".to_owned(),
    }
}

/// A star stands for one label, the first (RFC 9525 section 6.3).
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => pattern == name,
    }
}

fn moment(time: Time) -> SystemTime {
    UNIX_EPOCH + time.to_unix_duration()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        let cases = [
            ("a.example", "a.example", true),
            ("*.example", "a.example", true),
            ("*.example", "a.b.example", false),
            ("*.example", ".example", false),
            ("*.example", "example", false),
            ("*", "example", false),
            ("a.example", "b.example", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn dates_are_told_in_utc() {
        let noon = UNIX_EPOCH + Duration::from_secs(1_796_126_400);
        assert_eq!(date(noon), "2026-12-01 12:00:00 UTC");
    }

    #[test]
    fn what_is_no_certificate_has_no_facts() {
        assert_eq!(CertificateFacts::of(b""), None);
        assert_eq!(CertificateFacts::of(b"\x30\x03\x02\x01\x01"), None);
    }
}
