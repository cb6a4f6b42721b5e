//! WebSockets through `WebSocketReply`, on every arm: messages both ways, and every way a conversation ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use turbo_shard_runtime::protocol::websocket::MessageKind;
use turbo_shard_runtime::{Flow, Received, WebSocketReply};

use crate::on_every_arm;
use crate::test_server::TestServer;
use crate::wire::{read_until, write_until_full};

pub(crate) const TEXT: u8 = 1;
const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;

/// Far more than all buffers on the way hold.
const MESSAGES: usize = 1024;
const MESSAGE_BYTES: usize = 64 * 1024;

pub(crate) const HANDSHAKE: &[u8] =
    b"GET /websocket HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A final frame as a client sends it; with a mask of zeroes the payload looks as it is.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

pub(crate) fn close_frame(code: u16) -> Vec<u8> {
    frame(CLOSE, &code.to_be_bytes())
}

pub(crate) fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let length = match head[1] {
        126 => u64::from(u16::from_be_bytes(read_array(stream))),
        127 => u64::from_be_bytes(read_array(stream)),
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).unwrap();
    (head[0] & 0x0F, payload)
}

fn read_array<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn read_close(stream: &mut TcpStream) -> u16 {
    let (opcode, payload) = read_frame(stream);
    assert_eq!(opcode, CLOSE);
    u16::from_be_bytes([payload[0], payload[1]])
}

/// An open conversation, with `behind` sent together with the handshake.
fn open(server: &TestServer, behind: &[u8]) -> (TcpStream, WebSocketReply) {
    let mut stream = server.connect();
    stream.write_all(&[HANDSHAKE, behind].concat()).unwrap();
    let head = String::from_utf8(read_until(&mut stream, b"\r\n\r\n")).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    (stream, server.conversation())
}

/// The next message or the close; waits to be told wherever there was nothing.
fn take(server: &TestServer, reply: &WebSocketReply) -> Received {
    loop {
        let told = server.seen.inputs.load(Ordering::SeqCst);
        match reply.take_message() {
            Received::Nothing => server.until("a message", |server| {
                server.seen.inputs.load(Ordering::SeqCst) > told || reply.peer_left()
            }),
            received => return received,
        }
    }
}

fn text(text: &str) -> Received {
    Received::Message(MessageKind::Text, text.as_bytes().to_vec())
}

#[test]
fn messages_go_both_ways_and_those_behind_the_handshake_are_not_lost() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let behind = [frame(TEXT, b"early"), frame(BINARY, b"\xff")].concat();
        let (mut stream, reply) = open(&server, &behind);
        assert_eq!(take(&server, &reply), text("early"), "{arm:?}");
        let binary = Received::Message(MessageKind::Binary, vec![0xFF]);
        assert_eq!(take(&server, &reply), binary);
        for size in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
            let payload = vec![b'x'; size];
            stream.write_all(&frame(TEXT, &payload)).unwrap();
            let Received::Message(kind, taken) = take(&server, &reply) else {
                panic!("{arm:?}: the conversation is over");
            };
            assert!(taken == payload, "{arm:?}");
            reply.message(kind, taken);
            assert!(read_frame(&mut stream) == (TEXT, payload), "{arm:?}");
        }
        stream.write_all(&close_frame(4000)).unwrap();
        assert_eq!(read_close(&mut stream), 4000);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        let closed = Received::Closed(4000, String::new());
        assert_eq!(take(&server, &reply), closed);
        assert!(reply.is_closed());
    });
}

#[test]
fn the_apps_close_and_its_end_reach_the_peer() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let (mut stream, reply) = open(&server, b"");
        reply.close(4321, String::from("bye"));
        assert_eq!(
            read_frame(&mut stream),
            (CLOSE, b"\x10\xe1bye".to_vec()),
            "{arm:?}"
        );
        stream.write_all(&close_frame(4321)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert!(matches!(take(&server, &reply), Received::Closed(4321, _)));
        for (end, code) in [
            (WebSocketReply::end as fn(WebSocketReply), 1000),
            (WebSocketReply::fail, 1011),
            (drop, 1011),
        ] {
            let (mut stream, reply) = open(&server, b"");
            reply.message(MessageKind::Text, b"last".to_vec());
            end(reply);
            assert_eq!(read_frame(&mut stream), (TEXT, b"last".to_vec()));
            assert_eq!(read_close(&mut stream), code, "{arm:?}");
            stream.write_all(&close_frame(code)).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
    });
}

#[test]
fn a_peer_that_leaves_without_a_word_is_told_as_1006() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let (stream, reply) = open(&server, &frame(TEXT, b"before"));
        assert_eq!(take(&server, &reply), text("before"));
        drop(stream);
        let closed = Received::Closed(1006, String::new());
        assert_eq!(take(&server, &reply), closed, "{arm:?}");
        server.until("the connection is gone", |server| {
            server.open_connections() == 0 && reply.peer_left()
        });
        assert_eq!(
            reply.message(MessageKind::Text, b"late".to_vec()),
            Flow::PeerLeft
        );
    });
}

#[test]
fn a_drain_says_1012_and_ends_with_the_answer() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let (mut stream, reply) = open(&server, b"");
        server.handle.stop();
        assert_eq!(read_close(&mut stream), 1012, "{arm:?}");
        stream.write_all(&close_frame(1012)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert!(matches!(take(&server, &reply), Received::Closed(1012, _)));
        drop(reply);
        server.join().unwrap();
    });
}

#[test]
fn an_app_that_takes_nothing_stops_its_peer() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let (mut stream, reply) = open(&server, b"");
        let data = frame(BINARY, &vec![0; MESSAGE_BYTES]).repeat(MESSAGES);
        let written = write_until_full(&mut stream, &data);
        assert!(written < data.len(), "{arm:?}: everything was taken");
        let mut writer = stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || writer.write_all(&data[written..]).unwrap());
        for _ in 0..MESSAGES {
            let Received::Message(_, payload) = take(&server, &reply) else {
                panic!("{arm:?}: the conversation is over");
            };
            assert_eq!(payload.len(), MESSAGE_BYTES);
        }
        sender.join().unwrap();
    });
}

#[test]
fn a_peer_that_reads_nothing_stops_the_app_and_then_gets_everything() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let (mut stream, reply) = open(&server, b"");
        let payload = vec![0; MESSAGE_BYTES];
        let mut sent = 0;
        // Room may come and go while the kernel's buffers fill; then it stays away.
        let mut is_full = false;
        while !is_full && sent < MESSAGES {
            let rooms = server.seen.rooms.load(Ordering::SeqCst);
            sent += 1;
            if reply.message(MessageKind::Binary, payload.clone()) == Flow::Wait {
                is_full = !(0..10).any(|_| {
                    std::thread::park_timeout(std::time::Duration::from_millis(20));
                    server.seen.rooms.load(Ordering::SeqCst) > rooms
                });
            }
        }
        assert!(sent < MESSAGES, "{arm:?}: everything went into buffers");
        let rooms = server.seen.rooms.load(Ordering::SeqCst);
        reply.close(1000, String::new());
        for _ in 0..sent {
            assert_eq!(read_frame(&mut stream).1.len(), MESSAGE_BYTES);
        }
        assert_eq!(read_close(&mut stream), 1000);
        server.until("the app is told of room", |server| {
            server.seen.rooms.load(Ordering::SeqCst) > rooms
        });
    });
}
