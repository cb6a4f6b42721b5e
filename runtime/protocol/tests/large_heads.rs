//! Heads larger than the input at which reading pauses otherwise: read to their end where the limit allows them, however
//! they come and behind another request too; refused one byte beyond it.

#[path = "driver/driver.rs"]
mod driver;

use driver::{answer_with, connection, sent};
use proptest::prelude::*;
use turbo_shard_protocol::{Connection, Event, INPUT_BYTES_HIGH, Limits, Tick, Violation};

const NOW: Tick = Tick::from_millis(0);
const HEAD_BYTES_MAX: usize = 3 * INPUT_BYTES_HIGH;

fn limits() -> Limits {
    Limits {
        head_bytes_max: HEAD_BYTES_MAX,
        ..Limits::sample()
    }
}

/// A head of exactly so many bytes.
fn head_of(bytes: usize) -> Vec<u8> {
    let (begin, end) = ("GET /large HTTP/1.1\r\nHost: a\r\nX-Filling: ", "\r\n\r\n");
    format!(
        "{begin}{}{end}",
        "x".repeat(bytes - begin.len() - end.len())
    )
    .into_bytes()
}

/// Hands over as an engine does: only while the connection wants to read. Returns the last event, and what was not read.
fn fed<'a>(connection: &mut Connection, pieces: impl Iterator<Item = &'a [u8]>) -> (Event, usize) {
    let mut event = connection.next_event(NOW);
    let mut unread = 0;
    for piece in pieces {
        if event != Event::NeedMore || !connection.wants_read() {
            unread += piece.len();
            continue;
        }
        connection.receive(NOW, piece);
        event = connection.next_event(NOW);
    }
    (event, unread)
}

#[test]
fn head_as_large_as_its_limit_is_read_to_its_end() {
    for piece in [HEAD_BYTES_MAX, 16 * 1024, 7] {
        let mut connection = connection(limits());
        let head = head_of(HEAD_BYTES_MAX);
        assert_eq!(fed(&mut connection, head.chunks(piece)), (Event::Head, 0));
        assert_eq!(connection.request().path(), b"/large");
    }
}

#[test]
fn head_one_byte_beyond_its_limit_gets_431() {
    for piece in [HEAD_BYTES_MAX + 1, 16 * 1024, 7] {
        let mut connection = connection(limits());
        let head = head_of(HEAD_BYTES_MAX + 1);
        let (event, _) = fed(&mut connection, head.chunks(piece));
        assert_eq!(event, Event::Refused(Violation::HeadTooLarge));
    }
}

#[test]
fn large_head_behind_a_request_that_is_answered_late_is_read_to_its_end() {
    let mut connection = connection(limits());
    connection.receive(NOW, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.next_event(NOW), Event::Head);
    let head = head_of(HEAD_BYTES_MAX);
    let mut left = &head[..];
    while connection.wants_read() {
        let (piece, rest) = left.split_at(1024);
        connection.receive(NOW, piece);
        left = rest;
    }
    // The peer may send ahead of an answer, with a bound that does not grow with heads.
    assert_eq!(head.len() - left.len(), INPUT_BYTES_HIGH);
    answer_with(&mut connection, b"one");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    sent(&mut connection, NOW);
    assert_eq!(fed(&mut connection, left.chunks(1024)), (Event::Head, 0));
    assert_eq!(connection.request().path(), b"/large");
}

proptest! {
    #[test]
    fn any_split_of_a_large_head_gives_the_same_request(
        bytes in INPUT_BYTES_HIGH..=HEAD_BYTES_MAX,
        piece in 1usize..70_000,
    ) {
        let mut connection = connection(limits());
        prop_assert_eq!(fed(&mut connection, head_of(bytes).chunks(piece)), (Event::Head, 0));
    }
}
