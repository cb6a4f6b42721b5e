//! A WebSocket echo server with nothing but the protocol crate and blocking sockets: one thread per connection. It
//! shows how a driver uses the crate, and the Autobahn cases run against it. It serves no other purpose.
//!
//! `cargo run --release -p turbo-shard-protocol --example websocket_echo -- [--port 9001] [--context-takeover]
//! [--compress-from BYTES]`

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use turbo_shard_protocol::websocket::{
    Accepted, Handshake, MessageKind, WebSocket, WebSocketLimits, WsEvent,
};
use turbo_shard_protocol::{
    Closing, Connection, Event, HeaderLines, Limits, Misuse, Tick, Workspace,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut limits = WebSocketLimits::sample();
    let mut port = 9001;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().ok_or(format!("{argument} needs a number"));
        match argument.as_str() {
            "--port" => port = number()?.parse()?,
            "--compress-from" => limits.compression.message_bytes_min = number()?.parse()?,
            "--context-takeover" => limits.compression.context_takeover = true,
            _ => return Err(format!("{argument} is no option").into()),
        }
    }
    let limits = Arc::new(limits);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, limits) = (stream?, Arc::clone(&limits));
        std::thread::spawn(move || {
            if let Err(error) = Peer::new(stream).and_then(|peer| peer.serve(&limits)) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

/// A socket and what its bytes are read into.
struct Peer {
    stream: TcpStream,
    chunk: Vec<u8>,
    start: Instant,
}

impl Peer {
    fn new(stream: TcpStream) -> io::Result<Peer> {
        stream.set_nodelay(true)?;
        Ok(Peer {
            stream,
            chunk: vec![0; 64 * 1024],
            start: Instant::now(),
        })
    }

    fn now(&self) -> Tick {
        Tick::from_millis(self.start.elapsed().as_millis() as u64)
    }

    fn serve(mut self, limits: &Arc<WebSocketLimits>) -> io::Result<()> {
        let Some((accepted, early)) = self.shake_hands(limits)? else {
            return Ok(());
        };
        self.stream.write_all(&accepted.head)?;
        let mut socket = WebSocket::new(Arc::clone(limits), accepted.deflate, self.now());
        socket.receive(self.now(), &early);
        loop {
            while let event @ (WsEvent::Message(_) | WsEvent::Closed { .. }) =
                socket.next_event(self.now())
            {
                if let WsEvent::Message(kind) = event {
                    // The conversation may have ended between the message and its echo.
                    let _ = echo(&mut socket, kind);
                    self.send(&mut socket)?;
                }
            }
            self.send(&mut socket)?;
            match socket.closing() {
                Closing::Open => {}
                // Fails if the peer is gone; the next read will show it.
                Closing::AfterOutput { linger: true } => {
                    let _ = self.stream.shutdown(Shutdown::Write);
                }
                Closing::AfterOutput { linger: false } | Closing::Now => return Ok(()),
            }
            self.receive(&mut socket)?;
        }
    }

    /// Reads one request. What came after its head belongs to the WebSocket.
    fn shake_hands(&mut self, limits: &WebSocketLimits) -> io::Result<Option<(Accepted, Vec<u8>)>> {
        let mut connection = Connection::new(Arc::new(Limits::sample()), self.now());
        connection.lend(Box::new(Workspace::new()));
        let mut bytes = Vec::new();
        loop {
            let n = self.stream.read(&mut self.chunk)?;
            connection.receive(self.now(), &self.chunk[..n]);
            bytes.extend_from_slice(&self.chunk[..n]);
            match connection.next_event(self.now()) {
                Event::Head => break,
                Event::NeedMore if n > 0 => {}
                _ => return Ok(None),
            }
        }
        let handshake = match Handshake::check(&connection.request()) {
            Ok(handshake) => handshake,
            Err(fault) => {
                let status = fault.status();
                write!(
                    self.stream,
                    "HTTP/1.1 {status} {fault}\r\nconnection: close\r\n\r\n"
                )?;
                return Ok(None);
            }
        };
        let accepted = handshake
            .accept(&limits.compression, None, &HeaderLines::new())
            .map_err(io::Error::other)?;
        let head_end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let early = bytes.split_off(head_end.map_or(bytes.len(), |at| at + 4));
        Ok(Some((accepted, early)))
    }

    fn send(&self, socket: &mut WebSocket) -> io::Result<()> {
        while !socket.output().is_empty() {
            let n = (&self.stream).write(socket.output())?;
            socket.consume_output(self.now(), n);
        }
        Ok(())
    }

    /// Waits for bytes or for the next deadline.
    fn receive(&mut self, socket: &mut WebSocket) -> io::Result<()> {
        let now = self.now();
        let patience_ms = socket.next_deadline().map(|at| at.since_ms(now).max(1));
        self.stream
            .set_read_timeout(patience_ms.map(Duration::from_millis))?;
        match self.stream.read(&mut self.chunk) {
            Ok(0) => socket.receive_eof(self.now()),
            Ok(n) => socket.receive(self.now(), &self.chunk[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                socket.expire(self.now());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn echo(socket: &mut WebSocket, kind: MessageKind) -> Result<(), Misuse> {
    let message = socket.take_message();
    match (kind, std::str::from_utf8(&message)) {
        (MessageKind::Text, Ok(text)) => socket.send_text(text),
        (MessageKind::Text, Err(_)) | (MessageKind::Binary, _) => socket.send_binary(&message),
    }
}
