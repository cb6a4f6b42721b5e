//! The addresses that a server is bound to, and which sockets each shard has of them. Knows nothing of HTTP.

use std::io;

use socket2::Socket;

use crate::connection_info::{Address, ListenerOptions, Scheme};
use crate::net::bind::{Bind, BindPlace, Redirect};
use crate::net::children::OwnAddress;
use crate::net::listener::Listener;
use crate::net::tcp_group::{GroupSize, bind_every_address, bind_group};
use crate::net::unix_socket::SocketFile;
use crate::net::{inherited, unix_socket};
use crate::start_error::StartError;

/// One address.
#[derive(Debug)]
pub(crate) struct BoundAddress {
    pub(crate) address: Address,
    sockets: Sockets,
    /// What a forked child must not keep.
    _own: OwnAddress,
    /// After the sockets: while they listen there is a file.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Sockets {
    /// One for each shard. The kernel spreads connections over them.
    Group(Vec<Listener>),
    /// One whose connections are shared out to all shards.
    Shared(Listener),
}

/// Binds all of `binds`, or none: what was bound before one fails is closed again.
pub(crate) fn bind_all(
    binds: &[Bind],
    shards: usize,
    backlog: u32,
) -> Result<Vec<BoundAddress>, StartError> {
    let size = GroupSize {
        count: shards,
        backlog,
    };
    let mut bound = Vec::new();
    for bind in binds {
        let options = bind.options;
        match &bind.place {
            BindPlace::Tcp { host, port } => {
                let is_v6_alone = leaves_v4(binds, *port);
                let group = bind_group(host, *port, size, is_v6_alone)?;
                bound.push(BoundAddress::of_group(group, options)?);
            }
            BindPlace::EveryAddress { port } => {
                for group in bind_every_address(*port, size)? {
                    bound.push(BoundAddress::of_group(group, options)?);
                }
            }
            BindPlace::Unix(place) => {
                let (socket, file) = unix_socket::listen(place, backlog)?;
                let listener = Listener::new(socket, options).map_err(unnamed)?;
                bound.push(BoundAddress::of(Sockets::Shared(listener), file)?);
            }
            BindPlace::Inherited(fd) => {
                let socket = inherited::adopt(*fd)?;
                let listener = Listener::lent(socket, options).map_err(unnamed)?;
                bound.push(BoundAddress::of(Sockets::Shared(listener), None)?);
            }
        }
    }
    Ok(bound)
}

impl Redirect {
    /// The port of the URLs that it leads to, which are those of what is `bound`.
    pub(crate) fn leads_to(&self, bound: &[BoundAddress]) -> u16 {
        let found = bound.iter().find_map(|one| one.address.tcp());
        let port = self.port.or(found.map(|address| address.port()));
        // What is bound to Unix sockets alone has a server before it, which has the usual port.
        port.unwrap_or(Scheme::Https.default_port())
    }
}

/// Whether IPv4's part of a port has a bind of its own, so that `::` is for IPv6 alone.
fn leaves_v4(binds: &[Bind], port: u16) -> bool {
    let is_all_of_v4 = |bind: &Bind| matches!(&bind.place, BindPlace::Tcp { host, port: other } if host == "0.0.0.0" && *other == port);
    port != 0 && binds.iter().any(is_all_of_v4)
}

impl BoundAddress {
    fn of_group(group: Vec<Socket>, options: ListenerOptions) -> Result<BoundAddress, StartError> {
        let listeners = group
            .into_iter()
            .map(|socket| Listener::new(socket, options));
        let listeners = listeners.collect::<io::Result<_>>().map_err(unnamed)?;
        BoundAddress::of(Sockets::Group(listeners), None)
    }

    /// An address whose socket was bound before this process was started.
    pub(crate) fn inherited(inherited: InheritedListener) -> Result<BoundAddress, StartError> {
        let InheritedListener {
            listener,
            is_shared,
        } = inherited;
        let sockets = match is_shared {
            true => Sockets::Shared(listener),
            false => Sockets::Group(vec![listener]),
        };
        BoundAddress::of(sockets, None)
    }

    fn of(sockets: Sockets, file: Option<SocketFile>) -> Result<BoundAddress, StartError> {
        let any = match &sockets {
            Sockets::Group(listeners) => listeners.first(),
            Sockets::Shared(listener) => Some(listener),
        };
        let any = any.ok_or_else(|| StartError::new("no listener was bound"))?;
        Ok(BoundAddress {
            address: any.address().map_err(unnamed)?,
            _own: OwnAddress::claim(any),
            sockets,
            _file: file,
        })
    }

    /// Whether clients are led away from here.
    pub(crate) fn redirects(&self) -> bool {
        self.of_shard(0).options().redirects
    }

    /// The group of the shards, if each has a socket of its own.
    pub(crate) fn group(&self) -> Option<&[Listener]> {
        match &self.sockets {
            Sockets::Group(listeners) => Some(listeners),
            Sockets::Shared(_) => None,
        }
    }

    /// The listener that all shards share, if they do.
    pub(crate) fn shared(&self) -> Option<&Listener> {
        match &self.sockets {
            Sockets::Group(_) => None,
            Sockets::Shared(listener) => Some(listener),
        }
    }

    /// The socket whose connections shard `index` serves, alone or with the others.
    pub(crate) fn of_shard(&self, index: usize) -> &Listener {
        match &self.sockets {
            Sockets::Group(listeners) => &listeners[index],
            Sockets::Shared(listener) => listener,
        }
    }
}

/// A socket that a worker process is started with.
#[derive(Debug)]
pub struct InheritedListener {
    /// Bound and listening; the worker's successor will inherit the same socket.
    pub listener: Listener,
    /// Whether other workers accept from it as well.
    pub is_shared: bool,
}

fn unnamed(error: io::Error) -> StartError {
    StartError::new(format!("a listener has no address: {error}"))
}
