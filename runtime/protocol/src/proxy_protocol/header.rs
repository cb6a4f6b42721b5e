//! One header, of whichever version. Reads from the start of what has come, as often as more comes.

use crate::proxy_protocol::values::{ProxyFault, ProxyHeader, ProxyParse};
use crate::proxy_protocol::{v1, v2};
use crate::syntax::is_start_of;

impl ProxyHeader {
    /// Reads the header at the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<ProxyParse, ProxyFault> {
        if is_start_of(v2::SIGNATURE, bytes) {
            return v2::parse(bytes);
        }
        if is_start_of(v1::SIGNATURE, bytes) {
            return v1::parse(bytes);
        }
        Err(ProxyFault::Missing)
    }
}
