//! Tests of a connection: what it sends, and what it makes of its input, wherever that is cut.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::*;
use crate::exchange::Exchange;
use crate::flow::Question;
use crate::request::{ExpectedBody, RequestParts, RequestPlan};
use crate::template::Template;
use crate::websocket::{MessagePlan, Opcode, pong};

/// Hands out prepared pieces, one per read, and takes `takes` bytes more.
struct Script {
    reads: VecDeque<Vec<u8>>,
    writes: Vec<u8>,
    takes: usize,
}

impl Read for Script {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.reads.pop_front() else {
            return Err(ErrorKind::WouldBlock.into());
        };
        into[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.takes);
        self.takes -= taken;
        self.writes.extend_from_slice(&bytes[..taken]);
        if taken == 0 {
            Err(ErrorKind::WouldBlock.into())
        } else {
            Ok(taken)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn plan() -> Exchange {
    let parts = RequestParts {
        method: "GET".to_owned(),
        path: Template::new("/{n}"),
        headers: Vec::new(),
        body: None,
        expected_status: 200,
        expected_body: ExpectedBody::Text(Template::new("n={n}")),
    };
    Exchange::Http(RequestPlan::new(
        SocketAddr::from(([127, 0, 0, 1], 1)),
        parts,
    ))
}

/// The sizes of the answers that came.
fn received(link: &mut Link<Script>, checker: &mut Checker<'_>) -> Result<Vec<usize>, Failure> {
    let mut answers = Vec::new();
    link.receive(checker, &mut [0; 1024], &mut answers)?;
    Ok(answers.iter().map(|answered| answered.bytes).collect())
}

fn question(number: u64) -> Question {
    Question {
        route: 0,
        number,
        since: Instant::now(),
    }
}

fn answer(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn asked(plan: &Exchange, reads: &[&[u8]]) -> Link<Script> {
    let reads = reads.iter().map(|piece| piece.to_vec()).collect();
    let mut link = Link::new(Script {
        reads,
        writes: Vec::new(),
        takes: 1000,
    });
    link.flow.put(plan, question(7));
    link.flush().unwrap();
    link
}

#[test]
fn an_answer_may_come_in_any_two_pieces() {
    let (plan, whole) = (plan(), answer("n=7"));
    for cut in 1..whole.len() {
        let mut link = asked(&plan, &[&whole[..cut], &whole[cut..]]);
        let mut checker = Checker::new([&plan]);
        assert_eq!(
            received(&mut link, &mut checker).unwrap(),
            [0; 0],
            "cut at {cut}"
        );
        assert_eq!(received(&mut link, &mut checker).unwrap(), [whole.len()]);
        assert!(link.flow.awaited().is_none() && link.flow.bytes_received() == 0);
    }
}

#[test]
fn a_wrong_answer_is_told_with_its_difference() {
    let plan = plan();
    let cases = [
        (answer("n=8"), "from byte 2 on"),
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno".to_vec(),
            "expected status 200, found 500",
        ),
        (
            [answer("n=7"), b"x".to_vec()].concat(),
            "more bytes than the answer has",
        ),
        (b"nonsense\r\n\r\n".to_vec(), "status line"),
    ];
    for (bytes, expected) in cases {
        let failure =
            received(&mut asked(&plan, &[&bytes]), &mut Checker::new([&plan])).unwrap_err();
        let Failure::WrongAnswer(text) = &failure else {
            panic!("{failure:?}")
        };
        assert!(
            text.starts_with("GET /7: ") && text.contains(expected),
            "{text}"
        );
    }
}

#[test]
fn a_request_goes_out_in_as_many_writes_as_it_takes() {
    let plan = plan();
    let mut link = Link::new(Script {
        reads: VecDeque::new(),
        writes: Vec::new(),
        takes: 3,
    });
    link.flow.put(&plan, question(7));
    link.flush().unwrap();
    while link.written < link.sending.len() {
        link.stream.takes = 3;
        link.flush().unwrap();
    }
    let mut whole = Vec::new();
    plan.encode(7, &mut whole);
    assert_eq!(link.stream.writes, whole);
}

#[test]
fn an_answer_before_its_request_is_wrong() {
    let plan = plan();
    let mut link = asked(&plan, &[&answer("n=7"), &answer("n=7")]);
    let mut checker = Checker::new([&plan]);
    received(&mut link, &mut checker).unwrap();
    assert!(matches!(
        received(&mut link, &mut checker),
        Err(Failure::WrongAnswer(_))
    ));
}

#[test]
fn a_ping_is_answered_wherever_it_is_cut() {
    let exchange = Exchange::WebSocket(MessagePlan {
        path: String::from("/"),
        headers: Vec::new(),
        opcode: Opcode::Text,
        message: Template::new("n={n}"),
        expected: Template::new("n={n}"),
    });
    let whole = b"\x89\x02up\x89\x00\x81\x03n=7";
    for cut in 1..whole.len() {
        let mut link = asked(&exchange, &[&whole[..cut], &whole[cut..]]);
        link.stream.takes = usize::MAX;
        let sent = link.stream.writes.len();
        let mut checker = Checker::new([&exchange]);
        let first = received(&mut link, &mut checker).unwrap();
        assert_eq!(first, [0; 0], "cut at {cut}");
        let last = received(&mut link, &mut checker).unwrap();
        assert_eq!(last, [5]);
        assert_eq!(
            link.stream.writes[sent..],
            [pong(b"up"), pong(b"")].concat()
        );
    }
}

#[test]
fn the_end_of_the_connection_breaks_the_run() {
    let plan = plan();
    let mut link = asked(&plan, &[b""]);
    assert!(matches!(
        received(&mut link, &mut Checker::new([&plan])),
        Err(Failure::Broken(_))
    ));
}

#[test]
fn an_end_that_came_with_half_an_answer_is_read_with_it() {
    let (plan, whole) = (plan(), answer("n=7"));
    let mut link = asked(&plan, &[&whole[..9], b""]);
    link.expect_more();
    let failure = received(&mut link, &mut Checker::new([&plan])).unwrap_err();
    assert!(matches!(failure, Failure::Broken(text) if text.contains("closed a connection")));
}

#[test]
fn pipelined_answers_come_in_order_wherever_they_are_cut() {
    let plan = plan();
    let whole = [answer("n=7"), answer("n=8"), answer("n=9")].concat();
    for cut in 1..whole.len() {
        let mut link = asked(&plan, &[&whole[..cut], &whole[cut..]]);
        link.flow.put(&plan, question(8));
        link.flow.put(&plan, question(9));
        link.flush().unwrap();
        let (mut checker, mut answers) = (Checker::new([&plan]), Vec::new());
        for _ in 0..2 {
            link.receive(&mut checker, &mut [0; 1024], &mut answers)
                .unwrap();
        }
        let numbers: Vec<u64> = answers.iter().map(|one| one.question.number).collect();
        assert_eq!(numbers, [7, 8, 9], "cut at {cut}");
        assert!(link.flow.awaited().is_none() && link.flow.bytes_received() == 0);
    }
}

#[test]
fn pipelined_answers_in_another_order_are_wrong() {
    let plan = plan();
    let mut link = asked(&plan, &[&[answer("n=8"), answer("n=7")].concat()]);
    link.flow.put(&plan, question(8));
    link.flush().unwrap();
    let failure = received(&mut link, &mut Checker::new([&plan])).unwrap_err();
    assert!(matches!(failure, Failure::WrongAnswer(text) if text.starts_with("GET /7: ")));
}

#[test]
fn an_answer_to_a_request_that_is_only_half_sent_is_wrong() {
    let plan = plan();
    let mut link = asked(&plan, &[&[answer("n=7"), answer("n=8")].concat()]);
    link.stream.takes = 5;
    link.flow.put(&plan, question(8));
    link.flush().unwrap();
    let failure = received(&mut link, &mut Checker::new([&plan])).unwrap_err();
    assert!(matches!(failure, Failure::WrongAnswer(text) if text.contains("before its request")));
}

#[test]
fn a_slow_reader_takes_no_more_than_it_may() {
    let plan = plan();
    let whole = answer("n=7");
    let pieces: Vec<&[u8]> = whole.chunks(4).collect();
    let mut link = asked(&plan, &pieces);
    let (mut checker, mut answers) = (Checker::new([&plan]), Vec::new());
    let mut some = || {
        link.receive_some(&mut checker, &mut [0; 4], &mut answers)
            .unwrap()
    };
    for _ in 0..whole.len() / 4 {
        assert_eq!(some(), Received::Full(4));
    }
    assert_eq!(some(), Received::Emptied(whole.len() % 4));
    assert_eq!(answers.len(), 1);
}
