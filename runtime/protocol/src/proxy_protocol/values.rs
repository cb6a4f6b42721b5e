//! What a header says, and why there may be none. Plain values.

use core::net::SocketAddr;
use std::error::Error;
use std::fmt;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The ends of the connection between the client and the proxy.
    pub ends: ProxyEnds,
    /// What else a proxy tells; never with the first version.
    pub facts: ProxyFacts,
    /// Bytes of the header: what follows is the connection's.
    pub length: usize,
}

/// Whose connection it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyEnds {
    /// The proxy's own, as for a health check, or one of a kind that it does not tell: our socket's ends count.
    Own,
    /// A client's, over TCP.
    Tcp {
        /// The client.
        client: SocketAddr,
        /// Where it has reached the proxy.
        server: SocketAddr,
    },
    /// A client's, over a Unix socket.
    Unix {
        /// The client's path, mostly empty.
        client: Vec<u8>,
        /// The proxy's.
        server: Vec<u8>,
    },
}

/// How far a header has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyParse {
    /// So far it may become one.
    Partial,
    /// It is complete.
    Complete(ProxyHeader),
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// The bytes begin with something else.
    Missing,
    /// It breaks its grammar.
    Malformed,
    /// It is longer than this server reads.
    TooLong,
    /// It is about datagrams, or of a version or family that is not known.
    Unsupported,
    /// Its checksum is wrong.
    ChecksumWrong,
}

/// What a proxy tells besides addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyFacts {
    /// The protocol that client and proxy have agreed on, such as `h2`.
    pub alpn: Option<Vec<u8>>,
    /// The host that the client has asked for: the name of TLS's SNI.
    pub authority: Option<String>,
    /// What the proxy calls the connection.
    pub unique_id: Option<Vec<u8>>,
    /// Whether the client has used TLS, where the proxy says so.
    pub is_secure: Option<bool>,
}

impl ProxyFacts {
    /// Nothing was told that an app would want to see.
    pub fn is_empty(&self) -> bool {
        (&self.alpn, &self.authority, &self.unique_id) == (&None, &None, &None)
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProxyFault::Missing => "there is no PROXY protocol header",
            ProxyFault::Malformed => "its PROXY protocol header is malformed",
            ProxyFault::TooLong => "its PROXY protocol header is too long",
            ProxyFault::Unsupported => {
                "its PROXY protocol header is of a version or family that is not known here"
            }
            ProxyFault::ChecksumWrong => "the checksum of its PROXY protocol header is wrong",
        })
    }
}

impl Error for ProxyFault {}
