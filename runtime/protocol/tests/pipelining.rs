//! The order of exchanges on one connection, and what flows or waits meanwhile.

#[path = "driver/driver.rs"]
mod driver;

use driver::{answer_with, connection, decode_answers, sent, server_lines};
use turbo_shard_protocol::{
    BodyLength, BodyMode, Closing, Connection, Event, HeaderLines, Limits, Tick, Violation,
    Workspace,
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
fn the_next_head_waits_for_the_answer_before_it() {
    let mut connection = connection(Limits::sample());
    connection.receive(
        NOW,
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(connection.next_event(NOW), Event::Head);
    assert_eq!(connection.request().path(), b"/1");
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    assert_eq!(connection.request().path(), b"/1");
    answer_with(&mut connection, b"one");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Head);
    assert_eq!(connection.request().path(), b"/2");
    answer_with(&mut connection, b"two");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::NeedMore);

    let answers = decode_answers(&sent(&mut connection, NOW), &["GET", "GET"]);
    let bodies: Vec<_> = answers.iter().map(|answer| &answer.body[..]).collect();
    assert_eq!(bodies, [b"one", b"two"]);
    assert!(connection.is_idle());
}

#[test]
fn no_request_is_started_above_the_output_bound() {
    let mut connection = begun(&GET.repeat(2));
    let body = vec![b'x'; Limits::sample().output_bytes_high];
    answer_with(&mut connection, &body);
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    assert!(!connection.in_exchange());
    connection.consume_output(NOW, 1000);
    assert_eq!(connection.next_event(NOW), Event::Head);
}

#[test]
fn reading_pauses_behind_an_answer_that_is_due() {
    let mut connection = begun(GET);
    let high = Limits::sample().input_bytes_high;
    assert!(connection.wants_read());
    connection.receive(NOW, &vec![b'G'; high - 1]);
    assert!(connection.wants_read());
    connection.receive(NOW, b"G");
    assert!(!connection.wants_read());
}

#[test]
fn reading_pauses_behind_a_stream_that_is_not_consumed() {
    let high = Limits::sample().input_bytes_high;
    let mut connection = begun(
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            high * 2
        )
        .as_bytes(),
    );
    connection.read_body(NOW, BodyMode::Stream);
    connection.receive(NOW, &vec![b'x'; high]);
    assert_eq!(connection.next_event(NOW), Event::BodyChunk);
    assert_eq!(connection.next_event(NOW), Event::NeedMore, "told once");
    assert!(!connection.wants_read());
    connection.consume_body(1);
    assert!(connection.wants_read());
    connection.consume_body(high - 1);
    connection.receive(NOW, &vec![b'x'; high]);
    assert_eq!(connection.next_event(NOW), Event::BodyChunk);
    assert_eq!(connection.next_event(NOW), Event::BodyEnd);
    assert_eq!(connection.body().len(), high);
}

#[test]
fn a_workspace_is_given_back_between_requests_only() {
    let mut connection = connection(Limits::sample());
    connection.receive(NOW, &GET[..5]);
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    assert!(connection.reclaim().is_none());
    connection.receive(NOW, &GET[5..]);
    assert_eq!(connection.next_event(NOW), Event::Head);
    assert!(connection.reclaim().is_none());
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert!(connection.reclaim().is_none(), "output is unsent");
    sent(&mut connection, NOW);
    let workspace = connection.reclaim().unwrap();
    assert!(connection.is_idle() && connection.wants_read());
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    connection.lend(workspace);
    connection.receive(NOW, GET);
    assert_eq!(connection.next_event(NOW), Event::Head);
}

#[test]
fn empty_lines_leave_a_connection_idle() {
    let mut connection = connection(Limits::sample());
    connection.receive(NOW, b"\r\n");
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    assert!(connection.is_idle());
    connection.receive(NOW, b"\r");
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    assert!(!connection.is_idle());
    connection.receive(NOW, b"\n");
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    assert!(connection.reclaim().is_some());
}

#[test]
fn continue_is_sent_to_a_peer_that_waits_for_it() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut waiting = begun(head);
    assert!(waiting.request().expects_continue());
    waiting.read_body(NOW, BodyMode::Whole { bytes_max: 10 });
    assert_eq!(sent(&mut waiting, NOW), b"HTTP/1.1 100 Continue\r\n\r\n");
    waiting.receive(NOW, b"ab");
    assert_eq!(waiting.next_event(NOW), Event::BodyReady);
    answer_with(&mut waiting, b"");
    assert_eq!(waiting.next_event(NOW), Event::ExchangeDone);
    assert_eq!(waiting.closing(), Closing::Open);

    let mut impatient = begun(&[&head[..], b"a"].concat());
    impatient.read_body(NOW, BodyMode::Stream);
    assert_eq!(impatient.output(), b"");
}

#[test]
fn a_peer_that_waits_for_continue_in_vain_is_closed() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut connection = begun(head);
    answer_with(&mut connection, b"no");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Close);
    let answers = decode_answers(&sent(&mut connection, NOW), &["POST"]);
    assert_eq!(answers[0].header("connection"), Some(&b"close"[..]));
}

#[test]
fn a_body_too_large_as_announced_is_refused_instead_of_continued() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n";
    let mut connection = begun(head);
    connection.read_body(NOW, BodyMode::Whole { bytes_max: 10 });
    assert_eq!(
        connection.next_event(NOW),
        Event::Refused(Violation::BodyTooLarge)
    );
    connection.answer_refusal(&server_lines());
    assert_eq!(connection.next_event(NOW), Event::Close);
    let answers = decode_answers(&sent(&mut connection, NOW), &["POST"]);
    assert_eq!(answers[0].status, 413);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: true });
}

#[test]
fn http_1_0_closes_unless_asked_and_the_length_is_known() {
    let head = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let mut kept = begun(head);
    answer_with(&mut kept, b"");
    assert_eq!(kept.next_event(NOW), Event::ExchangeDone);
    assert_eq!(kept.closing(), Closing::Open);

    let mut unknown = begun(head);
    let server_lines = server_lines();
    let mut response = unknown.response(&server_lines);
    response
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    response.chunk(b"abc").unwrap();
    response.end().unwrap();
    assert_eq!(unknown.next_event(NOW), Event::ExchangeDone);
    assert_eq!(unknown.next_event(NOW), Event::Close);
    let answers = decode_answers(&sent(&mut unknown, NOW), &["GET"]);
    assert!(answers[0].until_close);

    let mut unasked = begun(b"GET / HTTP/1.0\r\n\r\n");
    answer_with(&mut unasked, b"");
    assert_eq!(unasked.next_event(NOW), Event::ExchangeDone);
    assert_eq!(unasked.next_event(NOW), Event::Close);
}

#[test]
fn a_half_closed_peer_gets_all_its_answers() {
    let mut connection = connection(Limits::sample());
    connection.receive(NOW, &[&GET.repeat(2)[..], b"GET /part"].concat());
    connection.receive_eof(NOW);
    assert!(!connection.wants_read());
    for _ in 0..2 {
        assert_eq!(connection.next_event(NOW), Event::Head);
        assert_eq!(connection.next_event(NOW), Event::NeedMore);
        answer_with(&mut connection, b"");
        assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    }
    assert_eq!(connection.next_event(NOW), Event::Close);
    assert_eq!(connection.closing(), Closing::AfterOutput { linger: false });
}

#[test]
fn a_stream_may_be_given_up_and_swallowed() {
    let mut connection = begun(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    connection.read_body(NOW, BodyMode::Stream);
    assert_eq!(connection.next_event(NOW), Event::BodyChunk);
    answer_with(&mut connection, b"enough");
    assert_eq!(connection.next_event(NOW), Event::NeedMore);
    assert!(connection.in_exchange());
    connection.receive(NOW, &[b"def", GET].concat());
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    assert_eq!(connection.next_event(NOW), Event::Head);
}

#[test]
fn a_request_without_a_body_has_an_empty_one() {
    let mut whole = begun(GET);
    whole.read_body(NOW, BodyMode::Whole { bytes_max: 0 });
    assert_eq!(whole.next_event(NOW), Event::BodyReady);
    assert_eq!(whole.body(), b"");
    assert_eq!(whole.next_event(NOW), Event::NeedMore);

    let mut stream = begun(GET);
    stream.read_body(NOW, BodyMode::Stream);
    assert_eq!(stream.next_event(NOW), Event::BodyEnd);
    assert_eq!(stream.next_event(NOW), Event::NeedMore);

    let mut discarded = begun(GET);
    discarded.read_body(NOW, BodyMode::Discard);
    assert_eq!(discarded.next_event(NOW), Event::NeedMore);
}

#[test]
#[should_panic(expected = "no exchange is in flight")]
fn a_request_is_readable_during_its_exchange_only() {
    let mut connection = begun(GET);
    answer_with(&mut connection, b"");
    assert_eq!(connection.next_event(NOW), Event::ExchangeDone);
    let _ = connection.request();
}

#[test]
#[should_panic(expected = "already lent")]
fn a_second_workspace_is_our_own_bug() {
    connection(Limits::sample()).lend(Box::new(Workspace::new()));
}
