//! TCP listeners: one for each shard, bound to the same port as one SO_REUSEPORT group. Knows nothing of HTTP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::start_error::StartError;

/// How often a port that the kernel has chosen for IPv4 and that is taken for IPv6 is exchanged for another.
const SAME_PORT_ATTEMPTS: usize = 16;

/// How many sockets each address gets, and what their queues hold.
#[derive(Clone, Copy)]
pub(crate) struct GroupSize {
    pub(crate) count: usize,
    pub(crate) backlog: u32,
}

/// The sockets of one address, non-blocking and close-on-exec.
pub(crate) type Group = Vec<Socket>;

/// Binds a group to one address.
///
/// With port 0 the kernel chooses a port for the first socket and the rest join it. A port that another process serves is
/// an error even if that process shares it: two servers that split the connections between them would be a surprise.
/// With `is_v6_alone`, `::` leaves IPv4 to another bind.
pub(crate) fn bind_group(
    host: &str,
    port: u16,
    size: GroupSize,
    is_v6_alone: bool,
) -> Result<Group, StartError> {
    let addresses = resolve(host, port)?;
    for (number, &address) in addresses.iter().enumerate() {
        let is_last = number + 1 == addresses.len();
        match is_here(address, is_v6_alone) {
            Ok(()) => return bind_to(address, size, is_v6_alone),
            // Another of the name's addresses may be.
            Err(error) if is_elsewhere(&error) && !is_last => {}
            Err(error) => return Err(cannot_listen(address, &error)),
        }
    }
    Err(StartError::new(format!("host '{host}' has no address")))
}

/// Binds a group to all addresses of each family. Where IPv6 is switched off there is the one of IPv4 only.
pub(crate) fn bind_every_address(port: u16, size: GroupSize) -> Result<Vec<Group>, StartError> {
    let mut taken = None;
    for _ in 0..SAME_PORT_ATTEMPTS {
        let place = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        is_here(place, true).map_err(|error| cannot_listen(place, &error))?;
        let v4 = bind_to(place, size, true)?;
        let chosen = v4[0].local_addr().ok().and_then(|name| name.as_socket());
        let chosen = chosen.map_or(port, |address| address.port());
        let place = SocketAddr::from((Ipv6Addr::UNSPECIFIED, chosen));
        match is_here(place, true) {
            Err(error) if is_elsewhere(&error) => {
                log::warn!("IPv6 is switched off on this machine: *:{chosen} listens on IPv4 only");
                return Ok(vec![v4]);
            }
            Err(error) if port == 0 => taken = Some(cannot_listen(place, &error)),
            Err(error) => return Err(cannot_listen(place, &error)),
            Ok(()) => return Ok(vec![v4, bind_to(place, size, true)?]),
        }
    }
    Err(taken.unwrap_or_else(|| StartError::new("no port is free for IPv4 and IPv6")))
}

fn bind_to(
    mut address: SocketAddr,
    size: GroupSize,
    is_v6_alone: bool,
) -> Result<Group, StartError> {
    if address == SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port())) && !has_v6() {
        log::warn!("IPv6 is switched off on this machine: {address} is reached over IPv4 only");
    }
    let mut group = Vec::with_capacity(size.count);
    for _ in 0..size.count {
        let socket = bind_one(address, size.backlog, true, is_v6_alone)
            .map_err(|error| cannot_listen(address, &error))?;
        if let Some(bound) = socket.local_addr().ok().and_then(|name| name.as_socket()) {
            address = bound;
        }
        group.push(socket);
    }
    Ok(group)
}

/// Whether the machine has the address, and no socket listens there: without SO_REUSEPORT the kernel says so. Closed again
/// before the group binds.
fn is_here(address: SocketAddr, is_v6_alone: bool) -> io::Result<()> {
    // Where a setting of the kernel has taken all its addresses away, the family is still there, and nobody could come.
    if address.is_ipv6() && is_v6_alone && !has_v6() {
        return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT));
    }
    bind_one(address, 1, false, is_v6_alone).map(drop)
}

/// Whether any interface has an IPv6 address.
fn has_v6() -> bool {
    // The kernel that knows no IPv6 has no such file. Where it cannot be read, sockets tell.
    match std::fs::read("/proc/net/if_inet6") {
        Ok(addresses) => !addresses.is_empty(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The addresses of a host, those to try first at the front.
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, StartError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let mut found: Vec<SocketAddr> = (bare, port)
        .to_socket_addrs()
        .map_err(|error| {
            StartError::new(format!(
                "host '{host}' is no address of this machine: {error}"
            ))
        })?
        .collect();
    // `localhost` is both: clients and scripts that do not say expect the older family.
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}

fn bind_one(
    address: SocketAddr,
    backlog: u32,
    is_shared: bool,
    is_v6_alone: bool,
) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port whose last connections are in TIME_WAIT can be bound again at once.
    socket.set_reuse_address(true)?;
    if is_shared {
        socket.set_reuse_port(true)?;
    }
    if let SocketAddr::V6(v6) = address {
        // `::` serves IPv4 too, as people expect of "all addresses", whatever the system's default is.
        socket.set_only_v6(is_v6_alone || !v6.ip().is_unspecified())?;
    }
    // Accepted sockets inherit it: an answer is written whole, so there is nothing to wait for.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// The kernel knows no IPv6, or the machine does not have the address.
fn is_elsewhere(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

/// Whether an address is not here because none of its family is.
fn is_v6_off(address: SocketAddr, error: &io::Error) -> bool {
    let is_unknown = error.raw_os_error() == Some(libc::EAFNOSUPPORT);
    is_unknown || address.ip().is_unspecified() || !has_v6()
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> StartError {
    let port = address.port();
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "port {port} is in use by another process; stop it or choose another with --port"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "no permission for port {port}; ports below 1024 need CAP_NET_BIND_SERVICE \
                 (or a socket from systemd, or a start as root with --user)"
            )
        }
        _ if address.is_ipv6() && is_elsewhere(error) && is_v6_off(address, error) => {
            String::from("IPv6 is switched off on this machine; listen on an IPv4 address")
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

    fn size(count: usize) -> GroupSize {
        GroupSize { count, backlog: 16 }
    }

    fn port_of(socket: &Socket) -> u16 {
        let name = socket.local_addr().unwrap();
        name.as_socket().unwrap().port()
    }

    #[test]
    fn a_group_shares_one_port_that_the_kernel_chose() {
        let group = bind_group("127.0.0.1", 0, size(3), false).unwrap();
        let port = port_of(&group[0]);
        assert_ne!(port, 0);
        assert!(group.iter().all(|socket| port_of(socket) == port));
    }

    #[test]
    fn every_address_is_one_port_of_both_families() {
        let groups = bind_every_address(0, size(2)).unwrap();
        let port = port_of(&groups[0][0]);
        assert!(groups.iter().flatten().all(|one| port_of(one) == port));
        let families = groups.iter().map(|group| {
            let name = group[0].local_addr().unwrap();
            name.as_socket().unwrap().is_ipv6()
        });
        assert_eq!(families.collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_port_in_use_is_refused_even_if_it_could_be_shared() {
        let group = bind_group("127.0.0.1", 0, size(1), false).unwrap();
        let port = port_of(&group[0]);
        let bound = bind_group("127.0.0.1", port, size(1), false);
        let error = bound.unwrap_err().to_string();
        assert!(error.contains("in use"), "{error}");
        let bound = bind_every_address(port, size(1));
        let error = bound.unwrap_err().to_string();
        assert!(error.contains("in use"), "{error}");
    }

    #[test]
    fn brackets_around_an_ipv6_address_are_accepted() {
        assert_eq!(resolve("[::1]", 80).unwrap(), ["[::1]:80".parse().unwrap()]);
    }

    #[test]
    fn a_host_that_is_elsewhere_is_named() {
        // 192.0.2.0/24 is reserved for documentation (RFC 5737): no machine has such an address.
        let bound = bind_group("192.0.2.1", 0, size(1), false);
        let error = bound.unwrap_err().to_string();
        assert!(
            error.contains("192.0.2.1 is no address of this machine"),
            "{error}"
        );
    }

    #[test]
    fn a_machine_without_ipv6_is_told_so() {
        let address: SocketAddr = "[::]:80".parse().unwrap();
        for number in [libc::EAFNOSUPPORT, libc::EADDRNOTAVAIL] {
            let error = io::Error::from_raw_os_error(number);
            assert!(is_elsewhere(&error));
            let error = cannot_listen(address, &error).to_string();
            assert!(error.contains("IPv6 is switched off"), "{error}");
        }
    }
}
