//! One HTTP/2 connection over pieces of input, with an app whose answers follow from what is asked. Checks at each step
//! what has to hold for any input.

use std::collections::BTreeMap;
use std::sync::Arc;

use turbo_shard_protocol::http2::{Connection, ErrorCode, Event, PREFACE, StreamKey};
use turbo_shard_protocol::{Closing, HeaderLines, Limits, ServerLines, Tick, Version, Violation};

use crate::http2_peer::{Peer, StreamSeen, window_ends};
use crate::session::{self, Asked};

/// Deadlines that may pass one after the other before a connection is gone: each stream may have two.
const DEADLINES_MAX: usize = 64;
const STREAMS_MAX: u32 = 8;

/// What became of a stream, as the app knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) asked: Asked,
    pub(crate) refused: Option<Violation>,
    /// It was done, and not reset.
    pub(crate) is_done: bool,
}

/// What became of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// By the order in which their heads came.
    pub(crate) exchanges: Vec<Exchange>,
    /// The code with which the connection was ended before the peer ended it.
    pub(crate) fault: Option<u32>,
    /// All that the peer was sent.
    pub(crate) output: Vec<u8>,
}

/// Bounds low enough to be passed by inputs of this size.
pub(crate) fn limits() -> Limits {
    Limits {
        http2_streams_max: STREAMS_MAX,
        ..session::limits()
    }
}

/// What the peer says is the preface and then `pieces`; at the end it finishes sending. What moves windows ends a piece:
/// what they let through is sent at the end of a turn, whatever follows.
pub(crate) fn tell(limits: &Limits, pieces: &[&[u8]]) -> Story {
    let mut session = Session::new(limits, None);
    let ends = window_ends(&pieces.concat());
    let mut ends = ends.into_iter().peekable();
    let mut at = 0;
    for mut piece in pieces.iter().copied() {
        while let Some(end) = ends.next_if(|&end| end < at + piece.len()) {
            let (before, after) = piece.split_at(end - at);
            session.receive(before);
            (piece, at) = (after, end);
        }
        session.receive(piece);
        at += piece.len();
    }
    session.finish().0
}

/// The same byte by byte, with a peer that keeps books. Says which stream each exchange was, and what came on each.
pub(crate) fn tell_with_books(limits: &Limits, input: &[u8]) -> (Story, Vec<u32>, Peer) {
    let mut session = Session::new(limits, Some(Peer::new()));
    for piece in input.chunks(1) {
        session.receive(piece);
    }
    let (story, numbers, peer) = session.finish();
    (story, numbers, peer.expect("it was handed in"))
}

struct Session {
    connection: Connection,
    lines: ServerLines,
    body_bytes_max: u64,
    now: Tick,
    story: Story,
    /// Where in the story a stream is.
    open: BTreeMap<usize, usize>,
    peer: Option<Peer>,
    /// The number of each exchange's stream, if the peer keeps books.
    numbers: Vec<u32>,
    has_failed: bool,
}

impl Session {
    fn new(limits: &Limits, peer: Option<Peer>) -> Session {
        assert_eq!(limits.check(), Ok(()));
        let now = Tick::from_millis(0);
        let mut session = Session {
            connection: Connection::new(Arc::new(limits.clone()), now),
            lines: ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date"),
            body_bytes_max: limits.body_bytes_max,
            now,
            story: Story::default(),
            open: BTreeMap::new(),
            peer,
            numbers: Vec::new(),
            has_failed: false,
        };
        session.connection.receive(PREFACE);
        session.pump();
        session
    }

    fn receive(&mut self, piece: &[u8]) {
        if let Some(peer) = &mut self.peer
            && !self.has_failed
        {
            peer.sends(piece);
        }
        self.connection.receive(piece);
        self.pump();
        if self.connection.closing() != Closing::Open {
            return;
        }
        assert!(self.connection.wants_read(), "it waits for nothing");
        let deadline = self.connection.next_deadline();
        assert!(
            deadline.is_some_and(|at| at > self.now),
            "it waits for ever"
        );
        assert!(self.connection.streams_open() <= STREAMS_MAX as usize);
        assert_eq!(self.connection.streams_open(), self.open.len());
        if let Some(peer) = &self.peer {
            assert!(peer.is_answered(), "a ping or settings without an answer");
        }
    }

    /// The peer has sent everything. What it lets nobody send to its end is ended by deadlines.
    fn finish(mut self) -> (Story, Vec<u32>, Option<Peer>) {
        self.connection.receive_eof(self.now);
        self.pump();
        for _ in 0..DEADLINES_MAX {
            if self.connection.closing() == Closing::Now {
                break;
            }
            let deadline = self.connection.next_deadline();
            self.now = deadline.expect("a connection that nobody reads has a deadline");
            self.connection.expire(self.now);
            self.pump();
        }
        assert_eq!(self.connection.closing(), Closing::Now, "it never ends");
        (self.story, self.numbers, self.peer)
    }

    fn pump(&mut self) {
        loop {
            let event = self.connection.next_event(self.now);
            if self.has_failed {
                let allowed = matches!(event, Event::Reset(_) | Event::Done(_) | Event::NeedMore);
                assert!(allowed, "{event:?} after a fault");
            }
            match event {
                Event::NeedMore => {
                    if !self.flush() && !self.connection.has_news() {
                        return;
                    }
                    continue;
                }
                Event::Head(key) => self.take_head(key),
                Event::BodyReady(key) => {
                    let body = self.connection.body(key).to_vec();
                    self.exchange(key).asked.body = body;
                    self.answer(key);
                }
                Event::BodyChunk(key) => self.take_chunk(key),
                Event::BodyEnd(key) => {
                    assert_eq!(self.connection.body(key), b"", "a body nobody announced");
                    self.answer(key);
                }
                Event::Refused(key, violation) => self.refuse(key, violation),
                Event::Done(key) => {
                    self.exchange(key).is_done = true;
                    self.release(key);
                }
                Event::Reset(key) => self.release(key),
                Event::Failed(fault) => {
                    assert_ne!(fault.code, ErrorCode::NoError, "a fault that is none");
                    assert!(!std::mem::replace(&mut self.has_failed, true), "twice");
                    self.story.fault = Some(fault.code as u32);
                }
            }
            // At each event, so that how much comes at once makes no difference to what is sent.
            self.flush();
        }
    }

    fn exchange(&mut self, key: StreamKey) -> &mut Exchange {
        let at = self.open.get(&key.index());
        &mut self.story.exchanges[*at.expect("the stream is open")]
    }

    fn begin(&mut self, key: StreamKey, asked: Asked) {
        let at = self.story.exchanges.len();
        let before = self.open.insert(key.index(), at);
        assert_eq!(before, None, "two streams in one place");
        self.story.exchanges.push(Exchange {
            asked,
            refused: None,
            is_done: false,
        });
        self.numbers
            .push(self.peer.as_ref().map_or(0, |peer| peer.last_head));
    }

    fn release(&mut self, key: StreamKey) {
        assert!(self.open.remove(&key.index()).is_some(), "released twice");
        self.connection.release(self.now, key);
    }

    fn take_head(&mut self, key: StreamKey) {
        let head = self.connection.request(key);
        assert_eq!(head.version(), Version::Http2);
        let asked = Asked::of(&head);
        let mode = asked.mode();
        let is_wanted = asked.was_read();
        self.begin(key, asked);
        if let Some(mode) = mode {
            self.connection.read_body(self.now, key, mode);
        }
        if !is_wanted {
            self.answer(key);
        }
    }

    /// A head that breaks a rule was never told before; any other request has been.
    fn refuse(&mut self, key: StreamKey, violation: Violation) {
        if !self.open.contains_key(&key.index()) {
            self.begin(key, Asked::nothing(Version::Http2));
        }
        let exchange = self.exchange(key);
        assert_eq!(exchange.refused, None, "refused twice");
        exchange.refused = Some(violation);
        self.connection.answer_refusal(key, violation, &self.lines);
    }

    /// Takes what is there in two steps, so that what was left lies before what comes next.
    fn take_chunk(&mut self, key: StreamKey) {
        let body = self.connection.body(key).to_vec();
        if body.is_empty() {
            return; // it was taken with the piece before
        }
        let taken = body.len().div_ceil(2);
        self.connection.consume_body(self.now, key, taken);
        assert_eq!(self.connection.body(key), &body[taken..]);
        let rest = body.len() - taken;
        self.connection.consume_body(self.now, key, rest);
        self.exchange(key).asked.body.extend_from_slice(&body);
    }

    fn answer(&mut self, key: StreamKey) {
        let bytes_max = self.body_bytes_max as usize;
        let asked = &mut self.exchange(key).asked;
        assert!(asked.body.len() <= bytes_max, "a body beyond its bound");
        asked.is_answered = true;
        let asked = asked.clone();
        let (head, _, mut response) = self.connection.exchange(key, &self.lines);
        assert_eq!(head.path(), asked.path, "the head has changed");
        let (status, body) = (asked.answer_status(), asked.answer_body());
        let mut lines = HeaderLines::new();
        lines
            .push(b"x-path", &asked.path)
            .expect("a path is a value");
        let written = match asked.answer_length(&body) {
            None => response.whole(status, &lines, &body),
            Some(length) => {
                let early = response.interim(103, &HeaderLines::new());
                let started = early.and_then(|()| response.start(status, &lines, length));
                let mut pieces = body.chunks(3);
                let written =
                    started.and_then(|()| pieces.try_for_each(|piece| response.chunk(piece)));
                written.and_then(|()| response.end_with_trailers(&lines))
            }
        };
        written.expect("the answer is well formed");
        let again = response.whole(200, &lines, b"again");
        assert!(again.is_err(), "two answers");
    }

    fn flush(&mut self) -> bool {
        self.connection.flush(self.now);
        let output = self.connection.output().to_vec();
        self.connection.consume_output(self.now, output.len());
        if let Some(peer) = &mut self.peer {
            peer.receives(&output);
        }
        self.story.output.extend_from_slice(&output);
        !output.is_empty()
    }
}

impl Exchange {
    /// What came on its stream is what the app has answered, as far as the peer has let it come.
    pub(crate) fn check(&self, seen: &StreamSeen) {
        let asked = &self.asked;
        if let (Some(head), false) = (&seen.head, asked.is_answered) {
            let violation = self.refused.expect("nobody answered");
            assert_eq!(head[0].1, violation.status().to_string().as_bytes());
        }
        if self.is_done {
            assert!(seen.has_ended, "{asked:?} is done without an end");
        }
        if !asked.is_answered {
            return;
        }
        let Some(head) = &seen.head else {
            assert!(!self.is_done);
            return;
        };
        assert_eq!(head[0].1, asked.answer_status().to_string().as_bytes());
        let value = |name: &[u8]| {
            let found = head.iter().find(|(it, _)| it == name);
            found.map(|(_, value)| &value[..])
        };
        assert_eq!(value(b"x-path"), Some(&asked.path[..]));
        let body = match &asked.method[..] {
            b"HEAD" => Vec::new(),
            _ => asked.answer_body(),
        };
        assert!(body.starts_with(&seen.body), "another body");
        if seen.has_ended {
            assert_eq!(seen.body, body, "an end before the end");
        }
        if let (Some(length), true) = (value(b"content-length"), asked.method != b"HEAD") {
            assert_eq!(length, body.len().to_string().as_bytes());
        }
        assert!(seen.interim.len() <= 2, "{:?}", seen.interim);
    }
}
