//! A client's side of WebSocket tests: frames as bytes, and runs of them in pieces. Shared by the websocket_* tests.

// Each test file uses its own part of it.
#![allow(dead_code)]

use std::sync::Arc;

use turbo_shard_protocol::Tick;
use turbo_shard_protocol::websocket::{
    DeflateParams, MessageKind, WebSocket, WebSocketLimits, WsEvent,
};

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
/// Without it, the first byte of a frame is that of a fragment.
pub(crate) const FINAL: u8 = 0x80;
pub(crate) const COMPRESSED: u8 = 0x40;

pub(crate) fn at(millis: u64) -> Tick {
    Tick::from_millis(millis)
}

/// A masked frame whose first byte is `first`.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = head(first, 0x80, payload.len());
    bytes.extend_from_slice(&mask);
    bytes.extend(
        payload
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ mask[i % 4]),
    );
    bytes
}

/// A frame as a server sends it.
pub(crate) fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&head(first, 0, payload.len()), payload].concat()
}

fn head(first: u8, masked: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(masked | len as u8),
        126..=65535 => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// What the app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Closed(u16, String),
}

pub(crate) fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

pub(crate) fn binary(bytes: &[u8]) -> Seen {
    Seen::Binary(bytes.to_vec())
}

pub(crate) fn closed(code: u16, reason: &str) -> Seen {
    Seen::Closed(code, reason.to_owned())
}

/// All that a WebSocket made of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) seen: Vec<Seen>,
    pub(crate) output: Vec<u8>,
}

impl Run {
    /// The input was refused with `code`: after what came before, the peer and the app hear the same.
    #[track_caller]
    pub(crate) fn assert_refused(&self, code: u16) {
        let Some(Seen::Closed(seen, reason)) = self.seen.last() else {
            panic!("not refused: {:?}", self.seen);
        };
        assert_eq!(*seen, code, "{reason}");
        let farewell = server_frame(CLOSE, &close_payload(code, reason));
        assert!(self.output.ends_with(&farewell), "{:?}", self.output);
    }
}

pub(crate) fn socket(limits: &WebSocketLimits, deflate: Option<DeflateParams>) -> WebSocket {
    WebSocket::new(Arc::new(limits.clone()), deflate, at(0))
}

/// Everything that happens until the WebSocket needs more.
pub(crate) fn events(socket: &mut WebSocket, now: Tick) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        seen.push(match socket.next_event(now) {
            WsEvent::NeedMore => return seen,
            WsEvent::Message(MessageKind::Text) => {
                Seen::Text(String::from_utf8(socket.message().to_vec()).unwrap())
            }
            WsEvent::Message(MessageKind::Binary) => Seen::Binary(socket.take_message()),
            WsEvent::Closed { code, reason } => Seen::Closed(code, reason),
        });
    }
}

/// The output, which is then sent.
pub(crate) fn sent(socket: &mut WebSocket, now: Tick) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !socket.output().is_empty() {
        bytes.extend_from_slice(socket.output());
        socket.consume_output(now, socket.output().len());
    }
    bytes
}

/// Feeds `pieces` and notes what happens.
pub(crate) fn run_pieces<'a>(
    limits: &WebSocketLimits,
    deflate: Option<DeflateParams>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Run {
    let mut socket = socket(limits, deflate);
    let mut run = Run {
        seen: Vec::new(),
        output: Vec::new(),
    };
    for piece in pieces {
        socket.receive(at(0), piece);
        run.seen.extend(events(&mut socket, at(0)));
        run.output.extend(sent(&mut socket, at(0)));
    }
    run
}

/// Runs `bytes` whole, byte by byte and split at every place; the same must happen each time.
#[track_caller]
pub(crate) fn run_with(
    limits: &WebSocketLimits,
    deflate: Option<DeflateParams>,
    bytes: &[u8],
) -> Run {
    let whole = run_pieces(limits, deflate, [bytes]);
    assert_eq!(
        run_pieces(limits, deflate, bytes.chunks(1)),
        whole,
        "byte by byte"
    );
    // A long input is cut at its ends and here and there.
    let step = (bytes.len() / 500).max(1);
    for cut in (0..=bytes.len()).step_by(step) {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(
            run_pieces(limits, deflate, [head, tail]),
            whole,
            "cut at {cut}"
        );
    }
    whole
}

/// The same with default limits and without compression.
#[track_caller]
pub(crate) fn run(bytes: &[u8]) -> Run {
    run_with(&WebSocketLimits::sample(), None, bytes)
}
