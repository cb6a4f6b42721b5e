//! How connections end: asked to, refused, drained, cut, left alone.

#[path = "driver/driver.rs"]
mod driver;

use driver::{answer_with, connection, decode_answers, sent, server_lines};
use turbo_shard_protocol::{
    AnswerStage, AnswerStep, BodyLength, BodyMode, Closing, Connection, Event, HeaderLines,
    LINGER_BYTES_MAX, Limits, Misuse, Tick, Violation,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const NOW: Tick = Tick::from_millis(0);

fn begun(input: &[u8]) -> Connection {
    let mut connection = connection(Limits::sample());
    connection.receive(NOW, input);
    assert_eq!(connection.next_event(NOW), Event::Head);
    connection
}

#[test]
fn a_request_to_close_is_the_last_one() {
    let mut connection = begun(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: false });
    assert!(!connection.wants_read());
    sent(&mut connection, NOW);
    assert_eq!(connection.closing(), Closing::Now);
    assert!(connection.reclaim().is_some());
}

#[test]
fn nothing_after_a_request_to_close_is_parsed() {
    let mut connection = begun(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: true });
}

#[test]
fn a_peer_that_did_not_expect_the_end_is_lingered_for() {
    let mut connection = begun(GET);
    let mut lines = HeaderLines::new();
    lines.push(b"connection", b"close").unwrap();
    connection
        .response(&server_lines())
        .whole(200, &lines, b"")
        .unwrap();
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    sent(&mut connection, NOW);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: true });
    assert!(connection.wants_read());
    assert!(connection.reclaim().is_some());
    connection.receive(NOW, GET);
    assert_eq!(connection.next_event(NOW), Event::Close);
    connection.receive_eof(NOW);
    assert_eq!(connection.closing(), Closing::Now);
    assert!(!connection.wants_read());
}

#[test]
fn lingering_swallows_only_so_much() {
    let mut connection = begun(GET);
    connection.refuse_status(503, Some(1), &server_lines());
    sent(&mut connection, NOW);
    let junk = vec![b'x'; 64 * 1024];
    for _ in 0..LINGER_BYTES_MAX as usize / junk.len() {
        assert_eq!(connection.closing(), Closing::AfterOutput { linger: true });
        connection.receive(NOW, &junk);
    }
    assert_eq!(connection.closing(), Closing::Now);
}

#[test]
fn a_body_that_will_never_be_complete_ends_the_exchange() {
    for mode in [BodyMode::Whole { bytes_max: 10 }, BodyMode::Stream] {
        let mut connection = begun(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
        connection.read_body(NOW, mode);
        connection.receive_eof(NOW);
        assert_eq!(connection.next_event(NOW), Event::Close);
        assert!(!connection.in_exchange());
        assert_eq!(connection.closing(), Closing::Now);
    }
}

#[test]
fn an_answer_without_the_body_survives_its_truncation() {
    let mut connection = begun(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    connection.receive_eof(NOW);
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    answer_with(&mut connection, b"early");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert_eq!(
        decode_answers(connection.output(), &["POST"])[0].body,
        b"early"
    );
}

#[test]
fn a_peer_that_leaves_before_its_first_byte_is_just_gone() {
    let mut connection = Connection::new(std::sync::Arc::new(Limits::sample()), NOW);
    connection.receive_eof(NOW);
    assert_eq!(connection.closing(), Closing::Now);
    assert_eq!(connection.next_event(NOW), Event::Close);
}

#[test]
fn draining_closes_an_idle_connection_at_once() {
    let mut connection = Connection::new(std::sync::Arc::new(Limits::sample()), NOW);
    connection.drain();
    assert_eq!(connection.closing(), Closing::Now);
    assert_eq!(connection.next_event(NOW), Event::Close);
}

#[test]
fn draining_finishes_the_exchange_in_flight_and_nothing_after_it() {
    let mut connection = begun(&GET.repeat(2));
    connection.drain();
    assert_eq!(connection.closing(), Closing::Open);
    answer_with(&mut connection, b"last");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
    let answers = decode_answers(&sent(&mut connection, NOW), &["GET"]);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].header("connection"), Some(&b"close"[..]));
}

#[test]
fn draining_lets_a_head_on_its_way_arrive() {
    let mut connection = connection(Limits::sample());
    connection.receive(NOW, &GET[..10]);
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    connection.drain();
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    connection.receive(NOW, &GET[10..]);
    assert_eq!(connection.next_event(NOW), Event::Head);
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
}

#[test]
fn draining_in_the_middle_of_an_answer_closes_after_it() {
    let mut connection = begun(GET);
    let server_lines = server_lines();
    connection
        .response(&server_lines)
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    connection.drain();
    connection.response(&server_lines).end().unwrap();
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
}

#[test]
fn a_cut_answer_has_no_end() {
    let mut connection = begun(GET);
    let server_lines = server_lines();
    let mut response = connection.response(&server_lines);
    response
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    response.chunk(b"abc").unwrap();
    connection.cut();
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: false });
    let answers = decode_answers(&sent(&mut connection, NOW), &["GET"]);
    assert!(!answers[0].complete);
    assert_eq!(connection.closing(), Closing::Now);
}

#[test]
fn an_answer_that_ends_short_cuts_the_connection() {
    let mut connection = begun(GET);
    let server_lines = server_lines();
    let mut response = connection.response(&server_lines);
    response
        .start(200, &HeaderLines::new(), BodyLength::Known(5))
        .unwrap();
    response.chunk(b"abc").unwrap();
    assert_eq!(response.end(), Err(Misuse::BodyTooShort { missing: 2 }));
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert!(!decode_answers(connection.output(), &["GET"])[0].complete);
}

#[test]
fn an_answer_that_comes_too_late_does_no_harm() {
    let mut connection = begun(GET);
    connection.cut();
    let error = connection
        .response(&server_lines())
        .whole(200, &HeaderLines::new(), b"late");
    assert_eq!(
        error,
        Err(Misuse::OutOfOrder {
            stage: AnswerStage::Cut,
            step: AnswerStep::Whole
        })
    );
    assert_eq!(connection.output(), b"");
}

#[test]
fn a_violation_behind_the_start_of_an_answer_cuts_it() {
    let mut connection = begun(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.read_body(NOW, BodyMode::Stream);
    connection
        .response(&server_lines())
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    let written = connection.output().to_vec();
    connection.receive(NOW, b"zz\r\n");
    assert_eq!(
        connection.next_event(NOW),
        Event::Refused(Violation::ChunkSizeInvalid)
    );
    connection.answer_refusal(&server_lines());
    assert_eq!(connection.output(), written);
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: false });
}

#[test]
fn a_refusal_that_the_driver_forgets_to_answer_is_answered_without_date() {
    let mut connection = connection(Limits::sample());
    connection.receive(NOW, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(
        connection.next_event(NOW),
        Event::Refused(Violation::HostMissing)
    );
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert_eq!(connection.next_event(NOW), Event::Close);
    connection.answer_refusal(&server_lines());
    let answers = decode_answers(&sent(&mut connection, NOW), &["GET"]);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].status, 400);
    assert_eq!(answers[0].header("date"), None);
}

#[test]
fn a_refusal_of_head_has_no_body() {
    let mut connection = begun(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    connection.read_body(NOW, BodyMode::Whole { bytes_max: 1 });
    assert_eq!(
        connection.next_event(NOW),
        Event::Refused(Violation::BodyTooLarge)
    );
    connection.answer_refusal(&server_lines());
    assert!(connection.output().ends_with(b"\r\n\r\n"));
}

#[test]
fn a_busy_server_says_so_and_closes() {
    let mut fresh = connection(Limits::sample());
    fresh.refuse_status(503, Some(7), &server_lines());
    let answers = decode_answers(&sent(&mut fresh, NOW), &["GET"]);
    assert_eq!(answers[0].status, 503);
    assert_eq!(answers[0].header("retry-after"), Some(&b"7"[..]));
    assert_eq!(fresh.next_event(NOW), Event::Close);

    let mut answering = begun(GET);
    answering
        .response(&server_lines())
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    let written = answering.output().to_vec();
    answering.refuse_status(503, None, &server_lines());
    assert_eq!(answering.output(), written);
    assert_eq!(answering.closing(), Closing::AfterOutput { linger: false });
}

#[test]
fn a_workspace_comes_back_from_a_connection_that_ends_anyhow() {
    let connection = begun(GET);
    assert!(connection.into_workspace().is_some());
}

#[test]
fn a_peer_that_leaves_while_idle_still_gets_its_last_answer() {
    let mut connection = begun(GET);
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    connection.receive_eof(NOW);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: false });
    sent(&mut connection, NOW);
    assert_eq!(connection.closing(), Closing::Now);
}

#[test]
fn a_peer_that_is_sent_away_gets_its_answer_and_is_told_to_close() {
    let mut connection = begun(GET);
    assert!(connection.send_away());
    answer_with(&mut connection, b"whole");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
    let answers = decode_answers(&sent(&mut connection, NOW), &["GET"]);
    assert_eq!(answers[0].header("connection"), Some(&b"close"[..]));
    assert_eq!(answers[0].body, b"whole");
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: true });
}

#[test]
fn nobody_is_sent_away_who_would_lose_something_by_it() {
    let with_another_behind = [GET, GET].concat();
    let unsuitable: [&[u8]; 4] = [
        &with_another_behind,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ];
    for input in unsuitable {
        assert!(!begun(input).send_away(), "{}", input.escape_ascii());
    }
    let mut idle = connection(Limits::sample());
    assert!(!idle.send_away());
    let mut answered = begun(GET);
    answer_with(&mut answered, b"");
    assert!(!answered.send_away());
}
