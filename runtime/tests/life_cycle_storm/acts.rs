//! What clients do to a server, well and badly, and what its app does with the requests that it holds.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use turbo_shard_runtime::protocol::websocket::MessageKind;
use turbo_shard_runtime::protocol::{BodyLength, HeaderLines};

use crate::dice::Dice;
use crate::test_server::{HANG, TestServer};

/// Longest pause within an act: long enough for the server to have its turn in between.
const PAUSE_MS_MAX: usize = 3;

/// One of the storm's clients.
pub(crate) struct Client<'a> {
    pub(crate) server: &'a TestServer,
    pub(crate) deaths: &'a Deaths,
}

/// Shards that are made to die: clients that are connected then may be cut off, and no others.
#[derive(Default)]
pub(crate) struct Deaths {
    ordered: AtomicU64,
    cut_off: AtomicU64,
}

impl Deaths {
    /// The shard whose hosted loop has the next turn dies, unless one is about to already.
    pub(crate) fn order(&self, server: &TestServer) {
        // Before it may come true, so that no client is cut off by a death that was not ordered.
        self.ordered.fetch_add(1, Ordering::SeqCst);
        if server.seen.break_loop.swap(true, Ordering::SeqCst) {
            self.ordered.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Takes an order back that was not carried out.
    pub(crate) fn countermand(&self, server: &TestServer) {
        if server.seen.break_loop.swap(false, Ordering::SeqCst) {
            self.ordered.fetch_sub(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn ordered(&self) -> u64 {
        self.ordered.load(Ordering::SeqCst)
    }

    pub(crate) fn cut_off(&self) -> u64 {
        self.cut_off.load(Ordering::SeqCst)
    }
}

impl Client<'_> {
    /// One connection's life. An error is what the server did wrong.
    pub(crate) fn play(&self, dice: &mut Dice) -> Result<(), String> {
        let (ordered, restarts) = (self.deaths.ordered(), self.server.restarts());
        let start = std::time::Instant::now();
        let act = dice.below(8);
        let played = self.connect().and_then(|stream| match act {
            0..=2 => self.converse(stream, dice),
            3 => self.leave_in_the_middle(stream, dice),
            4 => self.read_little(stream, dice),
            5 => self.half_close(stream, dice),
            6 => self.become_websocket(stream, dice),
            _ => self.use_the_loop(stream, dice),
        });
        match played {
            Ok(()) => Ok(()),
            // A shard died meanwhile, or was about to.
            Err(_)
                if ordered != self.deaths.ordered()
                    || restarts != self.server.restarts()
                    || self.server.restarts() < ordered =>
            {
                self.deaths.cut_off.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            Err(error) => Err(format!("{error} in act {act}, after {:?}", start.elapsed())),
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.server.address)?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        Ok(stream)
    }

    /// Requests, several at once perhaps and in pieces, each of which gets its answer.
    fn converse(&self, mut stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
        for _ in 0..=dice.below(6) {
            let mut requests = Vec::new();
            let mut expected = Vec::new();
            let most = if dice.one_in(8) { 120 } else { 3 };
            for _ in 0..=dice.below(most) {
                let (request, body) = some_request(dice);
                requests.extend_from_slice(&request);
                expected.push(body);
            }
            // Written by another thread: a peer that only writes must soon wait.
            let mut writer = stream.try_clone()?;
            let mut pieces = Dice::new(dice.below(usize::MAX) as u64);
            std::thread::scope(|scope| {
                scope.spawn(move || drop(write_in_pieces(&mut writer, &requests, &mut pieces)));
                expected
                    .iter()
                    .try_for_each(|body| expect(&mut stream, body))
            })?;
        }
        end(stream, dice)
    }

    /// A request that is not finished, or whose answer is not waited for.
    fn leave_in_the_middle(&self, mut stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
        let path = dice.one_of(&[
            "/hello", "/held", "/later", "/stream", "/flood", "/dropped", "/panic", "/echo",
        ]);
        let mut request = get(path);
        if path == "/echo" {
            request = upload(&vec![b'x'; dice.below(200_000)], dice);
        }
        if dice.one_in(2) {
            request.truncate(dice.below(request.len() + 1));
        }
        let _ = write_in_pieces(&mut stream, &request, dice);
        pause(dice);
        if dice.one_in(3) {
            let mut some = vec![0; 1 + dice.below(100_000)];
            stream.set_read_timeout(Some(Duration::from_millis(
                1 + dice.below(PAUSE_MS_MAX) as u64,
            )))?;
            let _ = stream.read(&mut some);
        }
        end(stream, dice)
    }

    /// An answer that is larger than all buffers and read in part: its sends are in flight when the end comes.
    fn read_little(&self, mut stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
        if dice.one_in(2) {
            socket2::SockRef::from(&stream).set_recv_buffer_size(4096)?;
        }
        stream.write_all(&get("/flood"))?;
        let mut some = vec![0; 1 + dice.below(300_000)];
        for _ in 0..dice.below(4) {
            let _ = read_some(&mut stream, &mut some)?;
            pause(dice);
        }
        if dice.one_in(2) {
            // More than the server takes while its answer is not read.
            stream.set_nonblocking(true)?;
            let _ = stream.write(&get("/hello").repeat(5000));
        }
        end(stream, dice)
    }

    /// The last request's answer still comes.
    fn half_close(&self, mut stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
        let (request, body) = some_request(dice);
        write_in_pieces(&mut stream, &request, dice)?;
        stream.shutdown(Shutdown::Write)?;
        expect(&mut stream, &body)?;
        match read_some(&mut stream, &mut [0])? {
            0 => Ok(()),
            _ => Err(io::Error::other("bytes behind the last answer")),
        }
    }

    /// The app's messages come as they like; the end is sudden, most often.
    fn become_websocket(&self, mut stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
        let mut bytes = b"GET /websocket HTTP/1.1\r\nHost: storm\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .to_vec();
        for _ in 0..dice.below(5) {
            // A masked text of five bytes, its mask being zero.
            bytes.extend_from_slice(b"\x81\x85\0\0\0\0hello");
        }
        write_in_pieces(&mut stream, &bytes, dice)?;
        let head = read_until(&mut stream, b"\r\n\r\n")?;
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(format!(
                "no handshake: {}",
                String::from_utf8_lossy(&head)
            )));
        }
        if dice.one_in(2) {
            stream.write_all(b"\x88\x82\0\0\0\0\x03\xe8")?;
            stream.set_read_timeout(Some(Duration::from_millis(20)))?;
            let _ = stream.read(&mut [0; 1024]);
        }
        end(stream, dice)
    }

    /// The hosted loop answers, or the test, which answers all that is held; or none comes because the shard has died.
    fn use_the_loop(&self, mut stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
        stream.write_all(&get("/loop"))?;
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let _ = stream.read(&mut [0; 100]);
        end(stream, dice)
    }
}

/// What the app does with a request that waits for it: all that an app can do, right or wrong.
pub(crate) fn answer_held(server: &TestServer, dice: &mut Dice) {
    let held = std::mem::take(&mut *server.seen.held.lock().unwrap());
    for reply in held {
        match dice.below(6) {
            0 => reply.whole(200, HeaderLines::new(), vec![b'w'; dice.below(200_000)]),
            1 => {
                reply.start(200, HeaderLines::new(), BodyLength::Unknown);
                for _ in 0..dice.below(5) {
                    let _ = reply.chunk(vec![b'c'; 1 + dice.below(100_000)]);
                    let _ = reply.take_body(4096);
                }
                reply.end();
            }
            2 => reply.fail(),
            3 => {
                // No head, and two bodies.
                let _ = reply.chunk(vec![b'c'; dice.below(100_000)]);
                reply.whole(200, HeaderLines::new(), vec![b'w'; dice.below(1_000)]);
            }
            4 => {
                let _ = reply.take_body(1 << 20);
                server.seen.held.lock().unwrap().push(reply);
            }
            _ => drop(reply),
        }
    }
    let conversations = std::mem::take(&mut *server.seen.conversations.lock().unwrap());
    for conversation in conversations {
        match dice.below(6) {
            0 => conversation.end(),
            1 => conversation.fail(),
            2 | 3 => {
                for _ in 0..dice.below(8) {
                    let message = vec![b'm'; dice.below(100_000)];
                    let _ = conversation.message(MessageKind::Binary, message);
                    let _ = conversation.take_message();
                }
                conversation.close(1000, String::from("enough"));
            }
            4 => {
                let _ = conversation.take_message();
                let mut kept = server.seen.conversations.lock().unwrap();
                kept.push(conversation);
            }
            _ => drop(conversation),
        }
    }
}

pub(crate) fn says_hello(server: &TestServer) -> bool {
    let Ok(mut stream) = TcpStream::connect(server.address) else {
        return false;
    };
    let asked = stream
        .set_read_timeout(Some(HANG))
        .and_then(|()| stream.write_all(&get("/hello")));
    asked.and_then(|()| expect(&mut stream, b"hello")).is_ok()
}

fn some_request(dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
    match dice.below(6) {
        0 => (get("/later"), b"later".to_vec()),
        1 => (get("/stream"), b"one two three".to_vec()),
        2 => {
            let letter = dice.one_of(b"abcdef");
            let bytes_max = if dice.one_in(4) { 300_000 } else { 2000 };
            let body = vec![letter; dice.below(bytes_max)];
            (upload(&body, dice), body)
        }
        _ => (get("/hello"), b"hello".to_vec()),
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: storm\r\n\r\n").into_bytes()
}

fn upload(body: &[u8], dice: &mut Dice) -> Vec<u8> {
    let head = "POST /echo HTTP/1.1\r\nHost: storm\r\n";
    if dice.one_in(2) {
        return [
            format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
            body,
        ]
        .concat();
    }
    let mut request = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let size = 1 + dice.below(70_000);
    for chunk in body.chunks(size) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn write_in_pieces(stream: &mut TcpStream, bytes: &[u8], dice: &mut Dice) -> io::Result<()> {
    let cuts = dice.below(4);
    let mut rest = bytes;
    for _ in 0..cuts {
        let (piece, behind) = rest.split_at(dice.below(rest.len() + 1));
        stream.write_all(piece)?;
        pause(dice);
        rest = behind;
    }
    stream.write_all(rest)
}

/// Reads one answer, and compares its body.
fn expect(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    let head = read_until(stream, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let mut received = Vec::new();
    if let Some(length) = head.split("content-length: ").nth(1) {
        let length = length
            .split("\r\n")
            .next()
            .and_then(|length| length.parse().ok());
        received.resize(length.ok_or(ErrorKind::InvalidData)?, 0);
        stream.read_exact(&mut received)?;
    } else {
        loop {
            let line = read_until(stream, b"\r\n")?;
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16);
            let size = size.map_err(|_| ErrorKind::InvalidData)?;
            let start = received.len();
            received.resize(start + size + 2, 0);
            stream.read_exact(&mut received[start..])?;
            received.truncate(start + size);
            if size == 0 {
                break;
            }
        }
    }
    if head.starts_with("http/1.1 200 ") && received == body {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{head}then {} bytes instead of {}",
        received.len(),
        body.len()
    )))
}

/// A read that a signal does not end. A socket with a timeout is not read on by the kernel.
fn read_some(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> io::Result<Vec<u8>> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(end) {
        stream.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    Ok(bytes)
}

/// The connection's end: in good order, or with a reset.
fn end(stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
    match dice.below(3) {
        0 => socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        1 => stream.shutdown(Shutdown::Write).or(Ok(())),
        _ => Ok(()),
    }
}

fn pause(dice: &mut Dice) {
    if dice.one_in(2) {
        std::thread::park_timeout(Duration::from_millis(dice.below(PAUSE_MS_MAX + 1) as u64));
    }
}
