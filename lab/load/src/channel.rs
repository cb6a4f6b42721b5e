//! What a link reads and writes: a socket's bytes as they are, or decrypted and encrypted by a TLS session.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use rustls::{ClientConnection, HandshakeKind, StreamOwned};
use socket2::{Domain, Protocol, Socket, Type};

use crate::failure::Failure;
use crate::tls::Tls;

/// A stream with or without TLS.
pub enum Channel<S: Read + Write> {
    /// As they are.
    Plain(S),
    /// Through a session, whose handshake goes on as it is read and written.
    Secured(Box<StreamOwned<ClientConnection, S>>),
}

/// Opens a connection to `target`, from `source` if one is given, with this much room in the kernel for what arrives, if
/// that is given.
pub fn connect(
    target: SocketAddr,
    source: Option<IpAddr>,
    receive_buffer_bytes: Option<usize>,
    timeout: Duration,
) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if let Some(bytes) = receive_buffer_bytes {
        // Before connecting, since that settles the window.
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&target.into(), timeout)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The channel over a stream that blocks: with TLS its handshake is over.
pub fn open(
    stream: TcpStream,
    tls: Option<&Tls>,
    timeout: Duration,
) -> Result<Channel<TcpStream>, Failure> {
    stream
        .set_read_timeout(Some(timeout))
        .and_then(|()| stream.set_write_timeout(Some(timeout)))
        .map_err(|error| Failure::io("a socket option was refused", &error))?;
    let mut channel = begin(stream, tls)?;
    if let Channel::Secured(secured) = &mut channel {
        let StreamOwned { conn, sock } = &mut **secured;
        while conn.is_handshaking() {
            conn.complete_io(sock)
                .map_err(|error| Failure::io("the TLS handshake failed", &error))?;
        }
    }
    Ok(channel)
}

/// The channel over a stream, before the handshake.
pub fn begin<S: Read + Write>(stream: S, tls: Option<&Tls>) -> Result<Channel<S>, Failure> {
    let Some(tls) = tls else {
        return Ok(Channel::Plain(stream));
    };
    let secured = StreamOwned::new(tls.session()?, stream);
    Ok(Channel::Secured(Box::new(secured)))
}

impl<S: Read + Write> Channel<S> {
    /// The stream below.
    pub fn stream(&self) -> &S {
        match self {
            Channel::Plain(stream) => stream,
            Channel::Secured(secured) => &secured.sock,
        }
    }

    /// The same, to be set up.
    pub fn stream_mut(&mut self) -> &mut S {
        match self {
            Channel::Plain(stream) => stream,
            Channel::Secured(secured) => &mut secured.sock,
        }
    }

    /// The same channel over the same stream in another form.
    pub fn over<T: Read + Write>(self, form: impl FnOnce(S) -> T) -> Channel<T> {
        match self {
            Channel::Plain(stream) => Channel::Plain(form(stream)),
            Channel::Secured(secured) => {
                let StreamOwned { conn, sock } = *secured;
                Channel::Secured(Box::new(StreamOwned::new(conn, form(sock))))
            }
        }
    }

    /// How its session began; none without TLS, and none before it has.
    pub fn handshake_kind(&self) -> Option<HandshakeKind> {
        match self {
            Channel::Plain(_) => None,
            Channel::Secured(secured) => secured.conn.handshake_kind(),
        }
    }

    /// Whether a read that brought less than it has room for leaves something in the socket.
    pub fn reads_in_parts(&self) -> bool {
        matches!(self, Channel::Secured(_))
    }

    /// Tells the peer that no more comes; without TLS the end of the stream does.
    pub fn say_goodbye(&mut self) {
        if let Channel::Secured(secured) = self {
            secured.conn.send_close_notify();
            // If the socket does not take it, its end follows all the same.
            let _ = secured.conn.write_tls(&mut secured.sock);
        }
    }
}

impl<S: Read + Write> Read for Channel<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Channel::Plain(stream) => stream.read(room),
            Channel::Secured(secured) => secured.read(room),
        }
    }
}

impl<S: Read + Write> Write for Channel<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Channel::Plain(stream) => stream.write(bytes),
            Channel::Secured(secured) => secured.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Channel::Plain(_) => Ok(()),
            Channel::Secured(secured) => secured.flush(),
        }
    }
}
