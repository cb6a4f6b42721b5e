//! Listening sockets: one per shard, bound to the same port as one SO_REUSEPORT group. Knows nothing of HTTP.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::start_error::StartError;

/// Binds `count` listeners to one address, non-blocking and close-on-exec.
///
/// With port 0 the kernel chooses a port for the first one and the rest join it. A port that another process serves is
/// an error even if that process shares it: two servers that split the connections between them would be a surprise.
pub(crate) fn bind_group(
    host: &str,
    port: u16,
    count: usize,
    backlog: u32,
) -> Result<Vec<TcpListener>, StartError> {
    let mut address = resolve(host, port)?;
    if port != 0 {
        // Without SO_REUSEPORT the kernel says whether a socket listens there. Closed again before the group binds.
        bind_one(address, 1, false).map_err(|error| cannot_listen(address, &error))?;
    }
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..count {
        let listener =
            bind_one(address, backlog, true).map_err(|error| cannot_listen(address, &error))?;
        address = listener
            .local_addr()
            .map_err(|error| cannot_listen(address, &error))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Accepts what waits in a listener's queue, without waiting. The streams are non-blocking.
pub(crate) fn accept_waiting(
    listener: &impl AsFd,
    mut serve: impl FnMut(TcpStream, SocketAddr),
) -> io::Result<()> {
    let listener = SockRef::from(listener);
    loop {
        match listener.accept() {
            Ok((socket, peer)) => {
                socket.set_nonblocking(true)?;
                if let Some(peer) = peer.as_socket() {
                    serve(socket.into(), peer);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Takes a listener out of its port's group. Others may hold descriptors of the same socket (the supervisor does, to
/// restart a lost shard): closing ours alone would leave it listening, with nothing to accept.
pub(crate) fn leave_group(listener: &impl AsFd) {
    // A socket that no longer listens is an error; either way it takes no connection from here on.
    let _ = SockRef::from(listener).shutdown(Shutdown::Both);
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, StartError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let found: Vec<SocketAddr> = (bare, port)
        .to_socket_addrs()
        .map_err(|error| {
            StartError::new(format!(
                "host '{host}' is no address of this machine: {error}"
            ))
        })?
        .collect();
    // `localhost` is both: clients and scripts that do not say expect the older family.
    let first = found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first());
    first
        .copied()
        .ok_or_else(|| StartError::new(format!("host '{host}' has no address")))
}

fn bind_one(address: SocketAddr, backlog: u32, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port whose last connections are in TIME_WAIT can be bound again at once.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if let SocketAddr::V6(v6) = address {
        // `::` serves IPv4 too, as people expect of "all addresses", whatever the system's default is.
        socket.set_only_v6(!v6.ip().is_unspecified())?;
    }
    // Accepted sockets inherit it: an answer is written whole, so there is nothing to wait for.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> StartError {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "port {} is in use by another process; stop it or choose another with --port",
                address.port()
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "no permission for port {}; ports below 1024 need CAP_NET_BIND_SERVICE",
                address.port()
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine", address.ip())
        }
        _ => error.to_string(),
    };
    StartError::new(format!("cannot listen on {address}: {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_shares_one_port_that_the_kernel_chose() {
        let group = bind_group("127.0.0.1", 0, 3, 16).unwrap();
        let ports: Vec<u16> = group
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        assert_ne!(ports[0], 0);
        assert!(ports.iter().all(|port| *port == ports[0]));
    }

    #[test]
    fn a_port_in_use_is_refused_even_if_it_could_be_shared() {
        let group = bind_group("127.0.0.1", 0, 1, 16).unwrap();
        let port = group[0].local_addr().unwrap().port();
        let error = bind_group("127.0.0.1", port, 1, 16)
            .unwrap_err()
            .to_string();
        assert!(error.contains("in use"), "{error}");
    }

    #[test]
    fn brackets_around_an_ipv6_address_are_accepted() {
        assert_eq!(resolve("[::1]", 80).unwrap(), "[::1]:80".parse().unwrap());
    }

    #[test]
    fn a_host_that_is_elsewhere_is_named() {
        // 192.0.2.0/24 is reserved for documentation (RFC 5737): no machine has such an address.
        let error = bind_group("192.0.2.1", 0, 1, 16).unwrap_err().to_string();
        assert!(
            error.contains("192.0.2.1 is no address of this machine"),
            "{error}"
        );
    }

    #[test]
    fn waiting_connections_are_accepted_without_waiting() {
        let group = bind_group("127.0.0.1", 0, 1, 16).unwrap();
        let address = group[0].local_addr().unwrap();
        let _a = TcpStream::connect(address).unwrap();
        let _b = TcpStream::connect(address).unwrap();
        let mut accepted = 0;
        accept_waiting(&group[0], |_, _| accepted += 1).unwrap();
        assert_eq!(accepted, 2);
    }
}
