//! How a connection leaves HTTP with all of its bytes, and when a body is there before a call that would wait for it.

#[path = "driver/driver.rs"]
mod driver;

use std::sync::Arc;

use driver::{at, chunked, post, server_lines};
use proptest::prelude::*;
use turbo_shard_protocol::{
    BodyLength, BodyMode, Connection, Event, HeaderLines, Limits, Misuse, Upgraded, Workspace,
};

const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\n";
/// As the peer gets it: without a date.
const HEAD_101: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\n\r\n";

fn switch(connection: &mut Connection) -> Result<(), Misuse> {
    connection.switch_protocols(at(0), HEAD, &server_lines())
}
const SWITCH: &[u8] = b"GET /switch HTTP/1.1\r\nHost: a\r\nUpgrade: other\r\n\r\n";
const PLAIN: &[u8] = b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n";

fn connection(limits: Limits) -> Connection {
    let mut connection = Connection::new(Arc::new(limits), at(0));
    connection.lend(Box::new(Workspace::new()));
    connection
}

/// A connection whose app has been called for `request`.
fn called(request: &[u8]) -> Connection {
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), request);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    connection
}

/// Runs a connection until it has switched; returns what it left and how many answers went before it.
fn run(pieces: &[&[u8]]) -> (Upgraded, usize) {
    let mut connection = connection(Limits::sample());
    let mut answers = 0;
    let mut left: Option<Upgraded> = None;
    for piece in pieces {
        if let Some(left) = &mut left {
            left.input.extend_from_slice(piece);
            continue;
        }
        connection.receive(at(0), piece);
        loop {
            match connection.next_event(at(0)) {
                Event::Head if connection.request().path() == b"/switch" => {
                    switch(&mut connection).unwrap();
                    let (upgraded, workspace) = connection.leave_http();
                    assert!(workspace.is_some_and(|workspace| {
                        // The workspace goes to another connection, which must find nothing in it.
                        let mut next = Connection::new(Arc::new(Limits::sample()), at(0));
                        next.lend(workspace);
                        next.next_event(at(0)) == Event::NeedMore && next.output().is_empty()
                    }));
                    left = Some(upgraded);
                    break;
                }
                Event::Head => {
                    let none = HeaderLines::new();
                    let server_lines = server_lines();
                    let (_, _, mut response) = connection.exchange(&server_lines);
                    response.whole(200, &none, b"plain").unwrap();
                    answers += 1;
                }
                Event::ExchangeDone => {}
                Event::NeedMore => break,
                event => panic!("{event:?}"),
            }
        }
    }
    (left.expect("the connection has switched"), answers)
}

proptest! {
    #[test]
    fn no_byte_is_lost_or_read_as_http_wherever_the_input_is_cut(
        before in 0_usize..4,
        behind in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let input = [PLAIN.repeat(before).as_slice(), SWITCH, &behind].concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let (upgraded, answers) = run(&pieces);
        prop_assert_eq!(answers, before);
        prop_assert_eq!(upgraded.input, behind);
        // Nothing was sent meanwhile, so the answers before it are there too, in order.
        prop_assert!(upgraded.output.ends_with(HEAD_101));
        let plain = upgraded.output.windows(9).filter(|bytes| bytes == b"\r\n\r\nplain");
        prop_assert_eq!(plain.count(), before);
        prop_assert!(!upgraded.has_eof && !upgraded.is_draining);
    }

    #[test]
    fn a_body_is_at_hand_when_all_of_it_is_and_then_it_is_ready_at_once(
        length in 0_usize..500, arrived in 0_usize..500,
    ) {
        let arrived = arrived.min(length);
        let head = post(&format!("Content-Length: {length}\r\n"), "");
        let mut connection = called(&[head, vec![b'x'; arrived]].concat());
        prop_assert_eq!(connection.is_body_at_hand(), arrived == length);
        connection.read_body(at(0), BodyMode::Whole { bytes_max: 1000 });
        let expected = if arrived == length { Event::BodyReady } else { Event::NeedMore };
        prop_assert_eq!(connection.next_event(at(0)), expected);
        // Once it has been asked for there is nothing left to decide.
        prop_assert!(!connection.is_body_at_hand());
    }
}

#[test]
fn what_was_known_of_the_connection_goes_along() {
    let mut connection = called(SWITCH);
    connection.receive(at(0), b"first bytes");
    connection.receive_eof(at(0));
    connection.drain();
    switch(&mut connection).unwrap();
    let (upgraded, _) = connection.leave_http();
    assert!(upgraded.has_eof && upgraded.is_draining);
    assert_eq!(upgraded.input, b"first bytes");
    assert_eq!(upgraded.output, HEAD_101);
    assert!(!connection.has_workspace());
}

#[test]
fn what_has_been_sent_is_not_sent_again() {
    let mut connection = called(&[PLAIN, SWITCH].concat());
    let server_lines = server_lines();
    let (_, _, mut response) = connection.exchange(&server_lines);
    response.whole(200, &HeaderLines::new(), b"plain").unwrap();
    assert_eq!(connection.next_event(at(0)), Event::ExchangeDone);
    assert_eq!(connection.next_event(at(0)), Event::Head);
    let rest = connection.output().len() - 3;
    connection.consume_output(at(0), rest);
    switch(&mut connection).unwrap();
    assert_eq!(
        connection.leave_http().0.output,
        [b"ain", HEAD_101].concat()
    );
}

#[test]
fn a_switch_out_of_order_is_refused_and_writes_nothing() {
    // Its body is still to come: where HTTP ends would be unclear.
    let mut with_body = called(&post("Content-Length: 5\r\n", "hel"));
    let refused = switch(&mut with_body);
    assert!(matches!(refused, Err(Misuse::OutOfOrder { .. })));
    assert_eq!(with_body.output(), b"");

    let mut started = called(SWITCH);
    let server_lines = server_lines();
    let (_, _, mut response) = started.exchange(&server_lines);
    let none = HeaderLines::new();
    response.start(200, &none, BodyLength::Unknown).unwrap();
    let written = started.output().len();
    let refused = switch(&mut started);
    assert!(matches!(refused, Err(Misuse::OutOfOrder { .. })));
    assert_eq!(started.output().len(), written);

    let mut twice = called(SWITCH);
    switch(&mut twice).unwrap();
    assert!(switch(&mut twice).is_err());
    assert_eq!(twice.output(), HEAD_101);

    let mut idle = connection(Limits::sample());
    assert!(switch(&mut idle).is_err());
}

#[test]
fn a_body_without_a_known_end_or_over_the_limit_is_never_at_hand() {
    assert!(!called(&chunked("5\r\nhello\r\n0\r\n\r\n")).is_body_at_hand());
    let limits = Limits {
        body_bytes_max: 4,
        ..Limits::sample()
    };
    let mut connection = connection(limits);
    connection.receive(at(0), &post("Content-Length: 5\r\n", "hello"));
    assert_eq!(connection.next_event(at(0)), Event::Head);
    assert!(!connection.is_body_at_hand());
}

#[test]
fn what_comes_behind_a_body_does_not_count_as_body() {
    let mut connection = called(&post("Content-Length: 5\r\n", "hel"));
    assert!(!connection.is_body_at_hand());
    connection.receive(at(0), b"lo");
    connection.receive(at(0), PLAIN);
    assert!(connection.is_body_at_hand());
    connection.read_body(at(0), BodyMode::Whole { bytes_max: 10 });
    assert_eq!(connection.next_event(at(0)), Event::BodyReady);
    assert_eq!(connection.body(), b"hello");
}
