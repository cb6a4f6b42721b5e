//! How connections and streams of HTTP/2 end: drains, deadlines, clients that stop reading or sending.

#[path = "http2_peer/peer.rs"]
mod peer;

use peer::*;
use turbo_shard_protocol::http2::ErrorCode;
use turbo_shard_protocol::{Closing, Expiry};

#[test]
fn a_drain_is_announced_answers_what_was_on_its_way_and_then_ends() {
    let mut server = Server::greeted(Answer::Never);
    server.receive(&get(1));
    server.connection.drain(server.now);
    let frames = server.frames();
    assert_eq!((frames[0].kind, frames[0].number()), (GOAWAY, 0x7fff_ffff));
    assert_eq!(frames[1].kind, PING);
    server.receive(&get(3));
    server.receive(&frame(PING, ACK, 0, &frames[1].payload));
    let last = server.frames();
    assert_eq!((last[0].kind, last[0].number()), (GOAWAY, 3));
    server.receive(&get(5));
    assert_eq!(server.seen.heads.len(), 2, "asked again elsewhere");
    server.answer_one(b"one");
    assert_eq!(server.connection.closing(), Closing::Open);
    server.answer_one(b"two");
    server.frames();
    assert_eq!(
        server.connection.closing(),
        Closing::AfterOutput { linger: true }
    );
    server.connection.receive_eof(server.now);
    assert_eq!(server.connection.closing(), Closing::Now);
}

#[test]
fn a_drain_does_not_wait_for_a_client_that_does_not_answer() {
    let mut server = Server::greeted(Answer::Never);
    server.receive(&get(1));
    server.answer_one(b"");
    server.connection.drain(server.now);
    server.frames();
    server.wait(1000);
    assert_eq!(server.connection.expire(server.now), Expiry::Refused);
    server.turn();
    assert_eq!(goaway_code(&server.frames()), Some(0));
    assert_eq!(
        server.connection.closing(),
        Closing::AfterOutput { linger: true }
    );
}

#[test]
fn silence_ends_a_connection_and_so_do_bodies_that_stall() {
    let limits = sample();
    let mut server = Server::new(limits.clone(), Answer::Never);
    server.receive(&hello());
    server.frames();
    server.wait(limits.head_timeout_ms);
    assert_eq!(
        server.connection.expire(server.now),
        Expiry::Close,
        "nothing was asked"
    );

    let mut server = Server::greeted(Answer::Whole(Vec::new()));
    server.receive(&get(1));
    server.frames();
    server.wait(limits.keep_alive_timeout_ms);
    assert_eq!(server.connection.expire(server.now), Expiry::Refused);
    assert_eq!(goaway_code(&server.frames()), Some(0));

    let mut server = Server::greeted(Answer::Never);
    server.receive(&post(1));
    server.frames();
    server.wait(limits.body_timeout_ms);
    server.connection.expire(server.now);
    server.turn();
    assert_eq!(server.seen.refusals, [408]);
    assert_eq!(server.seen.done, 1);

    let mut server = Server::greeted(Answer::Never);
    server.receive(&frame(HEADERS, END_STREAM, 1, b"\x82"));
    server.wait(limits.head_timeout_ms);
    server.connection.expire(server.now);
    server.turn();
    assert_eq!(server.seen.fault.unwrap().code, ErrorCode::EnhanceYourCalm);
}

#[test]
fn a_client_that_opens_no_window_loses_its_stream_and_one_that_does_not_read_its_connection() {
    let limits = sample();
    let mut server = Server::greeted(Answer::Whole(vec![0; 1000]));
    server.receive(&[setting(4, 0), get(1)].concat());
    server.frames();
    server.wait(limits.write_timeout_ms);
    server.connection.expire(server.now);
    server.turn();
    let frames = server.frames();
    assert_eq!(
        (frames[0].kind, frames[0].number()),
        (RST_STREAM, ErrorCode::Cancel as u32)
    );

    let mut server = Server::greeted(Answer::Whole(vec![0; 1000]));
    server.receive(&get(1));
    server.connection.consume_output(server.now, 0);
    server.wait(limits.write_timeout_ms);
    assert_eq!(server.connection.expire(server.now), Expiry::Cut);
    assert_eq!(server.connection.closing(), Closing::Now);
}

#[test]
fn the_end_of_input_ends_what_is_incomplete_and_answers_the_rest() {
    let mut server = Server::greeted(Answer::Never);
    server.receive(&[get(1), post(3)].concat());
    server.connection.receive_eof(server.now);
    server.turn();
    assert_eq!(
        (server.seen.resets, server.connection.streams_open()),
        (1, 1)
    );
    server.answer_one(b"late");
    server.frames();
    assert_eq!(server.connection.closing(), Closing::Now);
}

#[test]
fn an_answer_that_waits_for_a_window_ends_with_the_input() {
    for had_window in [true, false] {
        let mut server = Server::greeted(Answer::Whole(vec![0; 100_000]));
        server.receive(&get(1));
        server.frames();
        assert_eq!(
            server.connection.streams_open(),
            1,
            "65,535 bytes have left"
        );
        if had_window {
            server
                .connection
                .receive(&numbers(WINDOW_UPDATE, 0, &[40_000]));
            server
                .connection
                .receive(&numbers(WINDOW_UPDATE, 1, &[40_000]));
        }
        server.connection.receive_eof(server.now);
        server.turn();
        assert_eq!(server.seen.resets, usize::from(!had_window));
        server.frames();
        assert_eq!(server.connection.closing(), Closing::Now);
    }
}

#[test]
fn a_reset_by_the_client_frees_its_place() {
    let mut server = Server::greeted(Answer::Endless);
    server.receive(&[get(1), numbers(RST_STREAM, 1, &[8])].concat());
    assert_eq!(
        (server.seen.resets, server.connection.streams_open()),
        (1, 0)
    );
    // What crosses it is no fault.
    server.receive(&numbers(WINDOW_UPDATE, 1, &[10]));
    assert_eq!(server.seen.fault, None);
    server.receive(&get(1));
    assert_eq!(server.seen.fault.unwrap().code, ErrorCode::StreamClosed);
}
