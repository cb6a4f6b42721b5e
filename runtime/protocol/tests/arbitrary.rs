//! Arbitrary peers and arbitrary drivers: nothing panics, nothing hangs.

#[path = "driver/driver.rs"]
mod driver;

use driver::{at, connection, server_lines};
use proptest::prelude::*;
use turbo_shard_protocol::{BodyLength, BodyMode, Closing, Event, Expiry, HeaderLines, Limits};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST_5: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Nothing panics and deadlines do not lie in the past for ever, whatever arrives and whatever the driver does.
    #[test]
    fn arbitrary_bytes_and_drivers_never_panic(
        steps in proptest::collection::vec(steps(), 1..40),
    ) {
        let mut connection = connection(small());
        let mut now = 0;
        let server_lines = server_lines();
        for step in steps {
            match step {
                Step::Receive(bytes) => {
                    if connection.wants_read() {
                        connection.receive(at(now), &bytes);
                    }
                }
                Step::Eof => connection.receive_eof(at(now)),
                Step::Wait(millis) => {
                    now += millis;
                    if connection.expire(at(now)) == Expiry::NotYet {
                        prop_assert!(connection.next_deadline().is_none_or(|deadline| deadline > at(now)));
                    }
                }
                Step::Answer(status, body) => {
                    let _ = connection.response(&server_lines).whole(status, &HeaderLines::new(), &body);
                }
                Step::Start(length) => {
                    let _ = connection.response(&server_lines).start(200, &HeaderLines::new(), length);
                }
                Step::Chunk(bytes) => {
                    let _ = connection.response(&server_lines).chunk(&bytes);
                }
                Step::End => {
                    let _ = connection.response(&server_lines).end();
                }
                Step::Send(count) => {
                    let count = count.min(connection.output().len());
                    connection.consume_output(at(now), count);
                }
                Step::Refuse => connection.refuse_status(503, None, &server_lines),
                Step::Drain => connection.drain(),
                Step::Cut => connection.cut(),
            }
            loop {
                match connection.next_event(at(now)) {
                    Event::NeedMore => break,
                    Event::Head if now % 3 == 0 => {
                        connection.read_body(at(now), BodyMode::Whole { bytes_max: 20 });
                    }
                    Event::Head if now % 3 == 1 => connection.read_body(at(now), BodyMode::Stream),
                    Event::BodyChunk if now % 2 == 0 => connection.consume_body(1),
                    Event::Close => {
                        prop_assert_ne!(connection.closing(), Closing::Open);
                        break;
                    }
                    _ => {}
                }
            }
        }
        prop_assert!(connection.into_workspace().is_some());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Receive(Vec<u8>),
    Eof,
    Wait(u64),
    Answer(u16, Vec<u8>),
    Start(BodyLength),
    Chunk(Vec<u8>),
    End,
    Send(usize),
    Refuse,
    Drain,
    Cut,
}

fn steps() -> impl Strategy<Value = Step> {
    let snippet = proptest::sample::select(vec![
        GET.to_vec(),
        POST_5.to_vec(),
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"HEAD / HTTP/1.0\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n\r\n".to_vec(),
        b"5\r\nhello\r\n".to_vec(),
        b"0\r\n\r\n".to_vec(),
        b"0\r\nx: y\r\n\r\n".to_vec(),
        b"hello".to_vec(),
        b"\r\n".to_vec(),
        b"GET /half".to_vec(),
    ]);
    let bytes = || proptest::collection::vec(any::<u8>(), 0..30);
    prop_oneof![
        8 => snippet.prop_map(Step::Receive),
        2 => bytes().prop_map(Step::Receive),
        1 => Just(Step::Eof),
        3 => (0..40_000u64).prop_map(Step::Wait),
        4 => (prop_oneof![Just(200), Just(204), 0..1100u16], bytes()).prop_map(|(s, b)| Step::Answer(s, b)),
        2 => prop_oneof![Just(BodyLength::Unknown), (0..20u64).prop_map(BodyLength::Known)].prop_map(Step::Start),
        2 => bytes().prop_map(Step::Chunk),
        2 => Just(Step::End),
        4 => (0..300usize).prop_map(Step::Send),
        1 => Just(Step::Refuse),
        1 => Just(Step::Drain),
        1 => Just(Step::Cut),
    ]
}
