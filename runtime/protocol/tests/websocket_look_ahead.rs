//! A WebSocket whose app takes no message: pings and the close frame behind it are still found, however the bytes are
//! cut.

#[path = "driver/websocket_peer.rs"]
mod websocket_peer;

use proptest::prelude::*;
use turbo_shard_protocol::websocket::{WebSocket, WebSocketLimits, WsEvent};
use websocket_peer::*;

fn open() -> WebSocket {
    socket(&WebSocketLimits::sample(), None)
}

#[test]
fn a_ping_behind_a_message_that_nobody_takes_is_answered_once() {
    let mut socket = open();
    socket.receive(at(1), &frame(TEXT, b"unread"));
    assert!(!socket.look_ahead(at(1)));
    socket.receive(at(2), &frame(PING, b"are you there?"));
    assert!(!socket.look_ahead(at(2)));
    let pong = server_frame(PONG, b"are you there?");
    assert_eq!(sent(&mut socket, at(2)), pong);
    assert!(!socket.look_ahead(at(3)));
    assert_eq!(events(&mut socket, at(3)), [text("unread")]);
    assert_eq!(sent(&mut socket, at(3)), b"");
    socket.receive(at(4), &frame(PING, b"again"));
    assert_eq!(events(&mut socket, at(4)), []);
    assert_eq!(sent(&mut socket, at(4)), server_frame(PONG, b"again"));
}

#[test]
fn a_close_behind_messages_that_nobody_takes_is_found_and_loses_none_of_them() {
    let mut socket = open();
    let messages = [frame(TEXT, b"one"), frame(BINARY, b"two")].concat();
    socket.receive(at(1), &messages);
    socket.receive(at(1), &frame(CLOSE, &close_payload(4000, "bye")));
    assert!(socket.look_ahead(at(1)));
    assert!(socket.look_ahead(at(1)), "until it is dealt with");
    assert_eq!(sent(&mut socket, at(1)), b"", "it is only looked at");
    assert_eq!(
        events(&mut socket, at(2)),
        [text("one"), binary(b"two"), closed(4000, "bye")]
    );
    assert!(!socket.look_ahead(at(2)));
    assert_eq!(
        sent(&mut socket, at(2)),
        server_frame(CLOSE, &close_payload(4000, ""))
    );
}

#[test]
fn what_breaks_a_rule_is_found_when_its_turn_comes() {
    let mut socket = open();
    socket.receive(at(1), &frame(TEXT, b"fine"));
    socket.receive(
        at(1),
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    );
    assert!(!socket.look_ahead(at(1)));
    assert_eq!(
        socket.next_event(at(1)),
        WsEvent::Message(turbo_shard_protocol::websocket::MessageKind::Text)
    );
}

/// A conversation: messages (fragmented or not), pings, and at times a close.
fn conversation() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let payload = || prop::collection::vec(any::<u8>(), 0..200);
    let piece = prop_oneof![
        payload().prop_map(|bytes| frame(BINARY, &bytes)),
        payload().prop_map(|bytes| [frame(BINARY & !FINAL, &bytes), frame(FINAL, b"end")].concat()),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| frame(PING, &bytes)),
    ];
    (prop::collection::vec(piece, 0..12), any::<bool>()).prop_map(|(mut pieces, closes)| {
        if closes {
            pieces.push(frame(CLOSE, &close_payload(1000, "")));
        }
        pieces
    })
}

proptest! {
    /// The app sees the same, and the same pings are answered, however often and whenever the driver looks ahead.
    #[test]
    fn looking_ahead_changes_nothing_but_the_time(
        pieces in conversation(),
        cuts in prop::collection::vec((1_usize..300, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let bytes = pieces.concat();
        let (mut plain, mut ahead) = (open(), open());
        plain.receive(at(1), &bytes);
        let expected = events(&mut plain, at(1));
        let (mut seen, mut output) = (Vec::new(), Vec::new());
        let mut rest = &bytes[..];
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let &(len, looks, takes) = cuts.next().unwrap();
            let (now, later) = rest.split_at(len.min(rest.len()));
            rest = later;
            ahead.receive(at(1), now);
            if looks {
                ahead.look_ahead(at(1));
            }
            if takes {
                seen.extend(events(&mut ahead, at(1)));
            }
            output.extend(sent(&mut ahead, at(1)));
        }
        seen.extend(events(&mut ahead, at(1)));
        output.extend(sent(&mut ahead, at(1)));
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(output, sent(&mut plain, at(1)));
    }
}
