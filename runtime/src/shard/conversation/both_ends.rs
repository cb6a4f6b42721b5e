//! The addresses of a connection as it keeps them while it lives: small for IPv4, the kind of nearly all.

use std::net::{SocketAddr, SocketAddrV4};

use crate::service::ConnectionInfo;

/// A [`ConnectionInfo`] in a quarter of its size.
pub(crate) enum BothEnds {
    V4 {
        peer: SocketAddrV4,
        local: SocketAddrV4,
    },
    Other(Box<ConnectionInfo>),
}

const _: () = assert!(4 * size_of::<BothEnds>() == size_of::<ConnectionInfo>());

impl BothEnds {
    pub(crate) fn new(info: ConnectionInfo) -> BothEnds {
        match (info.peer, info.local) {
            (SocketAddr::V4(peer), SocketAddr::V4(local)) => BothEnds::V4 { peer, local },
            _ => BothEnds::Other(Box::new(info)),
        }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.info().peer
    }

    #[inline]
    pub(crate) fn info(&self) -> ConnectionInfo {
        match self {
            BothEnds::V4 { peer, local } => ConnectionInfo {
                peer: SocketAddr::V4(*peer),
                local: SocketAddr::V4(*local),
            },
            BothEnds::Other(info) => **info,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        for (peer, local) in [
            ("127.0.0.1:50000", "127.0.0.2:80"),
            ("[fe80::1%7]:50000", "[fe80::2%7]:80"),
            ("[::ffff:127.0.0.1]:50000", "[::ffff:127.0.0.1]:80"),
        ] {
            let info = ConnectionInfo {
                peer: peer.parse().unwrap(),
                local: local.parse().unwrap(),
            };
            let kept = BothEnds::new(info);
            assert_eq!(kept.info(), info);
            assert_eq!(kept.peer(), info.peer);
        }
    }
}
