//! The rules of frames and messages (RFC 6455 section 5 and 8): one fact each, whole, byte by byte and split anywhere.

#[path = "driver/websocket_peer.rs"]
mod websocket_peer;

use turbo_shard_protocol::websocket::WebSocketLimits;
use websocket_peer::*;

#[test]
fn messages_of_every_length_class_arrive() {
    for len in [0, 1, 125, 126, 127, 65535, 65536] {
        let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let run = run_pieces(
            &WebSocketLimits::sample(),
            None,
            frame(BINARY, &payload).chunks(999),
        );
        assert_eq!(run.seen, [binary(&payload)], "{len}");
    }
    assert_eq!(run(&frame(TEXT, "κόσμε".as_bytes())).seen, [text("κόσμε")]);
    assert_eq!(run(&frame(TEXT, b"")).seen, [text("")]);
}

#[test]
fn messages_come_in_the_order_of_their_frames() {
    let bytes = [frame(TEXT, b"a"), frame(BINARY, b"b"), frame(TEXT, b"c")].concat();
    assert_eq!(run(&bytes).seen, [text("a"), binary(b"b"), text("c")]);
}

#[test]
fn fragments_are_put_together() {
    let bytes = [
        frame(TEXT & !FINAL, b"Hel"),
        frame(0, b""),
        frame(0, b"l"),
        frame(FINAL, b"o"),
        frame(BINARY & !FINAL, b""),
        frame(FINAL, b"x"),
    ]
    .concat();
    assert_eq!(run(&bytes).seen, [text("Hello"), binary(b"x")]);
}

#[test]
fn control_frames_may_come_between_fragments() {
    let bytes = [
        frame(TEXT & !FINAL, b"Hel"),
        frame(PING, b"p"),
        frame(PONG, b"unasked for"),
        frame(FINAL, b"lo"),
    ]
    .concat();
    let run = run(&bytes);
    assert_eq!(run.seen, [text("Hello")]);
    assert_eq!(run.output, server_frame(PONG, b"p"));
}

#[test]
fn a_ping_is_answered_with_its_own_payload() {
    let payload = [0xff; 125];
    let bytes = [frame(PING, b""), frame(PING, &payload)].concat();
    let run = run(&bytes);
    assert_eq!(run.seen, []);
    assert_eq!(
        run.output,
        [server_frame(PONG, b""), server_frame(PONG, &payload)].concat()
    );
}

#[test]
fn a_frame_without_mask_gets_1002() {
    run(&server_frame(TEXT, b"a")).assert_refused(1002);
}

#[test]
fn reserved_bits_get_1002() {
    for bits in [0x10, 0x20, 0x40] {
        run(&frame(TEXT | bits, b"a")).assert_refused(1002);
        run(&frame(PING | bits, b"a")).assert_refused(1002);
    }
}

#[test]
fn reserved_opcodes_get_1002() {
    for opcode in (3..=7).chain(11..=15) {
        run(&frame(FINAL | opcode, b"")).assert_refused(1002);
    }
}

#[test]
fn control_frames_that_are_long_or_fragmented_get_1002() {
    run(&frame(PING, &[0; 126])).assert_refused(1002);
    run(&frame(PING & !FINAL, b"")).assert_refused(1002);
    run(&frame(CLOSE & !FINAL, b"")).assert_refused(1002);
}

#[test]
fn a_continuation_of_nothing_gets_1002() {
    run(&frame(FINAL, b"a")).assert_refused(1002);
    run(&[frame(TEXT, b"a"), frame(0, b"b")].concat()).assert_refused(1002);
}

#[test]
fn a_message_inside_another_gets_1002() {
    run(&[frame(TEXT & !FINAL, b"a"), frame(TEXT, b"b")].concat()).assert_refused(1002);
    run(&[frame(TEXT & !FINAL, b"a"), frame(BINARY & !FINAL, b"b")].concat()).assert_refused(1002);
}

#[test]
fn what_came_before_a_violation_is_delivered() {
    let run = run(&[frame(TEXT, b"a"), frame(FINAL, b"b"), frame(TEXT, b"c")].concat());
    assert_eq!(run.seen[0], text("a"));
    assert_eq!(run.seen.len(), 2);
    run.assert_refused(1002);
}

#[test]
fn text_that_is_not_utf8_gets_1007() {
    run(&frame(TEXT, b"\xff")).assert_refused(1007);
    run(&frame(TEXT, "é".as_bytes().split_last().unwrap().1)).assert_refused(1007);
    // The same bytes are fine in a binary message.
    assert_eq!(run(&frame(BINARY, b"\xff")).seen, [binary(b"\xff")]);
}

#[test]
fn characters_may_be_cut_by_fragments() {
    let euro = "€".as_bytes();
    let bytes = [
        frame(TEXT & !FINAL, &euro[..1]),
        frame(0, &euro[1..2]),
        frame(FINAL, &euro[2..]),
    ]
    .concat();
    assert_eq!(run(&bytes).seen, [text("€")]);
    let unfinished = [frame(TEXT & !FINAL, &euro[..2]), frame(FINAL, b"")].concat();
    run(&unfinished).assert_refused(1007);
}

#[test]
fn text_is_refused_as_soon_as_it_cannot_become_utf8() {
    // In the middle of a frame that lacks 90 bytes.
    let mut bytes = frame(TEXT, &[b"ok \xf4\x90".as_slice(), &[b'a'; 90]].concat());
    bytes.truncate(6 + 5);
    run(&bytes).assert_refused(1007);
}

#[test]
fn frames_beyond_the_limit_get_1009_before_they_arrive() {
    let limits = WebSocketLimits {
        frame_bytes_max: 10,
        ..WebSocketLimits::sample()
    };
    let fits = run_with(&limits, None, &frame(BINARY, &[1; 10]));
    assert_eq!(fits.seen, [binary(&[1; 10])]);
    // The head alone.
    run_with(&limits, None, &frame(BINARY, &[1; 11])[..6]).assert_refused(1009);
    let endless = [&[BINARY, 0xff][..], &[0x7f], &[0xff; 7], &[0; 4]].concat();
    run_with(&limits, None, &endless).assert_refused(1009);
}

#[test]
fn messages_beyond_the_limit_get_1009_before_they_arrive() {
    let limits = WebSocketLimits {
        message_bytes_max: 10,
        ..WebSocketLimits::sample()
    };
    let fits = [frame(BINARY & !FINAL, &[1; 9]), frame(FINAL, &[1])].concat();
    assert_eq!(run_with(&limits, None, &fits).seen, [binary(&[1; 10])]);
    run_with(&limits, None, &frame(TEXT, &[b'a'; 11])[..6]).assert_refused(1009);
    let second = [
        &frame(BINARY & !FINAL, &[1; 9])[..],
        &frame(FINAL, &[1; 2])[..6],
    ]
    .concat();
    run_with(&limits, None, &second).assert_refused(1009);
}

#[test]
fn a_message_of_endless_empty_fragments_gets_1008() {
    let empty = frame(0, b"");
    let mut bytes = frame(TEXT & !FINAL, b"");
    for _ in 0..1024 {
        bytes.extend_from_slice(&empty);
    }
    run(&bytes).assert_refused(1008);
    // Each message has its own allowance.
    let mut patient = Vec::new();
    for _ in 0..3 {
        patient.extend(frame(TEXT & !FINAL, b"a"));
        patient.extend(empty.repeat(1000));
        patient.extend(frame(FINAL, b"b"));
    }
    let run = run_pieces(&WebSocketLimits::sample(), None, [&patient[..]]);
    assert_eq!(run.seen, [text("ab"), text("ab"), text("ab")]);
}

#[test]
fn answers_are_whole_frames_without_mask() {
    let mut socket = socket(&WebSocketLimits::sample(), None);
    socket.send_text("héllo").unwrap();
    socket.send_binary(&[7; 126]).unwrap();
    socket.send_binary(&[8; 65536]).unwrap();
    socket.send_text("").unwrap();
    assert_eq!(
        sent(&mut socket, at(0)),
        [
            server_frame(TEXT, "héllo".as_bytes()),
            server_frame(BINARY, &[7; 126]),
            server_frame(BINARY, &[8; 65536]),
            server_frame(TEXT, b""),
        ]
        .concat()
    );
}
