//! How a WebSocket ends: close handshake (RFC 6455 section 7), end of file, lingering.

#[path = "driver/websocket_peer.rs"]
mod websocket_peer;

use turbo_shard_protocol::websocket::{WebSocket, WebSocketLimits};
use turbo_shard_protocol::{Closing, Expiry, LINGER_BYTES_MAX, Misuse};
use websocket_peer::*;

fn open() -> WebSocket {
    socket(&WebSocketLimits::sample(), None)
}

/// Everything but what the test is about has ample time.
fn patient() -> WebSocketLimits {
    WebSocketLimits {
        ping_interval_ms: 0,
        frame_timeout_ms: 1_000_000,
        write_timeout_ms: 1_000_000,
        linger_timeout_ms: 1_000_000,
        ..WebSocketLimits::sample()
    }
}

#[test]
fn the_peers_close_is_answered_with_its_code() {
    let bytes = frame(CLOSE, &close_payload(4321, "going home"));
    let run = run(&bytes);
    assert_eq!(run.seen, [closed(4321, "going home")]);
    assert_eq!(run.output, server_frame(CLOSE, &close_payload(4321, "")));
}

#[test]
fn a_close_without_code_is_1005_and_answered_without_one() {
    let run = run(&frame(CLOSE, b""));
    assert_eq!(run.seen, [closed(1005, "")]);
    assert_eq!(run.output, server_frame(CLOSE, b""));
}

#[test]
fn nothing_after_the_peers_close_counts() {
    let bytes = [
        frame(CLOSE, &close_payload(1000, "")),
        frame(TEXT, b"late"),
        frame(PING, b"late"),
    ]
    .concat();
    let run = run(&bytes);
    assert_eq!(run.seen, [closed(1000, "")]);
    assert_eq!(run.output, server_frame(CLOSE, &close_payload(1000, "")));
}

#[test]
fn close_frames_that_break_the_rules_are_refused() {
    run(&frame(CLOSE, b"\x03")).assert_refused(1002);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        run(&frame(CLOSE, &close_payload(code, ""))).assert_refused(1002);
    }
    run(&frame(CLOSE, b"\x03\xe8\xc3")).assert_refused(1007);
}

#[test]
fn after_both_closes_our_side_is_shut_and_the_peers_awaited() {
    let mut socket = open();
    socket.receive(at(0), &frame(CLOSE, &close_payload(1000, "")));
    assert_eq!(events(&mut socket, at(0)), [closed(1000, "")]);
    assert_eq!(socket.closing(), Closing::AfterOutput { linger: true });
    sent(&mut socket, at(7));
    assert_eq!(socket.closing(), Closing::AfterOutput { linger: true });
    assert!(socket.wants_read());
    let linger_ms = WebSocketLimits::sample().linger_timeout_ms;
    assert_eq!(socket.next_deadline(), Some(at(7 + linger_ms)));
    socket.receive_eof(at(8));
    assert_eq!(socket.closing(), Closing::Now);
    assert!(!socket.wants_read());
}

#[test]
fn a_peer_that_does_not_close_its_side_is_left() {
    let mut socket = open();
    socket.receive(at(0), &frame(CLOSE, b""));
    events(&mut socket, at(0));
    sent(&mut socket, at(0));
    let deadline = socket.next_deadline().unwrap();
    assert_eq!(socket.expire(deadline), Expiry::Close);
    assert_eq!(socket.closing(), Closing::Now);
    assert_eq!(events(&mut socket, deadline), []);
}

#[test]
fn our_close_waits_for_the_peers() {
    let mut socket = open();
    assert!(socket.is_open());
    socket.close(at(0), 1001, "bye").unwrap();
    assert!(!socket.is_open());
    assert_eq!(
        sent(&mut socket, at(0)),
        server_frame(CLOSE, &close_payload(1001, "bye"))
    );
    assert_eq!(socket.closing(), Closing::Open);
    // What it still sends is dropped, whole or in pieces, and pings are no longer answered.
    let late = [
        frame(TEXT, b"late"),
        frame(TEXT & !FINAL, b"\xff"),
        frame(PING, b""),
        frame(CLOSE, &close_payload(1001, "you too")),
    ]
    .concat();
    socket.receive(at(1), &late);
    assert_eq!(events(&mut socket, at(1)), [closed(1001, "you too")]);
    assert_eq!(sent(&mut socket, at(1)), b"");
    assert_eq!(socket.closing(), Closing::AfterOutput { linger: true });
}

#[test]
fn our_close_in_the_middle_of_the_peers_message_drops_its_rest() {
    let bytes = frame(BINARY & !FINAL, &[1; 100]);
    let mut socket = open();
    socket.receive(at(0), &bytes[..50]);
    assert_eq!(events(&mut socket, at(0)), []);
    socket.close(at(0), 1000, "").unwrap();
    socket.receive(at(0), &bytes[50..]);
    socket.receive(at(0), &frame(FINAL, b"end"));
    socket.receive(at(0), &frame(CLOSE, &close_payload(1000, "")));
    assert_eq!(events(&mut socket, at(0)), [closed(1000, "")]);
}

#[test]
fn a_close_that_is_not_answered_ends_with_1006() {
    let mut socket = socket(&patient(), None);
    socket.close(at(5), 1000, "").unwrap();
    sent(&mut socket, at(6));
    let deadline = at(5 + patient().close_timeout_ms);
    assert_eq!(socket.next_deadline(), Some(deadline));
    assert_eq!(socket.expire(deadline), Expiry::Close);
    assert_eq!(events(&mut socket, deadline), [closed(1006, "")]);
    assert_eq!(socket.closing(), Closing::Now);
}

#[test]
fn nothing_is_sent_after_a_close() {
    let mut socket = open();
    socket.close(at(0), 1000, "").unwrap();
    assert_eq!(socket.send_text("late"), Err(Misuse::WebSocketClosed));
    assert_eq!(socket.send_binary(b"late"), Err(Misuse::WebSocketClosed));
    assert_eq!(socket.close(at(0), 1000, ""), Err(Misuse::WebSocketClosed));
    assert_eq!(
        sent(&mut socket, at(0)),
        server_frame(CLOSE, &close_payload(1000, ""))
    );
}

#[test]
fn a_close_that_no_frame_can_hold_is_a_misuse_and_changes_nothing() {
    let mut socket = open();
    for code in [0, 999, 1005, 1006, 1015, 5000] {
        assert_eq!(
            socket.close(at(0), code, ""),
            Err(Misuse::CloseCodeInvalid { code })
        );
    }
    let reason = "x".repeat(124);
    assert_eq!(
        socket.close(at(0), 1000, &reason),
        Err(Misuse::CloseReasonTooLong { bytes: 124 })
    );
    assert_eq!(socket.output(), b"");
    socket.close(at(0), 1000, &reason[1..]).unwrap();
}

#[test]
fn a_drain_says_1012_once() {
    let mut socket = open();
    socket.drain(at(0));
    socket.drain(at(0));
    assert_eq!(
        sent(&mut socket, at(0)),
        server_frame(CLOSE, &close_payload(1012, "service restart"))
    );
}

#[test]
fn an_end_without_close_is_1006() {
    let mut socket = open();
    socket.receive(at(0), &frame(TEXT, b"last words"));
    socket.receive(at(0), &frame(TEXT, b"half")[..7]);
    socket.receive_eof(at(0));
    assert_eq!(
        events(&mut socket, at(0)),
        [text("last words"), closed(1006, "")]
    );
    assert_eq!(socket.closing(), Closing::Now);
    assert_eq!(socket.send_text("late"), Err(Misuse::WebSocketClosed));
}

#[test]
fn a_close_right_before_the_end_is_heard() {
    let mut socket = open();
    socket.receive(at(0), &frame(CLOSE, &close_payload(1001, "")));
    socket.receive_eof(at(0));
    assert_eq!(events(&mut socket, at(0)), [closed(1001, "")]);
    assert_eq!(socket.closing(), Closing::AfterOutput { linger: false });
}

#[test]
fn a_cut_tells_nobody_but_the_app() {
    let mut socket = open();
    socket.send_text("lost").unwrap();
    socket.cut(at(0));
    assert_eq!(socket.output(), b"");
    assert_eq!(socket.closing(), Closing::Now);
    assert_eq!(events(&mut socket, at(0)), [closed(1006, "")]);
}

#[test]
fn a_peer_that_goes_on_sending_is_not_listened_to_for_ever() {
    let mut socket = open();
    socket.receive(at(0), &frame(FINAL, b""));
    events(&mut socket, at(0));
    sent(&mut socket, at(0));
    let chunk = vec![0; 1024 * 1024];
    let mut chunks = 0;
    while socket.wants_read() {
        socket.receive(at(0), &chunk);
        chunks += 1;
        assert!(chunks <= LINGER_BYTES_MAX as usize / chunk.len());
    }
    assert_eq!(socket.closing(), Closing::Now);
}
