//! Where a user wants a server to listen, as plain values. Opens nothing.

use crate::connection_info::ListenerOptions;

/// One place to listen, as `--bind` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Where.
    pub place: BindPlace,
    /// How the connections that come in there are treated.
    pub options: ListenerOptions,
}

/// The kinds of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindPlace {
    /// A TCP port of one address.
    Tcp {
        /// Name or address.
        host: String,
        /// 0 lets the kernel choose.
        port: u16,
    },
}

impl Bind {
    /// A TCP port of one address; the kernel chooses the port if it is 0.
    pub fn tcp(host: impl Into<String>, port: u16) -> Bind {
        Bind {
            place: BindPlace::Tcp {
                host: host.into(),
                port,
            },
            options: ListenerOptions::default(),
        }
    }
}
