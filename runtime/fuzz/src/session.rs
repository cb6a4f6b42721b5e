//! One HTTP/1 connection over pieces of input, with an app whose answers follow from what is asked. Checks at each step
//! what has to hold for any input.

use std::sync::Arc;

use turbo_shard_protocol::{
    BodyFraming, BodyLength, BodyMode, Closing, Connection, Event, Expiry, HeaderLines, Limits,
    RequestHead, ServerLines, Tick, Version, Violation, Workspace,
};

use crate::answers::{Answer, read_answers};

/// A request as the app saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) query: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) framing: BodyFraming,
    /// Of a request that was refused after its head, this is empty: how much of it the app saw depends on pieces.
    pub(crate) body: Vec<u8>,
    /// The app has heard the whole body, or did not want it, and has answered.
    pub(crate) is_answered: bool,
}

impl Asked {
    /// What a request was that was refused before anybody saw it.
    pub(crate) fn nothing(version: Version) -> Asked {
        Asked {
            method: Vec::new(),
            target: Vec::new(),
            path: Vec::new(),
            query: Vec::new(),
            version,
            headers: Vec::new(),
            framing: BodyFraming::None,
            body: Vec::new(),
            is_answered: false,
        }
    }

    pub(crate) fn of(head: &RequestHead<'_>) -> Asked {
        Asked {
            method: head.method_bytes().to_vec(),
            target: head.target().to_vec(),
            path: head.path().to_vec(),
            query: head.query().to_vec(),
            version: head.version(),
            headers: head
                .headers()
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .collect(),
            framing: head.framing(),
            body: Vec::new(),
            is_answered: false,
        }
    }

    /// A letter of the path chooses what the app does, so that a seed can say it.
    fn letter(&self, at: usize) -> u8 {
        self.path.get(at).copied().unwrap_or(b'/')
    }

    /// The app has asked for the body.
    pub(crate) fn was_read(&self) -> bool {
        !matches!(self.letter(1), b'n' | b'd')
    }

    /// How the app wants the body; None if it says nothing of it.
    pub(crate) fn mode(&self) -> Option<BodyMode> {
        match self.letter(1) {
            b's' => Some(BodyMode::Stream),
            b'd' => Some(BodyMode::Discard),
            b'n' => None,
            b'b' => Some(BodyMode::Whole { bytes_max: 10 }),
            _ => Some(BodyMode::Whole {
                bytes_max: u64::MAX,
            }),
        }
    }

    /// What is said of the length of an answer that comes in pieces; None for one that comes whole.
    pub(crate) fn answer_length(&self, body: &[u8]) -> Option<BodyLength> {
        match self.letter(3) {
            b'c' => Some(BodyLength::Unknown),
            b'l' => Some(BodyLength::Known(body.len() as u64)),
            _ => None,
        }
    }

    /// What the app answers with.
    pub(crate) fn answer_body(&self) -> Vec<u8> {
        match self.answer_status() {
            204 | 304 => Vec::new(),
            _ => [&self.path[..], b" ", &self.body].concat(),
        }
    }

    pub(crate) fn answer_status(&self) -> u16 {
        match self.letter(2) {
            b'4' => 204,
            b'3' => 304,
            b'e' => 500,
            _ => 200,
        }
    }
}

/// What became of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) asked: Vec<Asked>,
    pub(crate) refused: Option<Violation>,
    /// It ended before the peer did.
    pub(crate) is_closed: bool,
    /// What the peer was sent, interim answers left out: whether one is sent depends on what has come by then.
    pub(crate) answers: Vec<Answer>,
}

const NOW: Tick = Tick::from_millis(0);

/// Bounds low enough to be passed by inputs of this size.
pub(crate) fn limits() -> Limits {
    Limits {
        head_bytes_max: 1500,
        header_fields_max: 20,
        target_bytes_max: 300,
        body_bytes_max: 1000,
        discard_bytes_max: 300,
        trailer_bytes_max: 400,
        chunk_line_bytes_max: 100,
        ..Limits::sample()
    }
}

/// Runs a fresh connection over `pieces`. At the end the peer finishes sending.
pub(crate) fn tell(limits: &Limits, pieces: &[&[u8]]) -> Story {
    let mut session = Session::new(limits);
    for piece in pieces {
        session.receive(piece);
    }
    session.finish()
}

struct Session {
    limits: Limits,
    connection: Connection,
    lines: ServerLines,
    story: Story,
    /// All that the connection was handed.
    received: Vec<u8>,
    output: Vec<u8>,
    /// An exchange is in flight: the last one of the story.
    is_asked: bool,
}

impl Session {
    fn new(limits: &Limits) -> Session {
        assert_eq!(limits.check(), Ok(()));
        let mut connection = Connection::new(Arc::new(limits.clone()), NOW);
        connection.lend(Box::new(Workspace::new()));
        Session {
            limits: limits.clone(),
            connection,
            lines: ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date"),
            story: Story::default(),
            received: Vec::new(),
            output: Vec::new(),
            is_asked: false,
        }
    }

    fn receive(&mut self, piece: &[u8]) {
        if !self.story.is_closed {
            self.received.extend_from_slice(piece);
        }
        self.connection.receive(NOW, piece);
        self.pump();
        if self.story.is_closed {
            assert!(
                self.connection.output().is_empty(),
                "an answer after the end"
            );
            return;
        }
        assert!(self.connection.wants_read(), "it waits for nothing");
        let deadline = self.connection.next_deadline();
        assert!(deadline.is_some_and(|at| at > NOW), "it waits for ever");
        assert_eq!(self.connection.expire(NOW), Expiry::NotYet);
        // What it has not dealt with is the end of what it was handed, byte for byte.
        let unread = self.connection.unread();
        assert!(self.received.ends_with(unread), "bytes that never came");
        let held_max = self
            .limits
            .head_bytes_max
            .max(self.limits.trailer_bytes_max);
        assert!(unread.len() <= held_max, "{} bytes are held", unread.len());
    }

    /// The peer has sent everything, and the app answers at once: the connection ends here.
    fn finish(mut self) -> Story {
        let is_closed = self.story.is_closed;
        self.connection.receive_eof(NOW);
        self.pump();
        assert_ne!(self.connection.closing(), Closing::Open, "it never ends");
        assert_eq!(self.connection.next_event(NOW), Event::Close);
        self.story.is_closed = is_closed;
        let workspace = self.connection.into_workspace();
        assert!(workspace.is_some(), "the buffers were lost");
        if self.story.refused.is_some()
            && let Some(asked) = self
                .story
                .asked
                .last_mut()
                .filter(|asked| !asked.is_answered)
        {
            asked.body.clear();
        }
        self.story.read_answers(&self.output);
        self.story
    }

    fn pump(&mut self) {
        loop {
            let event = self.connection.next_event(NOW);
            match event {
                Event::NeedMore => {
                    if !self.flush() {
                        return;
                    }
                }
                Event::Head => self.take_head(),
                Event::BodyReady => {
                    let body = self.connection.body().to_vec();
                    self.last().body = body;
                    self.answer();
                }
                Event::BodyChunk => self.take_chunk(),
                Event::BodyEnd => {
                    assert_eq!(self.connection.body(), b"", "a body that nobody announced");
                    self.answer();
                }
                Event::ExchangeDone => {
                    assert!(std::mem::take(&mut self.is_asked), "no exchange to end");
                    assert!(self.last().is_answered, "it ends without an answer");
                }
                Event::Refused(violation) => {
                    assert_eq!(self.story.refused, None, "refused twice");
                    self.story.refused = Some(violation);
                    self.is_asked = false;
                    self.connection.answer_refusal(&self.lines);
                }
                Event::Http2 => panic!("the sample of limits has no HTTP/2"),
                Event::Close => {
                    self.story.is_closed = true;
                    self.flush();
                    return;
                }
            }
            if self.story.refused.is_some() {
                let allowed = matches!(event, Event::Refused(_) | Event::Close);
                assert!(allowed, "{event:?} after a refusal");
            }
        }
    }

    fn take_head(&mut self) {
        assert!(!std::mem::replace(&mut self.is_asked, true), "two at once");
        let head = self.connection.request();
        let asked = Asked::of(&head);
        assert!(asked.target.len() <= self.limits.target_bytes_max);
        assert!(asked.headers.len() <= self.limits.header_fields_max);
        let mode = asked.mode();
        let is_wanted = asked.was_read();
        self.story.asked.push(asked);
        if let Some(mode) = mode {
            self.connection.read_body(NOW, mode);
        }
        if !is_wanted {
            self.answer();
        }
    }

    /// Takes what is there in two steps, so that what was left lies before what comes next.
    fn take_chunk(&mut self) {
        let body = self.connection.body().to_vec();
        assert!(!body.is_empty(), "an empty piece was announced");
        let taken = body.len().div_ceil(2);
        self.connection.consume_body(taken);
        assert_eq!(self.connection.body(), &body[taken..]);
        self.connection.consume_body(body.len() - taken);
        self.last().body.extend_from_slice(&body);
    }

    fn last(&mut self) -> &mut Asked {
        self.story.asked.last_mut().expect("something was asked")
    }

    fn answer(&mut self) {
        let bytes_max = self.limits.body_bytes_max as usize;
        let asked = self.last();
        assert!(asked.body.len() <= bytes_max, "a body beyond its bound");
        asked.is_answered = true;
        let asked = asked.clone();
        let (status, body) = (asked.answer_status(), asked.answer_body());
        let (head, _, mut response) = self.connection.exchange(&self.lines);
        assert_eq!(head.path(), asked.path, "the head has changed");
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
        assert!(
            response.whole(200, &lines, b"again").is_err(),
            "two answers"
        );
    }

    fn flush(&mut self) -> bool {
        let count = self.connection.output().len();
        self.output.extend_from_slice(self.connection.output());
        self.connection.consume_output(NOW, count);
        count > 0
    }
}

impl Story {
    /// What was written reads back as what was answered.
    fn read_answers(&mut self, output: &[u8]) {
        let methods: Vec<&[u8]> = self.asked.iter().map(|asked| &asked.method[..]).collect();
        self.answers = read_answers(output, &methods);
        let mut answers = self.answers.iter();
        for asked in self.asked.iter().filter(|asked| asked.is_answered) {
            let answer = answers.next().expect("every answer comes");
            assert_eq!(answer.status, asked.answer_status());
            assert_eq!(answer.header("x-path"), Some(&asked.path[..]));
            if asked.method != b"HEAD" {
                assert_eq!(answer.body, asked.answer_body());
            }
        }
        match (answers.next(), self.refused) {
            (Some(answer), Some(violation)) => {
                assert_eq!(answer.status, violation.status());
                assert!(answer.says_close, "a refusal is the last answer");
            }
            // The violation was in the body of a request that had been answered, or nothing was wrong.
            (None, None) => {}
            (answer, violation) => panic!("{violation:?} was answered with {answer:?}"),
        }
        assert_eq!(answers.next(), None, "an answer to nothing");
    }
}
