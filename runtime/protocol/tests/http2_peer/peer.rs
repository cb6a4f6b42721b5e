//! A client of HTTP/2 made of plain bytes, and a server that answers each request at once. For tests of frames.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;

use turbo_shard_protocol::http2::{Connection, Event, Fault, PREFACE, StreamKey};
use turbo_shard_protocol::{BodyLength, BodyMode, HeaderLines, Limits, ServerLines, Tick};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

/// Some bounds of a server that speaks HTTP/2.
pub(crate) fn sample() -> Limits {
    Limits {
        http2_streams_max: 100,
        ..Limits::sample()
    }
}

/// A frame that the server has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The first four bytes of the payload.
    pub(crate) fn number(&self) -> u32 {
        u32::from_be_bytes(*self.payload.first_chunk().unwrap())
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame whose payload is numbers.
pub(crate) fn numbers(kind: u8, stream: u32, numbers: &[u32]) -> Vec<u8> {
    let payload: Vec<u8> = numbers.iter().flat_map(|it| it.to_be_bytes()).collect();
    frame(kind, 0, stream, &payload)
}

/// One setting.
pub(crate) fn setting(name: u16, value: u32) -> Vec<u8> {
    let payload = [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &payload)
}

/// Fields as literals without indexing.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "shorter ones do");
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

pub(crate) const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "a"),
];
pub(crate) const POST: [(&str, &str); 4] = [(":method", "POST"), GET[1], GET[2], GET[3]];

/// A request without a body.
pub(crate) fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(&GET))
}

/// The head of one with a body.
pub(crate) fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &block(&POST))
}

/// Preface and empty SETTINGS.
pub(crate) fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// What became of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Lines and fields of heads, in order.
    pub(crate) heads: Vec<String>,
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) refusals: Vec<u16>,
    pub(crate) done: usize,
    pub(crate) resets: usize,
    pub(crate) fault: Option<Fault>,
}

/// How the server answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With this body, once the request's is here.
    Whole(Vec<u8>),
    /// Not at all.
    Never,
    /// Not at all, and without a look at its body.
    Unread,
    /// With a head, and no end.
    Endless,
}

pub(crate) struct Server {
    pub(crate) connection: Connection,
    pub(crate) answer: Answer,
    pub(crate) seen: Seen,
    pub(crate) now: Tick,
    pub(crate) waiting: Vec<StreamKey>,
    server_lines: ServerLines,
}

impl Server {
    pub(crate) fn new(limits: Limits, answer: Answer) -> Server {
        let now = Tick::from_millis(0);
        Server {
            connection: Connection::new(Arc::new(limits), now),
            answer,
            seen: Seen::default(),
            now,
            waiting: Vec::new(),
            server_lines: ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").unwrap(),
        }
    }

    /// One that has been greeted, and whose greeting is taken.
    pub(crate) fn greeted(answer: Answer) -> Server {
        let mut server = Server::new(sample(), answer);
        server.receive(&hello());
        server.frames();
        server
    }

    pub(crate) fn wait(&mut self, millis: u64) {
        self.now = self.now.after_ms(millis);
    }

    /// Takes bytes and does what follows of them.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.connection.receive(bytes);
        self.turn();
    }

    pub(crate) fn turn(&mut self) {
        loop {
            while self.take_event() {}
            self.connection.flush(self.now);
            if !self.connection.has_news() {
                return;
            }
        }
    }

    fn take_event(&mut self) -> bool {
        match self.connection.next_event(self.now) {
            Event::Head(key) => {
                let head = self.connection.request(key);
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let mut line = text(&[head.method_bytes(), head.target()].join(&b' '));
                for (name, value) in head.headers() {
                    line += &format!(" {}={}", text(name), text(value));
                }
                self.seen.heads.push(line);
                if !matches!(self.answer, Answer::Unread) {
                    let bytes_max = u64::MAX;
                    self.connection
                        .read_body(self.now, key, BodyMode::Whole { bytes_max });
                }
            }
            Event::BodyReady(key) => {
                self.seen.bodies.push(self.connection.body(key).to_vec());
                let mut response = self.connection.response(key, &self.server_lines);
                let lines = HeaderLines::new();
                match &self.answer {
                    Answer::Whole(body) => response.whole(200, &lines, body).unwrap(),
                    Answer::Never | Answer::Unread => self.waiting.push(key),
                    Answer::Endless => response.start(200, &lines, BodyLength::Unknown).unwrap(),
                }
            }
            Event::Refused(key, violation) => {
                self.seen.refusals.push(violation.status());
                self.connection
                    .answer_refusal(key, violation, &self.server_lines);
            }
            Event::Done(key) => {
                self.seen.done += 1;
                self.connection.release(self.now, key);
            }
            Event::Reset(key) => {
                self.seen.resets += 1;
                self.waiting.retain(|&waiting| waiting != key);
                self.connection.release(self.now, key);
            }
            Event::Failed(fault) => self.seen.fault = Some(fault),
            Event::BodyChunk(_) | Event::BodyEnd(_) => unreachable!("bodies are read whole"),
            Event::NeedMore => return false,
        }
        true
    }

    /// Answers the first request that waits.
    pub(crate) fn answer_one(&mut self, body: &[u8]) {
        let key = self.waiting.remove(0);
        let lines = HeaderLines::new();
        let mut response = self.connection.response(key, &self.server_lines);
        response.whole(200, &lines, body).unwrap();
        self.turn();
    }

    /// The frames that were written, taken as if the client had read them.
    pub(crate) fn frames(&mut self) -> Vec<Frame> {
        let output = self.connection.output().to_vec();
        self.connection.consume_output(self.now, output.len());
        frames_of(&output)
    }
}

pub(crate) fn frames_of(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (payload, rest) = rest.split_at(length);
        frames.push(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload: payload.to_vec(),
        });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "frames are written whole");
    frames
}

/// The code of the GOAWAY that the server has sent last, if it has.
pub(crate) fn goaway_code(frames: &[Frame]) -> Option<u32> {
    let goaway = frames.iter().rfind(|frame| frame.kind == GOAWAY)?;
    Some(u32::from_be_bytes(
        *goaway.payload[4..].first_chunk().unwrap(),
    ))
}
