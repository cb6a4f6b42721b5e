//! A listening socket of any family as one thread has it, and what it accepts. Knows nothing of HTTP, nor how the socket
//! was made.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{SockAddr, Socket};

use crate::connection_info::{Address, ConnectionInfo, ListenerOptions};

/// An accepted socket that no shard serves yet, and what is known of it.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) socket: Socket,
    pub(crate) info: ConnectionInfo,
}

/// A listening socket, or one more descriptor of it.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// The local address of every connection, unless each has its own.
    local: Option<Address>,
    options: ListenerOptions,
    /// It is its giver's: a stop neither shuts it nor takes what waits in its queue.
    is_lent: bool,
}

impl Listener {
    /// `socket` listens.
    pub fn new(socket: Socket, options: ListenerOptions) -> io::Result<Listener> {
        let address = address_of(&socket.local_addr()?);
        let is_every_address =
            matches!(&address, Address::Tcp(address) if address.ip().is_unspecified());
        Ok(Listener {
            socket,
            local: (!is_every_address).then_some(address),
            options,
            is_lent: false,
        })
    }

    /// One that the process was started with, and that stays its giver's.
    pub fn lent(socket: Socket, options: ListenerOptions) -> io::Result<Listener> {
        let mut listener = Listener::new(socket, options)?;
        listener.is_lent = true;
        Ok(listener)
    }

    /// One more descriptor of the same socket.
    pub fn try_clone(&self) -> io::Result<Listener> {
        Ok(Listener {
            socket: self.socket.try_clone()?,
            local: self.local.clone(),
            options: self.options,
            is_lent: self.is_lent,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<Address> {
        match &self.local {
            Some(address) => Ok(address.clone()),
            None => self.socket.local_addr().map(|found| address_of(&found)),
        }
    }

    /// What was said of it.
    pub fn options(&self) -> ListenerOptions {
        self.options
    }

    /// Whether it stays its giver's.
    pub fn is_lent(&self) -> bool {
        self.is_lent
    }

    /// Whether accepting waits in the kernel. Every descriptor of the socket has the same.
    pub(crate) fn set_nonblocking(&self, is_nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(is_nonblocking)
    }

    /// What is known of a connection that was accepted here; None if its peer has left already. The kernel is asked for
    /// what accepting has not told.
    pub(crate) fn info(&self, accepted: &Socket, peer: Option<SockAddr>) -> Option<ConnectionInfo> {
        let local = match &self.local {
            Some(local) => local.clone(),
            None => address_of(&accepted.local_addr().ok()?),
        };
        let peer = match (&local, peer) {
            // Clients hardly ever give their end a name.
            (Address::Unix(_), _) => Address::Unix(None),
            (_, Some(peer)) => address_of(&peer),
            (_, None) => address_of(&accepted.peer_addr().ok()?),
        };
        Some(ConnectionInfo::fresh(peer, local, self.options))
    }

    /// Accepts one connection; its socket is non-blocking. None if the peer has left already.
    pub(crate) fn accept(&self) -> io::Result<Option<Fresh>> {
        let (socket, peer) = self.socket.accept()?;
        socket.set_nonblocking(true)?;
        let info = self.info(&socket, Some(peer));
        Ok(info.map(|info| Fresh { socket, info }))
    }

    /// Accepts what waits in the queue, without waiting. The sockets are non-blocking.
    pub(crate) fn accept_waiting(&self, mut serve: impl FnMut(Fresh)) -> io::Result<()> {
        loop {
            match self.accept() {
                Ok(Some(fresh)) => serve(fresh),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The end of the queue of a socket that was shut.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the listening, for every descriptor of the socket: others may hold one (the supervisor does, to restart a lost
    /// shard), and closing ours alone would leave it listening, with nothing to accept. Of a Unix socket what waits in
    /// the queue can still be accepted, a TCP socket resets it.
    pub(crate) fn shut(&self) {
        // A socket that no longer listens is an error; either way it takes no connection from here on.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// A socket's name as connections show it.
pub(crate) fn address_of(name: &SockAddr) -> Address {
    if let Some(address) = name.as_socket() {
        return Address::Tcp(address);
    }
    let abstract_name = name.as_abstract_namespace().map(|name| {
        let text = String::from_utf8_lossy(name);
        std::path::PathBuf::from(format!("@{text}"))
    });
    let path = abstract_name.or_else(|| name.as_pathname().map(std::path::Path::to_path_buf));
    Address::Unix(path.map(Into::into))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::net::bind::Bind;
    use crate::net::bound_address::bind_all;

    fn listen(bind: Bind) -> Listener {
        let bound = bind_all(&[bind], 1, 16).unwrap();
        bound[0].of_shard(0).try_clone().unwrap()
    }

    #[test]
    fn waiting_connections_are_accepted_without_waiting() {
        let listener = listen(Bind::tcp("127.0.0.1", 0));
        let address = listener.address().unwrap().tcp().unwrap();
        let clients = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        let mut peers = Vec::new();
        let accepted = listener.accept_waiting(|fresh| peers.push(fresh.info.peer));
        accepted.unwrap();
        let expected = clients.map(|client| Address::Tcp(client.local_addr().unwrap()));
        assert_eq!(peers, expected);
    }

    #[test]
    fn a_listener_of_every_address_asks_each_connection_for_its_own() {
        let listener = listen(Bind::tcp("0.0.0.0", 0));
        let address = listener.address().unwrap().tcp().unwrap();
        let _client = TcpStream::connect(("127.0.0.1", address.port())).unwrap();
        let mut locals = Vec::new();
        listener
            .accept_waiting(|fresh| locals.push(fresh.info.local.to_string()))
            .unwrap();
        assert_eq!(locals, [format!("127.0.0.1:{}", address.port())]);
    }

    #[test]
    fn what_waits_at_a_unix_socket_that_was_shut_can_still_be_accepted() {
        let name = format!("@turbo-shard-shut-{}", std::process::id());
        let bound = bind_all(&[Bind::unix(&name)], 1, 16).unwrap();
        let listener = bound[0].of_shard(0).try_clone().unwrap();
        let connect = || {
            use std::os::linux::net::SocketAddrExt as _;
            let place = std::os::unix::net::SocketAddr::from_abstract_name(&name[1..]).unwrap();
            UnixStream::connect_addr(&place)
        };
        let _client = connect().unwrap();
        listener.shut();
        assert!(connect().is_err());
        let mut accepted = Vec::new();
        listener
            .accept_waiting(|fresh| accepted.push(fresh.info))
            .unwrap();
        let [info] = &accepted[..] else {
            panic!("{accepted:?}");
        };
        assert_eq!(info.peer, Address::Unix(None));
        assert_eq!(info.local.to_string(), format!("unix:{name}"));
    }
}
