//! Listening sockets that the process was started with: by a service manager, or by a program that bound them. Knows
//! nothing of HTTP.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use socket2::{Domain, Socket, Type};

use crate::start_error::StartError;

/// The kernel's least number of a descriptor that is no standard stream.
const FIRST: RawFd = 3;

/// One more descriptor of the socket with this number. Programs that the app starts get neither.
pub(crate) fn adopt(fd: RawFd) -> Result<Socket, StartError> {
    let refused = |reason: &str| StartError::new(format!("cannot listen on fd://{fd}: {reason}"));
    if fd < FIRST {
        return Err(refused("0, 1 and 2 are the standard streams"));
    }
    // SAFETY: changes a flag of a number; a number without a file is an error.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(refused("the process was not started with that descriptor"));
    }
    // SAFETY: it is open, and nobody closes it between here and the end of this function, where the copy is made.
    let given = unsafe { BorrowedFd::borrow_raw(fd) };
    let socket = given.try_clone_to_owned().map(Socket::from);
    let socket = socket.map_err(|error| refused(&error.to_string()))?;
    check(&socket).map_err(refused)?;
    prepare(&socket).map_err(|error| refused(&error.to_string()))?;
    Ok(socket)
}

fn check(socket: &Socket) -> Result<(), &'static str> {
    let Ok(kind) = socket.r#type() else {
        return Err("it is no socket");
    };
    let domain = socket.domain().ok();
    if kind != Type::STREAM
        || ![Domain::IPV4, Domain::IPV6, Domain::UNIX]
            .map(Some)
            .contains(&domain)
    {
        return Err("it is no stream socket of TCP or Unix");
    }
    match socket.is_listener() {
        Ok(true) => Ok(()),
        _ => Err("it is a socket that does not listen"),
    }
}

/// As our own are.
fn prepare(socket: &Socket) -> io::Result<()> {
    if socket.domain()? != Domain::UNIX {
        socket.set_tcp_nodelay(true)?;
    }
    socket.set_nonblocking(true)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn refusal(fd: RawFd) -> String {
        adopt(fd).unwrap_err().to_string()
    }

    #[test]
    fn a_listening_socket_is_taken_and_its_givers_descriptor_stays() {
        let given = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = given.local_addr().unwrap();
        let adopted = adopt(given.as_raw_fd()).unwrap();
        assert_eq!(adopted.local_addr().unwrap().as_socket(), Some(address));
        drop(adopted);
        TcpStream::connect(address).unwrap();
        drop(given);
    }

    #[test]
    fn what_does_not_listen_is_refused_with_the_reason() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(refusal(file.as_raw_fd()).contains("is no socket"));
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(refusal(datagrams.as_raw_fd()).contains("no stream socket"));
        let datagrams = UnixDatagram::unbound().unwrap();
        assert!(refusal(datagrams.as_raw_fd()).contains("no stream socket"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(refusal(client.as_raw_fd()).contains("does not listen"));
        assert!(refusal(99_999).contains("not started with"));
        assert!(refusal(1).contains("standard streams"));
    }
}
