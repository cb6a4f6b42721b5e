//! A driver for tests: runs a connection over pieces of input as the runtime does, with an app that answers at once,
//! and a decoder of answers that shares no code with the crate.
#![allow(dead_code)]

use std::sync::Arc;

use turbo_shard_protocol::{
    BodyMode, Closing, Connection, Event, HeaderLines, Limits, ServerLines, Tick, Violation,
    Workspace,
};

pub(crate) const CANARY: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) fn server_lines() -> ServerLines {
    ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").unwrap()
}

pub(crate) fn at(millis: u64) -> Tick {
    Tick::from_millis(millis)
}

/// A `POST` with these header lines and this body.
pub(crate) fn post(lines: &str, body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}").into_bytes()
}

/// A `POST` whose chunked body is `body`, framing included.
pub(crate) fn chunked(body: &str) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// What the app does with request bodies.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Whole,
    Stream,
    /// It answers without reading.
    Never,
}

/// A request as the app saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) query: Vec<u8>,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// What became of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) seen: Vec<Seen>,
    pub(crate) refused: Option<Violation>,
    pub(crate) closed: bool,
    pub(crate) output: Vec<u8>,
}

/// Runs a new connection over `pieces`; the app answers every request with its path and the length of its body.
pub(crate) fn run<'p>(
    limits: &Arc<Limits>,
    reading: Reading,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Run {
    let mut connection = Connection::new(Arc::clone(limits), at(0));
    connection.lend(Box::new(Workspace::new()));
    let mut run = Run::default();
    let mut current = Seen::default();
    for piece in pieces {
        connection.receive(at(0), piece);
        pump(&mut connection, reading, &mut current, &mut run);
        assert_eq!(run.closed, connection.closing() != Closing::Open);
    }
    run
}

/// Runs `input` in one piece.
pub(crate) fn run_whole(limits: &Arc<Limits>, reading: Reading, input: &[u8]) -> Run {
    run(limits, reading, [input])
}

/// Runs `input` byte by byte.
pub(crate) fn run_dripping(limits: &Arc<Limits>, reading: Reading, input: &[u8]) -> Run {
    run(limits, reading, input.chunks(1))
}

/// Runs `input` cut at every one of `cuts` (in any order, taken modulo the length).
pub(crate) fn run_cut(limits: &Arc<Limits>, reading: Reading, input: &[u8], cuts: &[usize]) -> Run {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    cuts.extend([0, input.len()]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]);
    run(limits, reading, pieces)
}

fn pump(connection: &mut Connection, reading: Reading, current: &mut Seen, run: &mut Run) {
    let now = at(0);
    loop {
        match connection.next_event(now) {
            Event::NeedMore => {
                let had_output = flush(connection, run);
                if !had_output {
                    return;
                }
            }
            Event::Head => {
                let head = connection.request();
                *current = Seen {
                    method: head.method_bytes().to_vec(),
                    path: head.path().to_vec(),
                    query: head.query().to_vec(),
                    headers: head
                        .headers()
                        .map(|(name, value)| (name.to_vec(), value.to_vec()))
                        .collect(),
                    body: Vec::new(),
                };
                match reading {
                    Reading::Whole => connection.read_body(
                        now,
                        BodyMode::Whole {
                            bytes_max: u64::MAX,
                        },
                    ),
                    Reading::Stream => connection.read_body(now, BodyMode::Stream),
                    Reading::Never => answer(connection, current),
                }
            }
            Event::BodyReady => {
                current.body = connection.body().to_vec();
                answer(connection, current);
            }
            Event::BodyChunk => {
                assert!(!connection.body().is_empty());
                current.body.extend_from_slice(connection.body());
                connection.consume_body(connection.body().len());
            }
            Event::BodyEnd => answer(connection, current),
            Event::ExchangeDone => run.seen.push(std::mem::take(current)),
            Event::Refused(violation) => {
                assert_eq!(run.refused, None, "refused twice");
                run.refused = Some(violation);
                connection.answer_refusal(&server_lines());
            }
            Event::Http2 => panic!("the sample of limits has no HTTP/2"),
            Event::Close => {
                run.closed = true;
                flush(connection, run);
                return;
            }
        }
    }
}

fn answer(connection: &mut Connection, seen: &Seen) {
    let server_lines = server_lines();
    let (head, _, mut response) = connection.exchange(&server_lines);
    assert_eq!(head.path(), seen.path);
    let mut lines = HeaderLines::new();
    lines.push(b"x-path", &seen.path).unwrap();
    let body = format!("{} bytes", seen.body.len());
    response.whole(200, &lines, body.as_bytes()).unwrap();
}

fn flush(connection: &mut Connection, run: &mut Run) -> bool {
    let output_len = connection.output().len();
    run.output.extend_from_slice(connection.output());
    connection.consume_output(at(0), output_len);
    output_len > 0
}

/// An answer as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// The body ended as its framing says, not just because the bytes did.
    pub(crate) complete: bool,
    /// The body was delimited by the end of the connection.
    pub(crate) until_close: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| &value[..])
    }
}

/// Decodes answers the way a client does that sent these methods; interim answers come out as answers of their own.
pub(crate) fn decode_answers(mut bytes: &[u8], methods: &[&str]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut methods = methods.iter();
    let mut method = methods.next();
    while !bytes.is_empty() {
        let head_len = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a head ends")
            + 4;
        let head = std::str::from_utf8(&bytes[..head_len - 4]).expect("a head is text here");
        bytes = &bytes[head_len..];
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap();
        let (version, rest) = status_line.split_once(' ').unwrap();
        assert_eq!(version, "HTTP/1.1");
        let (status, _reason) = rest.split_once(' ').unwrap();
        let mut answer = Answer {
            status: status.parse().unwrap(),
            headers: lines
                .map(|line| {
                    let (name, value) = line.split_once(": ").expect("a field has a colon");
                    (name.to_ascii_lowercase(), value.as_bytes().to_vec())
                })
                .collect(),
            body: Vec::new(),
            complete: true,
            until_close: false,
        };
        let is_interim = answer.status < 200;
        let has_no_body =
            is_interim || matches!(answer.status, 204 | 304) || method == Some(&"HEAD");
        if !has_no_body {
            bytes = decode_body(bytes, &mut answer);
        }
        if !is_interim {
            method = methods.next();
        }
        answers.push(answer);
    }
    answers
}

fn decode_body<'b>(mut bytes: &'b [u8], answer: &mut Answer) -> &'b [u8] {
    let length = answer.header("content-length").map(|value| {
        std::str::from_utf8(value)
            .unwrap()
            .parse::<usize>()
            .unwrap()
    });
    match (length, answer.header("transfer-encoding")) {
        (Some(_), Some(_)) => panic!("both lengths"),
        (Some(length), None) => {
            let (body, rest) = bytes.split_at(length.min(bytes.len()));
            answer.body = body.to_vec();
            answer.complete = body.len() == length;
            rest
        }
        (None, Some(coding)) => {
            assert_eq!(coding, b"chunked");
            loop {
                let Some(line_len) = bytes.windows(2).position(|window| window == b"\r\n") else {
                    answer.complete = false;
                    return &[];
                };
                let size = std::str::from_utf8(&bytes[..line_len]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                bytes = &bytes[line_len + 2..];
                answer.body.extend_from_slice(&bytes[..size]);
                assert_eq!(&bytes[size..size + 2], b"\r\n");
                bytes = &bytes[size + 2..];
                if size == 0 {
                    return bytes;
                }
            }
        }
        (None, None) => {
            answer.body = bytes.to_vec();
            answer.until_close = true;
            &[]
        }
    }
}

/// A connection that was accepted at tick 0, with a workspace.
pub(crate) fn connection(limits: Limits) -> Connection {
    let mut connection = Connection::new(Arc::new(limits), at(0));
    connection.lend(Box::new(Workspace::new()));
    connection
}

/// Answers the exchange in flight with 200 and `body`.
pub(crate) fn answer_with(connection: &mut Connection, body: &[u8]) {
    connection
        .response(&server_lines())
        .whole(200, &HeaderLines::new(), body)
        .unwrap();
}

/// Sends all output: what a client would receive.
pub(crate) fn sent(connection: &mut Connection, now: Tick) -> Vec<u8> {
    let output = connection.output().to_vec();
    connection.consume_output(now, output.len());
    output
}
