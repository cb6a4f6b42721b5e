//! Judges a request for a WebSocket and writes the head that takes it: a 101 of HTTP/1 (RFC 6455 section 4.2), a 200 of HTTP/2
//! (RFC 8441 section 5). Knows nothing of what follows.

use data_encoding::BASE64;
use sha1_smol::Sha1;

use super::extensions::{DeflateOffer, DeflateParams};
use super::fault::HandshakeFault;
use super::limits::Compression;
use crate::body_framing::BodyFraming;
use crate::header_list::HeaderLines;
use crate::misuse::Misuse;
use crate::request_head::RequestHead;
use crate::request_line::{Method, Version};
use crate::syntax::{is_token, list_elements};

/// What a server appends to the key before it hashes it (RFC 6455 section 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Length of 16 bytes in base64.
const KEY_BYTES: usize = 24;

/// `request` asks for a WebSocket, rightly or not: [`Handshake::check`] finds out. Cheap for every other request. In
/// HTTP/1.0 the field means nothing (RFC 9110 section 7.8). The only CONNECT that comes so far is that of HTTP/2 for a
/// WebSocket.
pub fn is_handshake(request: &RequestHead<'_>) -> bool {
    match request.method() {
        Method::Get => {
            request.version() == Version::Http11 && lists(request, b"upgrade", b"websocket")
        }
        Method::Connect => true,
        _ => false,
    }
}

/// A request for a WebSocket that keeps the rules, and what is needed to answer it.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The proof that the request was read, which HTTP/2 does without.
    accept: Option<[u8; 28]>,
    subprotocols: Vec<String>,
    deflate: Option<DeflateOffer>,
}

/// The answer to a handshake.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The head of the 101 up to its empty line: for
    /// [`Connection::switch_protocols`](crate::Connection::switch_protocols), which ends it. In HTTP/2 the lines of the 200
    /// alone: for [`StreamWriter::accept`](crate::http2::StreamWriter::accept).
    pub head: Vec<u8>,
    /// For [`WebSocket::new`](super::WebSocket::new).
    pub deflate: Option<DeflateParams>,
}

impl Handshake {
    /// Checks the rules of RFC 6455 section 4.2.1, of which RFC 8441 section 5 leaves some to HTTP/2 itself. The head's own
    /// check has found one valid `Host`.
    pub fn check(request: &RequestHead<'_>) -> Result<Handshake, HandshakeFault> {
        let is_tunnel = request.version() == Version::Http2 && request.method() == Method::Connect;
        if !is_tunnel {
            check_upgrade(request)?;
        }
        if single(request, b"sec-websocket-version") != Some(b"13") {
            return Err(HandshakeFault::WebSocketVersionUnsupported);
        }
        let accept = match is_tunnel {
            true => None,
            false => Some(accept_of(key_of(request)?)),
        };
        if !matches!(
            request.framing(),
            BodyFraming::None | BodyFraming::Length(0)
        ) {
            return Err(HandshakeFault::BodyPresent);
        }
        Ok(Handshake {
            accept,
            subprotocols: subprotocols_of(request)?,
            deflate: deflate_offer_of(request)?,
        })
    }

    /// The subprotocols that the client offers, in its order of preference; each is a token, so ASCII.
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// Writes the head: `subprotocol` is one of those offered, `lines` are the app's own (cookies, for example). They
    /// must hold none of the handshake's own; `content-length`, which means nothing here, is left out.
    pub fn accept(
        &self,
        compression: &Compression,
        subprotocol: Option<&str>,
        lines: &HeaderLines,
    ) -> Result<Accepted, Misuse> {
        if lines.has_name_prefix(b"sec-websocket-") {
            return Err(Misuse::HandshakeFieldReserved);
        }
        let mut head = Vec::with_capacity(256 + lines.as_bytes().len());
        if let Some(accept) = &self.accept {
            head.extend_from_slice(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ",
            );
            head.extend_from_slice(accept);
            head.extend_from_slice(b"\r\n");
        }
        if let Some(subprotocol) = subprotocol {
            if !self
                .subprotocols
                .iter()
                .any(|offered| offered == subprotocol)
            {
                return Err(Misuse::SubprotocolNotOffered);
            }
            head.extend_from_slice(b"sec-websocket-protocol: ");
            head.extend_from_slice(subprotocol.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        let offer = self.deflate.filter(|_| compression.is_enabled);
        let deflate = offer.map(|offer| {
            let params = offer.accept(compression);
            head.extend_from_slice(b"sec-websocket-extensions: ");
            offer.write_answer(&params, &mut head);
            head.extend_from_slice(b"\r\n");
            params
        });
        head.extend_from_slice(lines.as_bytes());
        Ok(Accepted { head, deflate })
    }
}

/// The rules that HTTP/1 has of its own.
fn check_upgrade(request: &RequestHead<'_>) -> Result<(), HandshakeFault> {
    if request.method() != Method::Get {
        return Err(HandshakeFault::MethodNotGet);
    }
    if request.version() != Version::Http11 {
        return Err(HandshakeFault::VersionTooOld);
    }
    if !lists(request, b"upgrade", b"websocket") {
        return Err(HandshakeFault::UpgradeMissing);
    }
    if !lists(request, b"connection", b"upgrade") {
        return Err(HandshakeFault::ConnectionNotUpgrade);
    }
    Ok(())
}

fn key_of<'a>(request: &RequestHead<'a>) -> Result<&'a [u8], HandshakeFault> {
    let key = single(request, b"sec-websocket-key").ok_or(HandshakeFault::KeyNotSingle)?;
    match is_key(key) {
        true => Ok(key),
        false => Err(HandshakeFault::KeyInvalid),
    }
}

/// The values of all fields of this name.
fn values<'a>(request: &RequestHead<'a>, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    request
        .headers()
        .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The value of the only field of this name.
fn single<'a>(request: &RequestHead<'a>, name: &'static [u8]) -> Option<&'a [u8]> {
    let mut values = values(request, name);
    values.next().filter(|_| values.next().is_none())
}

/// Some field of this name lists `wanted`, in any case.
fn lists(request: &RequestHead<'_>, name: &'static [u8], wanted: &[u8]) -> bool {
    values(request, name)
        .flat_map(list_elements)
        .any(|element| element.eq_ignore_ascii_case(wanted))
}

/// `key` has the form of 16 bytes in base64: 22 letters and two fillers. The surplus bits of the last letter are
/// ignored: some clients make keys of 22 random letters.
fn is_key(key: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_BYTES && key.ends_with(b"==") && key[..KEY_BYTES - 2].iter().all(is_letter)
}

/// The proof that the request was read (RFC 6455 section 4.2.2, item 5.4).
fn accept_of(key: &[u8]) -> [u8; 28] {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(KEY_SUFFIX);
    let mut accept = [0; 28];
    BASE64.encode_mut(&hash.digest().bytes(), &mut accept);
    accept
}

fn subprotocols_of(request: &RequestHead<'_>) -> Result<Vec<String>, HandshakeFault> {
    values(request, b"sec-websocket-protocol")
        .flat_map(list_elements)
        .map(|element| match std::str::from_utf8(element) {
            Ok(text) if is_token(element) => Ok(text.to_owned()),
            Ok(_) | Err(_) => Err(HandshakeFault::SubprotocolsMalformed),
        })
        .collect()
}

fn deflate_offer_of(request: &RequestHead<'_>) -> Result<Option<DeflateOffer>, HandshakeFault> {
    let mut first = None;
    for value in values(request, b"sec-websocket-extensions") {
        let offer = DeflateOffer::first_of(value);
        first = first.or(offer.map_err(|_| HandshakeFault::ExtensionsMalformed)?);
    }
    Ok(first)
}
