//! How long a WebSocket waits for what: pings, slow frames, peers that do not read, apps that take nothing.

#[path = "driver/websocket_peer.rs"]
mod websocket_peer;

use turbo_shard_protocol::websocket::{WebSocketLimits, WsEvent};
use turbo_shard_protocol::{Closing, Expiry};
use websocket_peer::*;

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
fn a_silent_peer_is_pinged_and_then_given_up_with_1011() {
    let limits = WebSocketLimits {
        ping_interval_ms: 100,
        ping_timeout_ms: 30,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    assert_eq!(socket.next_deadline(), Some(at(100)));
    assert_eq!(socket.expire(at(99)), Expiry::NotYet);
    assert_eq!(socket.output(), b"");
    assert_eq!(socket.expire(at(100)), Expiry::NotYet);
    assert_eq!(sent(&mut socket, at(100)), server_frame(PING, b""));
    assert_eq!(socket.next_deadline(), Some(at(130)));
    assert_eq!(socket.expire(at(130)), Expiry::Refused);
    assert_eq!(
        events(&mut socket, at(130)),
        [closed(1011, "ping was not answered")]
    );
    assert_eq!(socket.closing(), Closing::AfterOutput { linger: false });
    assert_eq!(
        sent(&mut socket, at(130)),
        server_frame(CLOSE, &close_payload(1011, "ping was not answered"))
    );
    assert_eq!(socket.closing(), Closing::Now);
}

#[test]
fn any_sign_of_life_answers_a_ping() {
    for sign in [
        frame(PONG, b""),
        frame(TEXT, b"busy"),
        frame(TEXT, b"slow")[..1].to_vec(),
    ] {
        let limits = WebSocketLimits {
            ping_interval_ms: 100,
            ping_timeout_ms: 30,
            ..patient()
        };
        let mut socket = socket(&limits, None);
        socket.expire(at(100));
        sent(&mut socket, at(100));
        socket.receive(at(120), &sign);
        events(&mut socket, at(120));
        assert_eq!(socket.expire(at(130)), Expiry::NotYet);
        assert_eq!(socket.next_deadline(), Some(at(220)));
    }
}

#[test]
fn a_busy_peer_is_not_pinged() {
    let limits = WebSocketLimits {
        ping_interval_ms: 100,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    socket.receive(at(60), &frame(TEXT, b"a"));
    events(&mut socket, at(60));
    assert_eq!(socket.expire(at(100)), Expiry::NotYet);
    assert_eq!(socket.output(), b"");
    assert_eq!(socket.next_deadline(), Some(at(160)));
}

#[test]
fn a_peer_that_must_wait_for_the_app_is_not_given_up() {
    let limits = WebSocketLimits {
        ping_interval_ms: 100,
        ping_timeout_ms: 30,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    socket.receive(at(0), &[frame(TEXT, b"a"), frame(TEXT, b"b")].concat());
    assert!(matches!(socket.next_event(at(0)), WsEvent::Message(_)));
    for _ in 0..10 {
        let deadline = socket.next_deadline().unwrap();
        assert_eq!(socket.expire(deadline), Expiry::NotYet);
        assert!(socket.next_deadline().unwrap() > deadline);
    }
    assert_eq!(socket.message(), b"a");
    assert_eq!(events(&mut socket, at(2000)), [text("b")]);
}

#[test]
fn a_peer_that_has_finished_sending_is_given_up_though_the_app_takes_nothing() {
    let limits = WebSocketLimits {
        ping_interval_ms: 100,
        ping_timeout_ms: 30,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    socket.receive(at(0), &frame(TEXT, b"nobody takes this"));
    socket.receive_eof(at(0));
    // What was heard last is a sign of life until an interval has passed.
    while socket.output().is_empty() {
        let deadline = socket.next_deadline().unwrap();
        assert!(deadline <= at(200));
        socket.expire(deadline);
    }
    assert_eq!(sent(&mut socket, at(200)), server_frame(PING, b""));
    socket.expire(socket.next_deadline().unwrap());
    assert_eq!(
        events(&mut socket, at(300)),
        [closed(1011, "ping was not answered")]
    );
}

#[test]
fn pings_can_be_switched_off() {
    assert_eq!(socket(&patient(), None).next_deadline(), None);
    let endless = WebSocketLimits {
        ping_interval_ms: 100,
        ping_timeout_ms: 0,
        ..patient()
    };
    let mut socket = socket(&endless, None);
    for ping in 1..5 {
        assert_eq!(socket.expire(at(ping * 100)), Expiry::NotYet);
        assert_eq!(sent(&mut socket, at(ping * 100)), server_frame(PING, b""));
    }
}

#[test]
fn a_frame_that_stalls_gets_1008() {
    let limits = WebSocketLimits {
        frame_timeout_ms: 50,
        ..patient()
    };
    for len in [1, 5, 9] {
        let mut socket = socket(&limits, None);
        socket.receive(at(10), &frame(TEXT, b"hello")[..len]);
        assert_eq!(events(&mut socket, at(10)), []);
        assert_eq!(socket.next_deadline(), Some(at(60)));
        assert_eq!(socket.expire(at(60)), Expiry::Refused);
        assert_eq!(
            events(&mut socket, at(60)),
            [closed(1008, "frame came too slowly")]
        );
    }
}

#[test]
fn a_frame_that_trickles_gets_1008() {
    let limits = WebSocketLimits {
        frame_timeout_ms: 1000,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    let bytes = frame(BINARY, &[0; 1000]);
    let mut now = 0;
    let mut seen = Vec::new();
    for byte in bytes.chunks(1) {
        now += 900;
        if socket.expire(at(now)) == Expiry::Refused {
            seen = events(&mut socket, at(now));
            break;
        }
        socket.receive(at(now), byte);
        assert_eq!(events(&mut socket, at(now)), []);
    }
    assert_eq!(seen, [closed(1008, "frame came too slowly")]);
}

#[test]
fn pauses_between_frames_are_nobodys_fault() {
    let mut socket = socket(&patient(), None);
    socket.receive(at(0), &frame(TEXT & !FINAL, b"a"));
    assert_eq!(events(&mut socket, at(0)), []);
    assert_eq!(socket.next_deadline(), None);
    socket.receive(at(10_000_000), &frame(FINAL, b"b"));
    assert_eq!(events(&mut socket, at(10_000_000)), [text("ab")]);
}

#[test]
fn a_frame_that_the_app_does_not_take_has_not_stalled() {
    let limits = WebSocketLimits {
        frame_timeout_ms: 50,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    let bytes = frame(TEXT, b"hello");
    socket.receive(at(0), &bytes[..8]);
    assert_eq!(events(&mut socket, at(0)), []);
    socket.receive(at(10), &bytes[8..]);
    assert_eq!(socket.next_deadline(), None);
    assert_eq!(events(&mut socket, at(500)), [text("hello")]);
}

#[test]
fn a_peer_that_does_not_read_is_cut() {
    let limits = WebSocketLimits {
        write_timeout_ms: 50,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    socket.send_text("hello").unwrap();
    socket.consume_output(at(10), 0);
    socket.consume_output(at(20), 1);
    assert_eq!(socket.next_deadline(), Some(at(70)));
    assert_eq!(socket.expire(at(70)), Expiry::Cut);
    assert_eq!(events(&mut socket, at(70)), [closed(1006, "")]);
    assert_eq!(socket.closing(), Closing::Now);
}

#[test]
fn a_ping_that_is_due_does_not_hide_that_the_peer_does_not_read() {
    let limits = WebSocketLimits {
        ping_interval_ms: 40,
        write_timeout_ms: 50,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    socket.send_text("hello").unwrap();
    socket.consume_output(at(0), 0);
    assert_eq!(socket.expire(at(60)), Expiry::Cut);
}

#[test]
fn an_app_that_takes_no_messages_stops_the_peer() {
    let limits = WebSocketLimits {
        input_bytes_high: 100,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    let message = frame(BINARY, &[1; 44]);
    socket.receive(at(0), &message);
    assert!(matches!(socket.next_event(at(0)), WsEvent::Message(_)));
    socket.receive(at(0), &message);
    assert!(socket.wants_read());
    socket.receive(at(0), &message);
    assert!(!socket.wants_read());
    assert_eq!(socket.message(), [1; 44]);
    assert!(matches!(socket.next_event(at(0)), WsEvent::Message(_)));
    assert!(socket.wants_read());
    assert_eq!(socket.take_message(), [1; 44]);
    assert_eq!(socket.message(), b"");
    assert_eq!(events(&mut socket, at(0)), [binary(&[1; 44])]);
}

#[test]
fn pongs_do_not_pile_up_before_a_peer_that_does_not_read() {
    let limits = WebSocketLimits {
        output_bytes_high: 1000,
        ..patient()
    };
    let mut socket = socket(&limits, None);
    for i in 0..100_000u32 {
        socket.receive(at(0), &frame(PING, &i.to_be_bytes()));
        assert_eq!(events(&mut socket, at(0)), []);
        assert!(socket.wants_read());
    }
    assert!(socket.has_backlog());
    assert!(socket.output().len() < 1000 + 6);
    // When it reads again, the latest ping is answered.
    let output = sent(&mut socket, at(0));
    assert!(output.ends_with(&server_frame(PONG, &99_999u32.to_be_bytes())));
}
