//! The start of a connection on which a proxy says whose it is (PROXY protocol). Sans-IO, as its parent.

use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use turbo_shard_protocol::Tick;
use turbo_shard_protocol::proxy_protocol::{ProxyEnds, ProxyFault, ProxyHeader, ProxyParse};

use crate::connection_info::{Address, ConnectionInfo, Scheme};
use crate::service::Service;
use crate::shard::conversation::refusal_words::Seconds;
use crate::shard::workbench::Workbench;

pub(crate) struct Proxied {
    /// As the socket has it.
    info: ConnectionInfo,
    /// What has come of the header; at most its bound and one read.
    received: Vec<u8>,
    /// By when it must be whole.
    deadline: Tick,
    is_refused: bool,
}

impl Proxied {
    /// The header of a peer that is not trusted is not waited for.
    pub(super) fn new<S: Service>(
        bench: &Workbench<S>,
        info: &ConnectionInfo,
        now: Tick,
    ) -> Proxied {
        let mut proxied = Proxied {
            info: info.clone(),
            received: Vec::new(),
            deadline: now.after_ms(bench.limits.head_timeout_ms),
            is_refused: false,
        };
        let is_trusted = (bench.edge.as_ref()).is_some_and(|edge| edge.trusts(&info.peer));
        if !is_trusted {
            let peer = &info.peer;
            proxied.refuse(
                bench,
                now,
                format_args!(
                    "it is not trusted to say whose connection it is (PROXY protocol); --forwarded-allow-ips {} \
                     changes that",
                    WordOf(peer)
                ),
            );
        }
        proxied
    }

    /// The connection as it was told, and what follows the header, once that is whole.
    pub(super) fn receive<'c, S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        chunk: &'c [u8],
    ) -> Option<(ConnectionInfo, &'c [u8])> {
        if self.is_refused {
            return None;
        }
        let before = self.received.len();
        let parsed = match before {
            0 => ProxyHeader::parse(chunk),
            _ => {
                self.received.extend_from_slice(chunk);
                ProxyHeader::parse(&self.received)
            }
        };
        match parsed {
            Ok(ProxyParse::Partial) if before == 0 => self.received = chunk.to_vec(),
            Ok(ProxyParse::Partial) => {}
            Ok(ProxyParse::Complete(header)) => {
                // What came before was no whole header.
                let rest = &chunk[header.length - before..];
                return Some((told(&self.info, header), rest));
            }
            Err(fault) => self.refuse_header(bench, now, fault),
        }
        None
    }

    /// A connection that ends without a byte was a look at the port.
    pub(super) fn receive_eof<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        if !self.is_refused && !self.received.is_empty() {
            self.refuse(
                bench,
                now,
                format_args!("it has sent half a PROXY protocol header"),
            );
        }
        self.is_refused = true;
    }

    pub(super) fn leads_to_tls(&self) -> bool {
        self.info.listener.speaks_tls
    }

    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }

    pub(super) fn deadline(&self) -> Tick {
        self.deadline
    }

    /// Returns whether the connection must go at once.
    pub(super) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        if now < self.deadline {
            return false;
        }
        if !self.is_refused {
            let seconds = Seconds(bench.limits.head_timeout_ms);
            self.refuse(
                bench,
                now,
                format_args!(
                    "its PROXY protocol header did not come in time; --head-timeout is {seconds}"
                ),
            );
        }
        true
    }

    fn refuse_header<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, fault: ProxyFault) {
        match fault {
            ProxyFault::Missing => self.refuse(
                bench,
                now,
                format_args!("{fault}, which this listener expects before the first request"),
            ),
            _ => self.refuse(bench, now, format_args!("{fault}")),
        }
    }

    /// There is nobody to answer: what the peer speaks is not known.
    #[cold]
    fn refuse<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, why: fmt::Arguments<'_>) {
        self.is_refused = true;
        self.received = Vec::new();
        if bench.peer_log.pass(now) {
            log::info!("{} was cut off: {why}", self.info.peer);
        }
    }
}

/// How a peer is named among those that are trusted.
struct WordOf<'a>(&'a Address);

impl fmt::Display for WordOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Address::Tcp(address) => address.ip().to_canonical().fmt(f),
            _ => f.write_str("unix"),
        }
    }
}

/// The connection that a header tells of.
fn told(own: &ConnectionInfo, header: ProxyHeader) -> ConnectionInfo {
    let mut info = own.clone();
    match header.ends {
        ProxyEnds::Own => {}
        ProxyEnds::Tcp { client, server } => {
            info.peer = Address::Tcp(canonical(client));
            info.local = Address::Tcp(canonical(server));
        }
        ProxyEnds::Unix { client, server } => {
            info.peer = unix(&client);
            info.local = unix(&server);
        }
    }
    match header.facts.is_secure {
        Some(true) => info.scheme = Scheme::Https,
        Some(false) => info.scheme = Scheme::Http,
        None => {}
    }
    if !header.facts.is_empty() {
        info.proxy_facts = Some(Arc::new(header.facts));
    }
    info
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn unix(path: &[u8]) -> Address {
    let path = (!path.is_empty()).then(|| Path::new(OsStr::from_bytes(path)).into());
    Address::Unix(path)
}

#[cfg(test)]
#[path = "proxied_tests.rs"]
mod tests;
