//! What is known of a connection from its start: both ends and the scheme of its requests. Plain values.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use turbo_shard_protocol::proxy_protocol::ProxyFacts;

/// The two ends of a connection, and what its requests are sent over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The peer's address.
    pub peer: Address,
    /// Our address as the peer reached it.
    pub local: Address,
    /// The scheme of the URLs that lead here.
    pub scheme: Scheme,
    /// What was said of the listener that it came in by.
    pub listener: ListenerOptions,
    /// What proxies have cut off the path, where they say so: as in a URL, begins with a slash and ends with none.
    pub prefix: Option<Arc<str>>,
    /// What a PROXY protocol header tells besides addresses, where it does.
    pub proxy_facts: Option<Arc<ProxyFacts>>,
    /// What TLS has agreed on, where it is spoken by us.
    pub tls: Option<Arc<TlsFacts>>,
}

impl ConnectionInfo {
    /// A connection as its listener has it.
    pub(crate) fn fresh(
        peer: Address,
        local: Address,
        listener: ListenerOptions,
    ) -> ConnectionInfo {
        ConnectionInfo {
            peer,
            local,
            scheme: match listener.speaks_tls {
                true => Scheme::Https,
                false => Scheme::Http,
            },
            listener,
            prefix: None,
            proxy_facts: None,
            tls: None,
        }
    }
}

/// What a user says of one listener, besides its address; every connection that comes in by it is treated so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerOptions {
    /// Each connection begins with a PROXY protocol header, which names the client.
    pub expects_proxy_protocol: bool,
    /// What follows is TLS.
    pub speaks_tls: bool,
    /// Requests are not the app's: clients are led to `https`.
    pub redirects: bool,
}

/// What a TLS handshake has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version as TLS numbers it: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3.
    pub version: u16,
    /// The cipher suite by its number.
    pub cipher_suite: u16,
    /// What is spoken over it, where the client has said what it can.
    pub alpn: Option<Alpn>,
    /// The host that the client has asked for.
    pub server_name: Option<Box<str>>,
    /// The certificate that it was shown (PEM).
    pub server_certificate: Arc<str>,
    /// The client's own certificate and those that lead to its root (PEM each); none if it has shown none.
    pub client_certificates: Vec<String>,
    /// The subject of the client's certificate (RFC 4514).
    pub client_name: Option<Box<str>>,
    /// Clients are asked for a certificate.
    pub asks_clients: bool,
    /// What is told of them again and again, in the words of an interface.
    pub told: MadeOnce,
}

/// What the service has made of a connection, for all requests of it. No part of what the connection is.
#[derive(Default)]
pub struct MadeOnce(OnceLock<Box<dyn Any + Send + Sync>>);

impl MadeOnce {
    /// What was made before, or else now. None if it was another kind of thing.
    pub fn get_or_make<T: Send + Sync + 'static, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Option<&T>, E> {
        if self.0.get().is_none() {
            // Of two threads one comes first.
            let _ = self.0.set(Box::new(make()?));
        }
        Ok(self.0.get().and_then(|made| made.downcast_ref()))
    }
}

impl Clone for MadeOnce {
    fn clone(&self) -> MadeOnce {
        MadeOnce::default()
    }
}

impl PartialEq for MadeOnce {
    fn eq(&self, _other: &MadeOnce) -> bool {
        true
    }
}

impl Eq for MadeOnce {}

impl fmt::Debug for MadeOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MadeOnce")
    }
}

/// The name of a version of TLS, as openssl and Apache write it.
pub fn tls_version_name(version: u16) -> &'static str {
    match version {
        0x0303 => "TLSv1.2",
        0x0304 => "TLSv1.3",
        _ => "-",
    }
}

/// The registered name of a cipher suite that we speak.
pub(crate) fn cipher_suite_name(suite: u16) -> &'static str {
    match suite {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        _ => "-",
    }
}

/// A protocol over TLS, as handshakes name it (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2.
    Http2,
    /// HTTP/1.1.
    Http11,
    /// HTTP/1.0, which a client that speaks nothing newer may name (curl's --http1.0 does).
    Http10,
}

impl Alpn {
    /// Every one, the best first.
    const ALL: [Alpn; 3] = [Alpn::Http2, Alpn::Http11, Alpn::Http10];

    /// Those that are offered, the best first.
    pub(crate) fn offered(with_http2: bool) -> impl Iterator<Item = Alpn> {
        let is_spoken = move |alpn: &Alpn| with_http2 || *alpn != Alpn::Http2;
        Alpn::ALL.into_iter().filter(is_spoken)
    }

    /// Its registered name.
    pub fn name(self) -> &'static [u8] {
        match self {
            Alpn::Http2 => b"h2",
            Alpn::Http11 => b"http/1.1",
            Alpn::Http10 => b"http/1.0",
        }
    }

    /// The one of that name.
    pub(crate) fn of(name: &[u8]) -> Option<Alpn> {
        Alpn::ALL.into_iter().find(|alpn| alpn.name() == name)
    }
}

/// The address of one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Internet address and port.
    Tcp(SocketAddr),
    /// A Unix socket and its path; clients mostly have none.
    Unix(Option<Arc<Path>>),
    /// The name of a host and a port: as clients reach a proxy.
    Named(Arc<str>, u16),
    /// A proxy does not say.
    Unknown,
}

impl Address {
    /// The internet address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Address::Unix(None) => f.write_str("unix:"),
            Address::Named(name, port) => write!(f, "{name}:{port}"),
            Address::Unknown => f.write_str("unknown"),
        }
    }
}

/// What requests are sent over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Bytes as they are.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// `ws` or `wss`: the scheme of a WebSocket on the same connection.
    pub fn of_websocket(self) -> &'static str {
        match self {
            Scheme::Http => "ws",
            Scheme::Https => "wss",
        }
    }

    /// The port of a URL that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_by_their_kind() {
        let tcp = Address::Tcp("127.0.0.1:80".parse().unwrap());
        assert_eq!(tcp.to_string(), "127.0.0.1:80");
        let unix = Address::Unix(Some(Path::new("/run/app.sock").into()));
        assert_eq!(unix.to_string(), "unix:/run/app.sock");
        assert_eq!(Address::Unix(None).to_string(), "unix:");
        let named = Address::Named("example.com".into(), 8443);
        assert_eq!(named.to_string(), "example.com:8443");
        assert_eq!(Address::Unknown.to_string(), "unknown");
    }

    #[test]
    fn what_is_made_once_is_made_once() {
        let made = MadeOnce::default();
        assert_eq!(made.get_or_make::<u8, &str>(|| Err("no")), Err("no"));
        for number in [1, 2] {
            assert_eq!(made.get_or_make::<u8, ()>(|| Ok(number)), Ok(Some(&1)));
        }
        assert_eq!(made.get_or_make::<u16, ()>(|| Ok(3)), Ok(None));
    }

    #[test]
    fn a_scheme_has_one_for_websockets_and_a_port() {
        let told = [Scheme::Http, Scheme::Https]
            .map(|it| (it.as_str(), it.of_websocket(), it.default_port()));
        assert_eq!(told, [("http", "ws", 80), ("https", "wss", 443)]);
    }
}
