//! Where a user wants a server to listen, as plain values. Opens nothing.

use std::os::fd::RawFd;
use std::path::PathBuf;

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
    /// A TCP port of every address that this machine has, of both families.
    EveryAddress {
        /// 0 lets the kernel choose; it is the same port for both.
        port: u16,
    },
    /// A Unix socket.
    Unix(UnixPlace),
    /// A listening socket that the process was started with, by its descriptor. It stays its giver's: a stop neither
    /// shuts it nor takes what waits in its queue.
    Inherited(RawFd),
}

/// A place where plain HTTP is heard, to lead its clients to the listeners that speak TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where.
    pub bind: Bind,
    /// The port of the URLs that they are led to, where it is not that of the first listener on a port.
    pub port: Option<u16>,
}

/// A Unix socket and whose its file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixPlace {
    /// The file, or a name without one: `@NAME` in the abstract namespace of Linux.
    pub path: PathBuf,
    /// Who may connect, as bits of a file's mode.
    pub mode: u32,
    /// The user that the file is given to.
    pub owner: Option<u32>,
    /// The group that the file is given to.
    pub group: Option<u32>,
}

impl Bind {
    /// A place without options.
    pub fn plain(place: BindPlace) -> Bind {
        Bind {
            place,
            options: ListenerOptions::default(),
        }
    }

    /// A TCP port of one address; the kernel chooses the port if it is 0.
    pub fn tcp(host: impl Into<String>, port: u16) -> Bind {
        Bind::plain(BindPlace::Tcp {
            host: host.into(),
            port,
        })
    }

    /// A Unix socket that everyone may connect to who reaches its file.
    pub fn unix(path: impl Into<PathBuf>) -> Bind {
        Bind::plain(BindPlace::Unix(UnixPlace {
            path: path.into(),
            mode: 0o666,
            owner: None,
            group: None,
        }))
    }
}
