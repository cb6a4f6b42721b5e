//! Tunnels of HTTP/2, which WebSockets come in (RFC 8441): how they are offered, opened, filled and ended.

#[path = "http2_peer/peer.rs"]
mod peer;

use std::sync::Arc;

use peer::{DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, RST_STREAM, WINDOW_UPDATE};
use peer::{block, frame, hello, numbers, sample, setting};
use turbo_shard_protocol::http2::{Connection, ErrorCode, Event, StreamKey};
use turbo_shard_protocol::websocket::{Compression, Handshake};
use turbo_shard_protocol::{BodyMode, Closing, HeaderLines, Limits, ServerLines, Tick};

const TUNNEL: [(&str, &str); 6] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":path", "/chat"),
    (":authority", "a"),
    ("sec-websocket-version", "13"),
];

/// A server that takes every tunnel.
struct Server {
    connection: Connection,
    now: Tick,
    ended: Vec<Event>,
}

impl Server {
    fn new() -> Server {
        Server::with(sample())
    }

    fn with(limits: Limits) -> Server {
        let now = Tick::from_millis(0);
        let mut server = Server {
            connection: Connection::new(Arc::new(limits), now).with_websockets(),
            now,
            ended: Vec::new(),
        };
        server.receive(&hello());
        server
    }

    /// Takes bytes; the key of the tunnel that they open.
    fn receive(&mut self, bytes: &[u8]) -> Option<StreamKey> {
        self.connection.receive(bytes);
        self.turn()
    }

    fn turn(&mut self) -> Option<StreamKey> {
        let mut opened = None;
        loop {
            match self.connection.next_event(self.now) {
                Event::Head(key) => {
                    self.accept(key);
                    opened = Some(key);
                }
                event @ (Event::Done(key) | Event::Reset(key)) => {
                    self.ended.push(event);
                    self.connection.release(self.now, key);
                }
                Event::NeedMore if self.connection.has_news() => {}
                Event::NeedMore => {
                    self.connection.flush(self.now);
                    if !self.connection.has_news() {
                        return opened;
                    }
                }
                _ => {}
            }
        }
    }

    fn accept(&mut self, key: StreamKey) {
        let handshake = Handshake::check(&self.connection.request(key)).unwrap();
        let mut lines = HeaderLines::new();
        lines.push(b"x-mine", b"1").unwrap();
        let accepted = handshake
            .accept(&Compression::new(true), None, &lines)
            .unwrap();
        let server_lines = ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let mut writer = self.connection.response(key, &server_lines);
        writer.accept(&accepted.head).unwrap();
        self.connection.read_body(self.now, key, BodyMode::Stream);
    }

    fn frames(&mut self) -> Vec<Frame> {
        let mut bytes = Vec::new();
        let start = self.connection.swap_output(self.now, &mut bytes);
        frames_of(&bytes[start..])
    }
}

fn frames_of(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, flags, w, x, y, z, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        frames.push(Frame {
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes([*w, *x, *y, *z]),
            payload: rest[..length].to_vec(),
        });
        bytes = &rest[length..];
    }
    frames
}

fn open(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &block(&TUNNEL))
}

#[test]
fn it_is_offered_where_websockets_are_taken_and_only_there() {
    let offer = [0, 8, 0, 0, 0, 1];
    let settings = &Server::new().frames()[0];
    assert!(settings.payload.chunks(6).any(|it| it == offer));
    let mut plain = Connection::new(Arc::new(sample()), Tick::from_millis(0));
    plain.receive(&hello());
    plain.next_event(Tick::from_millis(0));
    let settings = &frames_of(plain.output())[0];
    assert!(!settings.payload.chunks(6).any(|it| it == offer));
}

#[test]
fn it_opens_with_a_200_that_has_no_length() {
    let mut server = Server::new();
    server.frames();
    server.receive(&open(1)).unwrap();
    let frames = server.frames();
    assert_eq!((frames[0].kind, frames[0].flags), (HEADERS, END_HEADERS));
    let text = String::from_utf8_lossy(&frames[0].payload).into_owned();
    assert!(text.contains("x-mine") && text.contains("06 Nov"));
    assert!(!text.contains("sec-websocket-accept") && !text.contains("upgrade"));
}

#[test]
fn more_goes_through_than_a_body_may_be_and_no_clock_of_bodies_runs() {
    let limits = Limits {
        body_bytes_max: 1000,
        ..sample()
    };
    let body_timeout_ms = limits.body_timeout_ms;
    let mut server = Server::with(limits);
    let key = server.receive(&open(1)).unwrap();
    for _ in 0..100 {
        server.receive(&frame(DATA, 0, 1, &[7; 16_000]));
        let here = server.connection.body(key).len();
        assert_eq!(here, 16_000);
        server.connection.consume_body(server.now, key, here);
    }
    server.now = server.now.after_ms(2 * body_timeout_ms);
    server.connection.expire(server.now);
    assert_eq!(server.turn(), None);
    assert!(server.ended.is_empty());
}

#[test]
fn what_is_sent_waits_for_the_window_and_is_bounded() {
    let mut server = Server::new();
    let key = server
        .receive(&[setting(4, 100), open(1)].concat())
        .unwrap();
    server.frames();
    let taken = server.connection.extend_tunnel(key, &[1; 100_000]);
    assert!(taken < 64 * 1024, "the rest waits with its sender");
    assert_eq!(server.connection.extend_tunnel(key, b"more"), 0);
    server.turn();
    let sent: usize = server.frames().iter().map(|it| it.payload.len()).sum();
    assert_eq!(sent, 100);
    server.receive(&numbers(WINDOW_UPDATE, 1, &[50]));
    let frames = server.frames();
    assert_eq!((frames[0].kind, frames[0].payload.len()), (DATA, 50));
}

#[test]
fn our_end_is_no_reset_and_the_peers_end_completes_it() {
    let mut server = Server::new();
    let key = server.receive(&open(1)).unwrap();
    server.frames();
    server.connection.extend_tunnel(key, b"bye");
    server.connection.end_tunnel(key);
    server.turn();
    let frames = server.frames();
    assert_eq!(frames.len(), 1);
    assert_eq!(
        (frames[0].flags, &frames[0].payload[..]),
        (END_STREAM, &b"bye"[..])
    );
    assert!(server.ended.is_empty());
    server.receive(&frame(DATA, END_STREAM, 1, b"late"));
    assert_eq!(server.ended, [Event::Done(key)]);
    assert!(server.frames().is_empty());
}

#[test]
fn a_peer_that_does_not_end_its_side_is_waited_for_only_so_long() {
    let mut server = Server::new();
    let key = server.receive(&open(1)).unwrap();
    server.connection.end_tunnel(key);
    server.turn();
    server.frames();
    server.now = server.now.after_ms(sample().linger_timeout_ms);
    server.connection.expire(server.now);
    server.turn();
    assert_eq!(server.ended, [Event::Done(key)]);
    let frames = server.frames();
    let code = ErrorCode::NoError as u32;
    assert_eq!((frames[0].kind, frames[0].number()), (RST_STREAM, code));
}

#[test]
fn whatever_ends_a_connection_ends_its_tunnels() {
    for is_ours_over in [false, true] {
        for how in ["eof", "fault", "reset"] {
            let mut server = Server::new();
            let key = server.receive(&open(1)).unwrap();
            if is_ours_over {
                server.connection.end_tunnel(key);
                server.turn();
            }
            match how {
                "eof" => server.connection.receive_eof(server.now),
                "fault" => server.connection.receive(&frame(PING, 0, 0, b"x")),
                _ => server.connection.receive(&numbers(RST_STREAM, 1, &[8])),
            }
            server.turn();
            let expected = match is_ours_over {
                true => Event::Done(key),
                false => Event::Reset(key),
            };
            assert_eq!(server.ended, [expected], "{how}");
            assert_eq!(server.connection.streams_open(), 0);
            let goes_on = server.connection.closing() == Closing::Open;
            assert_eq!(goes_on, how == "reset");
        }
    }
}

#[test]
fn a_tunnel_that_is_given_up_is_cancelled() {
    let mut server = Server::new();
    let key = server.receive(&open(1)).unwrap();
    server.frames();
    server.connection.cancel(key);
    server.turn();
    assert_eq!(server.ended, [Event::Reset(key)]);
    let frames = server.frames();
    let code = ErrorCode::Cancel as u32;
    assert_eq!((frames[0].kind, frames[0].number()), (RST_STREAM, code));
}
