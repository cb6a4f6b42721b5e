//! What follows the addresses of a header of the second version: types, lengths and values. Those that are not known are
//! skipped, as the specification wants.

use crate::limits::PROXY_UNIQUE_ID_BYTES_MAX;
use crate::proxy_protocol::crc32c::crc32c;
use crate::proxy_protocol::values::{ProxyFacts, ProxyFault};

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
/// The client has used TLS: the lowest bit of what begins the value of `SSL`.
const CLIENT_SSL: u8 = 0x01;

impl ProxyFacts {
    /// Reads `tlvs`, which lie at the end of `header`, and checks the checksum of all of it, if it has one.
    pub(super) fn read(header: &[u8], tlvs: &[u8]) -> Result<ProxyFacts, ProxyFault> {
        let mut facts = ProxyFacts::default();
        let mut rest = tlvs;
        while let [kind, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (value, next) = (after.split_at_checked(length)).ok_or(ProxyFault::Malformed)?;
            match *kind {
                ALPN => facts.alpn = Some(value.to_vec()),
                AUTHORITY => {
                    let name = std::str::from_utf8(value).map_err(|_| ProxyFault::Malformed)?;
                    facts.authority = Some(name.into());
                }
                CRC32C => check(header, header.len() - after.len(), value)?,
                UNIQUE_ID if value.len() > PROXY_UNIQUE_ID_BYTES_MAX => {
                    return Err(ProxyFault::Malformed);
                }
                UNIQUE_ID => facts.unique_id = Some(value.to_vec()),
                SSL => {
                    let flags = value.first().ok_or(ProxyFault::Malformed)?;
                    facts.is_secure = Some(flags & CLIENT_SSL != 0);
                }
                _ => {}
            }
            rest = next;
        }
        match rest {
            [] => Ok(facts),
            _ => Err(ProxyFault::Malformed),
        }
    }
}

/// The checksum is that of the header with zeros in its own place.
fn check(header: &[u8], place: usize, value: &[u8]) -> Result<(), ProxyFault> {
    let value: [u8; 4] = value.try_into().map_err(|_| ProxyFault::Malformed)?;
    let sum = crc32c(&[&header[..place], &[0; 4], &header[place + 4..]]);
    match sum == u32::from_be_bytes(value) {
        true => Ok(()),
        false => Err(ProxyFault::ChecksumWrong),
    }
}
