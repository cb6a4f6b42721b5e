//! What is known of a connection as it is kept while the connection lives: small for IPv4, the kind of nearly all.

use std::mem::MaybeUninit;
use std::net::{SocketAddr, SocketAddrV4};

use crate::connection_info::{Address, ConnectionInfo, ListenerOptions, Scheme};

/// A [`ConnectionInfo`] in a quarter of its size.
pub(crate) enum BothEnds {
    V4 {
        peer: SocketAddrV4,
        local: SocketAddrV4,
        scheme: Scheme,
        listener: ListenerOptions,
    },
    Other(Box<ConnectionInfo>),
}

const _: () = assert!(4 * size_of::<BothEnds>() <= size_of::<ConnectionInfo>());

impl BothEnds {
    pub(crate) fn new(info: ConnectionInfo) -> BothEnds {
        match (&info.peer, &info.local) {
            (Address::Tcp(SocketAddr::V4(peer)), Address::Tcp(SocketAddr::V4(local)))
                if info.prefix.is_none() && info.proxy_facts.is_none() && info.tls.is_none() =>
            {
                BothEnds::V4 {
                    peer: *peer,
                    local: *local,
                    scheme: info.scheme,
                    listener: info.listener,
                }
            }
            _ => BothEnds::Other(Box::new(info)),
        }
    }

    pub(crate) fn peer(&self) -> Address {
        self.info().peer
    }

    /// The same, to look at only. `room` is for what is not kept whole: it holds nothing that a drop would free, so a request
    /// pays neither for a drop nor for a count.
    #[inline(always)]
    pub(crate) fn lent<'a>(
        &'a self,
        room: &'a mut MaybeUninit<ConnectionInfo>,
    ) -> &'a ConnectionInfo {
        match self {
            BothEnds::V4 { .. } => room.write(self.info()),
            BothEnds::Other(info) => info,
        }
    }

    #[inline(always)]
    pub(crate) fn info(&self) -> ConnectionInfo {
        match self {
            BothEnds::V4 {
                peer,
                local,
                scheme,
                listener,
            } => ConnectionInfo {
                peer: Address::Tcp(SocketAddr::V4(*peer)),
                local: Address::Tcp(SocketAddr::V4(*local)),
                scheme: *scheme,
                listener: *listener,
                prefix: None,
                proxy_facts: None,
                tls: None,
            },
            BothEnds::Other(info) => ConnectionInfo::clone(info),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_known_comes_back_as_it_was() {
        let tcp = |text: &str| Address::Tcp(text.parse().unwrap());
        for (peer, local) in [
            (tcp("127.0.0.1:50000"), tcp("127.0.0.2:80")),
            (tcp("[fe80::1%7]:50000"), tcp("[fe80::2%7]:80")),
            (tcp("[::ffff:127.0.0.1]:5000"), tcp("[::ffff:127.0.0.1]:80")),
            (
                Address::Unix(None),
                Address::Unix(Some(Path::new("/run/app.sock").into())),
            ),
        ] {
            for (scheme, expects_proxy_protocol) in [(Scheme::Http, false), (Scheme::Https, true)] {
                let info = ConnectionInfo {
                    peer: peer.clone(),
                    local: local.clone(),
                    scheme,
                    listener: ListenerOptions {
                        expects_proxy_protocol,
                        speaks_tls: false,
                        redirects: expects_proxy_protocol,
                    },
                    prefix: None,
                    proxy_facts: None,
                    tls: None,
                };
                let kept = BothEnds::new(info.clone());
                assert_eq!(kept.info(), info);
                assert_eq!(*kept.lent(&mut MaybeUninit::uninit()), info);
                assert_eq!(kept.peer(), info.peer);
            }
        }
    }
}
