//! Everything that a peer can make grow, at its bound and one beyond.

#[path = "driver/driver.rs"]
mod driver;

use driver::{answer_with, at, connection, decode_answers, sent, server_lines};
use turbo_shard_protocol::{BodyMode, Closing, EMPTY_LINES_MAX, Event, Limits, Violation};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn small() -> Limits {
    Limits {
        head_bytes_max: 200,
        header_fields_max: 3,
        target_bytes_max: 50,
        body_bytes_max: 100,
        discard_bytes_max: 50,
        trailer_bytes_max: 60,
        chunk_line_bytes_max: 20,
        ..Limits::sample()
    }
}

/// The first event of a new connection, whole and dripping.
#[track_caller]
fn assert_first_event(limits: &Limits, input: &[u8], expected: Event) {
    let mut whole = connection(limits.clone());
    whole.receive(at(0), input);
    assert_eq!(whole.next_event(at(0)), expected, "whole");

    let mut dripping = connection(limits.clone());
    let events: Vec<_> = input
        .chunks(1)
        .map(|byte| {
            dripping.receive(at(0), byte);
            dripping.next_event(at(0))
        })
        .filter(|event| *event != Event::NeedMore)
        .collect();
    assert_eq!(events.first(), Some(&expected), "dripping");
}

#[test]
fn head_over_limit_gets_431() {
    let head = |len: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nx: \r\n\r\n";
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n",
            "v".repeat(len - frame.len())
        )
        .into_bytes()
    };
    assert_first_event(&small(), &head(200), Event::Head);
    let refused = Event::Refused(Violation::HeadTooLarge);
    assert_first_event(&small(), &head(201), refused);
    assert_eq!(Violation::HeadTooLarge.status(), 431);
}

#[test]
fn a_head_that_never_ends_is_refused_at_its_limit() {
    let mut connection = connection(small());
    connection.receive(at(0), b"GET / HTTP/1.1\r\nx: ");
    for _ in 0..1000 {
        connection.receive(at(0), b"v");
        if connection.next_event(at(0)) != Event::NeedMore {
            connection.answer_refusal(&server_lines());
            break;
        }
    }
    let answers = decode_answers(&sent(&mut connection, at(0)), &["GET"]);
    assert_eq!(answers[0].status, 431);
}

#[test]
fn target_over_limit_gets_414() {
    let head = |len: usize| {
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len - 1)).into_bytes()
    };
    assert_first_event(&small(), &head(50), Event::Head);
    let refused = Event::Refused(Violation::TargetTooLong);
    assert_first_event(&small(), &head(51), refused);
    assert_first_event(&small(), &head(500), refused);
}

#[test]
fn too_many_fields_get_431() {
    let head = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "x: y\r\n".repeat(count - 1)
        )
        .into_bytes()
    };
    assert_first_event(&small(), &head(3), Event::Head);
    assert_first_event(&small(), &head(4), Event::Refused(Violation::TooManyFields));
}

#[test]
fn empty_lines_before_a_request_are_bounded() {
    let input = |count: usize| [b"\r\n".repeat(count), GET.to_vec()].concat();
    let max = usize::from(EMPTY_LINES_MAX);
    assert_first_event(&small(), &input(max), Event::Head);
    assert_first_event(
        &small(),
        &input(max + 1),
        Event::Refused(Violation::TooManyEmptyLines),
    );
}

/// The event after the head when the app wants the body, whole and dripping.
#[track_caller]
fn assert_body_event(mode: BodyMode, head: &str, body: &str, expected: Event) {
    let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{body}");
    for piece in [input.len(), 1] {
        let mut connection = connection(small());
        let mut first = None;
        for bytes in input.as_bytes().chunks(piece) {
            connection.receive(at(0), bytes);
            loop {
                match connection.next_event(at(0)) {
                    Event::NeedMore => break,
                    Event::Head => connection.read_body(at(0), mode),
                    Event::BodyChunk => connection.consume_body(connection.body().len()),
                    event => {
                        first = first.or(Some(event));
                        break;
                    }
                }
            }
        }
        assert_eq!(first, Some(expected), "in pieces of {piece}");
    }
}

#[test]
fn body_over_limit_gets_413() {
    let whole = BodyMode::Whole { bytes_max: 10 };
    let too_large = Event::Refused(Violation::BodyTooLarge);
    let length = |length: usize| format!("Content-Length: {length}");
    let chunked = "Transfer-Encoding: chunked";
    assert_body_event(whole, &length(10), &"x".repeat(10), Event::BodyReady);
    assert_body_event(whole, &length(11), "", too_large);
    assert_body_event(
        whole,
        chunked,
        "5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n",
        Event::BodyReady,
    );
    assert_body_event(whole, chunked, "5\r\n12345\r\n6\r\n", too_large);
    assert_body_event(whole, chunked, "ffffffffffffffff\r\n", too_large);
    // The route's bound does not lift the server's, which holds for streams too.
    let generous = BodyMode::Whole {
        bytes_max: u64::MAX,
    };
    assert_body_event(generous, &length(101), "", too_large);
    assert_body_event(
        BodyMode::Stream,
        &length(100),
        &"x".repeat(100),
        Event::BodyEnd,
    );
    assert_body_event(BodyMode::Stream, &length(101), "", too_large);
    let full = format!("64\r\n{}\r\n0\r\n\r\n", "x".repeat(100));
    assert_body_event(BodyMode::Stream, chunked, &full, Event::BodyEnd);
    assert_body_event(BodyMode::Stream, chunked, "65\r\n", too_large);
}

#[test]
fn trailers_over_limit_get_431() {
    let whole = BodyMode::Whole { bytes_max: 10 };
    let chunked = "Transfer-Encoding: chunked";
    let body = |len: usize| format!("0\r\nx: {}\r\n\r\n", "v".repeat(len - 7));
    assert_body_event(whole, chunked, &body(60), Event::BodyReady);
    let too_large = Event::Refused(Violation::TrailerTooLarge);
    assert_body_event(whole, chunked, &body(61), too_large);
    let many = format!("0\r\n{}\r\n", "x: y\r\n".repeat(4));
    assert_body_event(whole, chunked, &many, too_large);
}

#[test]
fn chunk_lines_over_limit_are_refused() {
    let whole = BodyMode::Whole { bytes_max: 10 };
    let chunked = "Transfer-Encoding: chunked";
    let body = |len: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(len - 2));
    assert_body_event(whole, chunked, &body(20), Event::BodyReady);
    assert_body_event(
        whole,
        chunked,
        &body(21),
        Event::Refused(Violation::ChunkLineTooLong),
    );
}

#[test]
fn an_unread_body_is_swallowed_up_to_its_limit() {
    for (length, survives) in [(50, true), (51, false)] {
        let mut connection = connection(small());
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        connection.receive(at(0), head.as_bytes());
        assert_eq!(connection.next_event(at(0)), Event::Head);
        answer_with(&mut connection, b"");
        let answers = decode_answers(connection.output(), &["POST"]);
        assert_eq!(answers[0].header("connection").is_none(), survives);
        let swallowed = match survives {
            true => Event::NeedMore,
            false => Event::ExchangeDone,
        };
        assert_eq!(connection.next_event(at(0)), swallowed);
        assert_eq!(connection.closing() == Closing::Open, survives);
    }
}

#[test]
fn an_endless_unread_chunked_body_ends_the_connection() {
    let mut connection = connection(small());
    connection.receive(
        at(0),
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    assert_eq!(connection.next_event(at(0)), Event::Head);
    answer_with(&mut connection, b"");
    for _ in 0..8 {
        connection.receive(at(0), b"1\r\nx\r\n");
        assert_eq!(connection.next_event(at(0)), Event::NeedMore);
    }
    connection.receive(at(0), b"1\r\nx\r\n");
    assert_eq!(connection.next_event(at(0)), Event::ExchangeDone);
    assert_eq!(connection.next_event(at(0)), Event::Close);
}
