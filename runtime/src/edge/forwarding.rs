//! How a client saw its request, where trusted proxies say so: the connection and the host that the app is shown. Knows
//! no sockets; what proxies write is the protocol's.

use std::net::SocketAddr;
use std::sync::Arc;

use turbo_shard_protocol::forwarded::{Forwarded, Node, is_proxy_field, split_port};
use turbo_shard_protocol::{HeadCopy, RequestHead};

use crate::connection_info::{Address, ConnectionInfo, Scheme};
use crate::edge::trusted_peers::TrustedPeers;

/// A request as its client saw it.
pub(crate) struct Seen {
    /// In the place of what our own socket says.
    pub(crate) connection: ConnectionInfo,
    /// The head with the host that the client asked for, if that is another.
    head: Option<HeadCopy>,
}

impl Seen {
    /// None if the peer is not trusted.
    #[cold]
    pub(crate) fn of(
        request: RequestHead<'_>,
        mut connection: ConnectionInfo,
        trusted: &TrustedPeers,
    ) -> Option<Seen> {
        if !trusted.trusts(&connection.peer) {
            let field = request.headers().find(|(name, _)| is_proxy_field(name));
            let name = field.map_or(&b"them"[..], |(name, _)| name);
            trusted.advise(&connection.peer, &String::from_utf8_lossy(name));
            return None;
        }
        let word = Forwarded::read(request, |ip| trusted.trusts_ip(ip));
        match word.client {
            Some(Node::Address(ip, port)) => {
                connection.peer = Address::Tcp(SocketAddr::new(ip, port));
            }
            Some(Node::Unknown) => connection.peer = Address::Unknown,
            None => {}
        }
        match word.is_secure {
            Some(true) => connection.scheme = Scheme::Https,
            Some(false) => connection.scheme = Scheme::Http,
            None => {}
        }
        let mut head = None;
        if word.host.is_some() || word.port.is_some() {
            let sent = request.header("host").unwrap_or_default();
            let host = word.host.unwrap_or(sent);
            let asked = AskedHost::of(host, word.port, connection.scheme);
            if asked.field != sent && !asked.field.is_empty() {
                head = Some(HeadCopy::with_host(request, &asked.field));
            }
            connection.local = asked.server(connection.local);
        }
        connection.prefix = word.prefix.map(Arc::from);
        Some(Seen { connection, head })
    }

    /// The head that the app is shown.
    pub(crate) fn head_or<'a>(&'a self, sent: RequestHead<'a>) -> RequestHead<'a> {
        self.head.as_ref().map_or(sent, HeadCopy::head)
    }
}

/// Host and port that a client asked for.
struct AskedHost<'a> {
    /// Empty if there is none.
    name: &'a [u8],
    port: u16,
    /// Both as `Host` has them.
    field: Vec<u8>,
}

impl<'a> AskedHost<'a> {
    /// A port in the host is the one that the client has written, so it counts more than one that a proxy tells beside.
    fn of(host: &'a [u8], told: Option<u16>, scheme: Scheme) -> AskedHost<'a> {
        let (name, own) = split_port(host).unwrap_or((host, None));
        let port = own.or(told).unwrap_or(scheme.default_port());
        let mut field = host.to_vec();
        if own.is_none() && port != scheme.default_port() && !name.is_empty() {
            field.extend_from_slice(format!(":{port}").as_bytes());
        }
        AskedHost { name, port, field }
    }

    /// As the end of the connection that the client has reached.
    fn server(&self, local: Address) -> Address {
        let name = String::from_utf8_lossy(self.name);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        match (bare.parse(), local) {
            (Ok(ip), _) => Address::Tcp(SocketAddr::new(ip, self.port)),
            (Err(_), Address::Tcp(local)) if name.is_empty() => {
                Address::Tcp(SocketAddr::new(local.ip(), self.port))
            }
            (Err(_), local) if name.is_empty() => local,
            (Err(_), _) => Address::Named(name.into(), self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection_info::ListenerOptions;

    use turbo_shard_protocol::{Connection, Event, Limits, Tick, Workspace};

    /// What the app is shown: client, server, scheme, prefix and `Host`.
    fn shown(peer: &str, lines: &str) -> Option<[String; 5]> {
        let now = Tick::from_millis(0);
        let mut connection = Connection::new(Arc::new(Limits::sample()), now);
        connection.lend(Box::new(Workspace::new()));
        connection.receive(now, format!("GET / HTTP/1.0\r\n{lines}\r\n\r\n").as_bytes());
        assert_eq!(connection.next_event(now), Event::Head);
        let own = ConnectionInfo::fresh(
            Address::Tcp(peer.parse().unwrap()),
            Address::Tcp("192.0.2.1:8000".parse().unwrap()),
            ListenerOptions::default(),
        );
        let trusted = TrustedPeers::parse(&["127.0.0.0/8", "10.0.0.0/8"]).unwrap();
        let seen = Seen::of(connection.request(), own, &trusted)?;
        let host = seen.head_or(connection.request()).header("host");
        Some([
            seen.connection.peer.to_string(),
            seen.connection.local.to_string(),
            seen.connection.scheme.as_str().into(),
            String::from(seen.connection.prefix.as_deref().unwrap_or("-")),
            String::from_utf8_lossy(host.unwrap_or(b"-")).into_owned(),
        ])
    }

    #[test]
    fn what_is_not_told_stays_as_it_is() {
        for (lines, expected) in [
            (
                "Host: a.b\r\nX-Forwarded-For: 203.0.113.7",
                ["203.0.113.7:0", "192.0.2.1:8000", "http", "-", "a.b"],
            ),
            (
                "Host: a.b\r\nX-Forwarded-Proto: https",
                ["127.0.0.1:5", "192.0.2.1:8000", "https", "-", "a.b"],
            ),
            (
                "Host: a.b\r\nX-Forwarded-Prefix: /p",
                ["127.0.0.1:5", "192.0.2.1:8000", "http", "/p", "a.b"],
            ),
            (
                "Host: a.b\r\nX-Forwarded-For: unknown",
                ["unknown", "192.0.2.1:8000", "http", "-", "a.b"],
            ),
        ] {
            assert_eq!(shown("127.0.0.1:5", lines).unwrap(), expected, "{lines}");
        }
    }

    #[test]
    fn hosts_and_ports_are_those_that_the_client_asked_for() {
        for (lines, [server, host]) in [
            ("Host: a.b\r\nX-Forwarded-Host: c.d", ["c.d:80", "c.d"]),
            (
                "Host: a.b\r\nX-Forwarded-Host: c.d:81",
                ["c.d:81", "c.d:81"],
            ),
            (
                "X-Forwarded-Host: c.d\r\nX-Forwarded-Proto: https",
                ["c.d:443", "c.d"],
            ),
            (
                "X-Forwarded-Host: c.d\r\nX-Forwarded-Port: 81",
                ["c.d:81", "c.d:81"],
            ),
            (
                "X-Forwarded-Host: c.d:82\r\nX-Forwarded-Port: 81",
                ["c.d:82", "c.d:82"],
            ),
            ("Host: a.b\r\nX-Forwarded-Port: 81", ["a.b:81", "a.b:81"]),
            ("Host: a.b:82\r\nX-Forwarded-Port: 81", ["a.b:82", "a.b:82"]),
            ("Host: a.b\r\nX-Forwarded-Port: 80", ["a.b:80", "a.b"]),
            (
                "Host: a.b\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Proto: https",
                ["a.b:443", "a.b"],
            ),
            ("X-Forwarded-Port: 81", ["192.0.2.1:81", "-"]),
            (
                "X-Forwarded-Host: [2001:db8::1]",
                ["[2001:db8::1]:80", "[2001:db8::1]"],
            ),
            (
                "X-Forwarded-Host: 192.0.2.9:81",
                ["192.0.2.9:81", "192.0.2.9:81"],
            ),
        ] {
            let [_, local, _, _, field] = shown("127.0.0.1:5", lines).unwrap();
            assert_eq!([local.as_str(), field.as_str()], [server, host], "{lines}");
        }
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_not_heard() {
        assert_eq!(shown("203.0.113.9:5", "X-Forwarded-For: 203.0.113.7"), None);
    }
}
