//! The second version: a binary header of announced length.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::limits::PROXY_HEADER_BYTES_MAX;
use crate::proxy_protocol::values::{ProxyEnds, ProxyFacts, ProxyFault, ProxyHeader, ProxyParse};

pub(crate) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;
/// The path of a Unix socket, filled with zeros.
const PATH_BYTES: usize = 108;

pub(super) fn parse(bytes: &[u8]) -> Result<ProxyParse, ProxyFault> {
    let Some((fixed, _)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return Ok(ProxyParse::Partial);
    };
    let [.., version_and_command, family, high, low] = *fixed;
    let is_proxied = match version_and_command {
        0x20 => false,
        0x21 => true,
        0x22..=0x2f => return Err(ProxyFault::Malformed),
        _ => return Err(ProxyFault::Unsupported),
    };
    let length = FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if length > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyFault::TooLong);
    }
    let Some(header) = bytes.get(..length) else {
        return Ok(ProxyParse::Partial);
    };
    let rest = &header[FIXED_BYTES..];
    let (ends, tlvs) = match family {
        0x00 => (ProxyEnds::Own, &[][..]),
        0x11 => v4(rest)?,
        0x21 => v6(rest)?,
        0x31 => unix(rest)?,
        _ if is_proxied => return Err(ProxyFault::Unsupported),
        _ => (ProxyEnds::Own, &[][..]),
    };
    // The proxy's own connection: what stands there does not count, and what is no family has no place for more.
    let (ends, facts) = match is_proxied {
        true => (ends, ProxyFacts::read(header, tlvs)?),
        false => (ProxyEnds::Own, ProxyFacts::default()),
    };
    Ok(ProxyParse::Complete(ProxyHeader {
        ends,
        facts,
        length,
    }))
}

type EndsAndRest<'b> = Result<(ProxyEnds, &'b [u8]), ProxyFault>;

fn v4(bytes: &[u8]) -> EndsAndRest<'_> {
    let (client, rest) = taken::<4>(bytes)?;
    let (server, rest) = taken::<4>(rest)?;
    tcp(Ipv4Addr::from(client), Ipv4Addr::from(server), rest)
}

fn v6(bytes: &[u8]) -> EndsAndRest<'_> {
    let (client, rest) = taken::<16>(bytes)?;
    let (server, rest) = taken::<16>(rest)?;
    tcp(Ipv6Addr::from(client), Ipv6Addr::from(server), rest)
}

fn tcp<A: Into<core::net::IpAddr>>(client: A, server: A, rest: &[u8]) -> EndsAndRest<'_> {
    let (client_port, rest) = taken::<2>(rest)?;
    let (server_port, rest) = taken::<2>(rest)?;
    let ends = ProxyEnds::Tcp {
        client: SocketAddr::new(client.into(), u16::from_be_bytes(client_port)),
        server: SocketAddr::new(server.into(), u16::from_be_bytes(server_port)),
    };
    Ok((ends, rest))
}

fn unix(bytes: &[u8]) -> EndsAndRest<'_> {
    let (client, rest) = taken::<PATH_BYTES>(bytes)?;
    let (server, rest) = taken::<PATH_BYTES>(rest)?;
    let path = |bytes: [u8; PATH_BYTES]| {
        let end = memchr::memchr(0, &bytes).unwrap_or(PATH_BYTES);
        bytes[..end].to_vec()
    };
    let ends = ProxyEnds::Unix {
        client: path(client),
        server: path(server),
    };
    Ok((ends, rest))
}

fn taken<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), ProxyFault> {
    let (first, rest) = bytes.split_first_chunk().ok_or(ProxyFault::Malformed)?;
    Ok((*first, rest))
}
