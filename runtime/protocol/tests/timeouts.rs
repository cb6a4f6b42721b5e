//! Everything that a peer can drag out: every deadline, to the millisecond.

#[path = "driver/driver.rs"]
mod driver;

use driver::{answer_with, at, connection, decode_answers, sent, server_lines};
use turbo_shard_protocol::{
    BodyLength, BodyMode, Closing, Connection, Event, Expiry, HeaderLines, Limits, Violation,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST_5: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

/// A deadline is not missed by a millisecond, and not taken one early.
#[track_caller]
fn assert_expires(connection: &mut Connection, millis: u64, expiry: Expiry) {
    assert_eq!(connection.next_deadline(), Some(at(millis)));
    assert_eq!(connection.expire(at(millis - 1)), Expiry::NotYet);
    assert_eq!(connection.expire(at(millis)), expiry);
    assert_eq!(connection.expire(at(millis)), Expiry::NotYet);
}

#[test]
fn a_silent_stranger_is_closed_silently() {
    let mut connection = connection(Limits::sample());
    assert_expires(&mut connection, 10_000, Expiry::Close);
    assert_eq!(connection.closing(), Closing::Now);
    assert_eq!(connection.output(), b"");
    assert_eq!(connection.next_event(at(10_000)), Event::Close);
}

#[test]
fn an_idle_connection_is_closed_silently() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(5), GET);
    assert_eq!(connection.next_event(at(5)), Event::Head);
    assert_eq!(
        connection.next_deadline(),
        None,
        "the app may take its time"
    );
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(at(100)), Event::ExchangeDone);
    sent(&mut connection, at(200));
    assert!(connection.reclaim().is_some());
    assert_expires(&mut connection, 60_200, Expiry::Close);
    assert_eq!(connection.closing(), Closing::Now);
}

#[test]
fn a_slow_head_gets_408_however_much_it_drips() {
    let mut connection = connection(Limits::sample());
    for (second, byte) in GET.chunks(1).take(9).enumerate() {
        connection.receive(at(1_000 * second as u64 + 500), byte);
        assert_eq!(
            connection.next_event(at(1_000 * second as u64 + 500)),
            Event::NeedMore
        );
    }
    assert_expires(&mut connection, 10_500, Expiry::Refused);
    assert_eq!(
        connection.next_event(at(10_500)),
        Event::Refused(Violation::HeadTimeout)
    );
    connection.answer_refusal(&server_lines());
    assert_eq!(connection.next_event(at(10_500)), Event::Close);
    let answers = decode_answers(&sent(&mut connection, at(10_500)), &["GET"]);
    assert_eq!(answers[0].status, 408);
    assert_expires(&mut connection, 15_500, Expiry::Close);
}

#[test]
fn a_pipelined_head_has_its_own_time() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), &[GET, b"GET"].concat());
    assert_eq!(connection.next_event(at(0)), Event::Head);
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(at(60_000)), Event::ExchangeDone);
    assert_eq!(connection.next_event(at(60_000)), Event::NeedMore);
    sent(&mut connection, at(60_000));
    assert_expires(&mut connection, 70_000, Expiry::Refused);
}

#[test]
fn a_stalled_body_gets_408() {
    for mode in [BodyMode::Whole { bytes_max: 10 }, BodyMode::Stream] {
        let mut connection = connection(Limits::sample());
        connection.receive(at(0), POST_5);
        assert_eq!(connection.next_event(at(0)), Event::Head);
        assert_eq!(connection.next_deadline(), None);
        connection.read_body(at(1_000), mode);
        assert_eq!(connection.next_event(at(1_000)), Event::NeedMore);
        assert_expires(&mut connection, 31_000, Expiry::Refused);
        assert_eq!(
            connection.next_event(at(31_000)),
            Event::Refused(Violation::BodyTimeout)
        );
        connection.answer_refusal(&server_lines());
        assert_eq!(
            decode_answers(connection.output(), &["POST"])[0].status,
            408
        );
    }
}

/// One byte per 29 s makes progress all the time, and still ends after about 30 s of waiting.
#[test]
fn a_trickling_body_gets_408() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), POST_5);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    connection.read_body(at(0), BodyMode::Stream);
    connection.receive(at(29_000), b"x");
    assert_eq!(connection.next_event(at(29_000)), Event::BodyChunk);
    connection.consume_body(1);
    assert_eq!(connection.next_event(at(29_000)), Event::NeedMore);
    assert_expires(&mut connection, 30_004, Expiry::Refused);
}

#[test]
fn a_stream_waits_for_its_app_without_a_deadline() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), &[POST_5, b"abc"].concat());
    assert_eq!(connection.next_event(at(0)), Event::Head);
    connection.read_body(at(0), BodyMode::Stream);
    assert_eq!(connection.next_event(at(0)), Event::BodyChunk);
    assert_eq!(connection.next_deadline(), None);
    connection.consume_body(3);
    assert_eq!(connection.next_event(at(100_000)), Event::NeedMore);
    assert_eq!(connection.next_deadline(), Some(at(130_000)));
}

#[test]
fn a_body_that_stalls_behind_a_begun_answer_is_cut() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), POST_5);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    connection.read_body(at(0), BodyMode::Stream);
    connection
        .response(&server_lines())
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    sent(&mut connection, at(0));
    assert_expires(&mut connection, 30_000, Expiry::Cut);
    assert_eq!(connection.closing(), Closing::Now);
}

#[test]
fn an_unread_body_that_stalls_does_not_hold_the_connection() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), POST_5);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(at(0)), Event::NeedMore);
    assert_eq!(connection.next_deadline(), Some(at(30_000)), "to read");
    sent(&mut connection, at(1_000));
    assert_expires(&mut connection, 31_000, Expiry::Close);
    assert_eq!(connection.closing(), Closing::Now);
}

#[test]
fn an_unwanted_body_does_not_hurry_the_app() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), POST_5);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    connection.read_body(at(0), BodyMode::Discard);
    assert_eq!(connection.next_event(at(0)), Event::NeedMore);
    assert_eq!(connection.next_deadline(), None);
}

#[test]
fn a_peer_that_does_not_read_is_cut() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), GET);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    answer_with(&mut connection, &[b'x'; 1000]);
    assert_eq!(connection.next_event(at(50)), Event::ExchangeDone);
    assert_eq!(connection.next_deadline(), Some(at(30_050)));
    connection.consume_output(at(20_000), 1);
    assert_eq!(connection.next_deadline(), Some(at(50_000)));
    connection.consume_output(at(30_000), 0);
    assert_expires(&mut connection, 50_000, Expiry::Cut);
    assert_eq!(connection.closing(), Closing::Now);
    assert_eq!(connection.output(), b"");
    assert!(connection.reclaim().is_some());
}

#[test]
fn a_half_closed_peer_is_cut_when_nothing_is_sent_to_it_for_long() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(5), GET);
    assert_eq!(connection.next_event(at(5)), Event::Head);
    connection.receive_eof(at(100));
    assert_eq!(connection.next_event(at(100)), Event::NeedMore);
    assert_eq!(connection.next_deadline(), Some(at(30_100)));
    let server_lines = server_lines();
    let mut response = connection.response(&server_lines);
    response
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    response.chunk(b"still there?").unwrap();
    assert_eq!(connection.next_event(at(20_000)), Event::NeedMore);
    sent(&mut connection, at(20_000));
    assert_expires(&mut connection, 50_000, Expiry::Cut);
    assert_eq!(connection.closing(), Closing::Now);
}

#[test]
fn an_answer_that_was_taken_away_and_leaves_late_moves_the_waits_behind_it() {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), GET);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    answer_with(&mut connection, &[b'x'; 1000]);
    assert_eq!(connection.next_event(at(0)), Event::ExchangeDone);
    connection.swap_output(at(0), &mut Vec::new());
    assert_eq!(connection.next_deadline(), Some(at(60_000)));
    connection.output_leaves_late(at(60_000));
    assert_eq!(connection.next_deadline(), Some(at(120_000)));
    // The next answer waits behind it: the peer has not refused that yet.
    connection.receive(at(61_000), GET);
    assert_eq!(connection.next_event(at(61_000)), Event::Head);
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(at(61_000)), Event::ExchangeDone);
    assert_eq!(connection.next_deadline(), Some(at(91_000)));
    connection.output_leaves_late(at(80_000));
    assert_expires(&mut connection, 110_000, Expiry::Cut);
}
