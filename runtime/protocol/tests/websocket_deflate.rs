//! permessage-deflate (RFC 7692): what is understood, what is refused, what is sent.

#[path = "driver/websocket_peer.rs"]
mod websocket_peer;

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress};
use turbo_shard_protocol::websocket::{Compression, DeflateParams, WebSocketLimits};
use websocket_peer::*;

const TAKEOVER: DeflateParams = DeflateParams {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 12,
};

const FRESH: DeflateParams = DeflateParams {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 12,
};

/// One message as a client compresses it.
fn deflated(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 1024);
    compress
        .compress_vec(message, &mut bytes, FlushCompress::Sync)
        .unwrap();
    assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]));
    bytes.truncate(bytes.len() - 4);
    bytes
}

fn fresh() -> Compress {
    Compress::new(Level::new(6), false)
}

/// The message that a client makes of the payload of a compressed frame.
fn inflated(decompress: &mut Decompress, payload: &[u8]) -> Vec<u8> {
    let bytes = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut message = Vec::with_capacity(1024 * 1024);
    decompress
        .decompress_vec(&bytes, &mut message, FlushDecompress::Sync)
        .unwrap();
    message
}

/// The payload of the only frame in `output`.
#[track_caller]
fn payload_of(output: &[u8]) -> &[u8] {
    let head_bytes = match output[1] {
        127 => 10,
        126 => 4,
        _ => 2,
    };
    let payload = &output[head_bytes..];
    assert_eq!(server_frame(output[0], payload), output);
    payload
}

fn run_deflate(params: DeflateParams, bytes: &[u8]) -> Run {
    run_with(&WebSocketLimits::sample(), Some(params), bytes)
}

#[test]
fn the_examples_of_the_rfc_are_understood() {
    // RFC 7692 section 7.2.3, "Hello" each time.
    let whole: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let examples = [
        frame(TEXT | COMPRESSED, whole),
        [
            frame(TEXT & !FINAL | COMPRESSED, &whole[..3]),
            frame(FINAL, &whole[3..]),
        ]
        .concat(),
        // A block without compression.
        frame(
            TEXT | COMPRESSED,
            b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        ),
        // A block that says that it is the last.
        frame(
            TEXT | COMPRESSED,
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        ),
        // Two blocks.
        frame(
            TEXT | COMPRESSED,
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
        ),
    ];
    for params in [TAKEOVER, FRESH] {
        for example in &examples {
            assert_eq!(run_deflate(params, example).seen, [text("Hello")]);
            let twice = run_deflate(params, &example.repeat(2));
            assert_eq!(twice.seen, [text("Hello"), text("Hello")]);
        }
    }
}

#[test]
fn with_takeover_a_message_may_refer_to_an_earlier_one() {
    let mut compress = fresh();
    let first = deflated(&mut compress, b"Hello");
    let second = deflated(&mut compress, b"Hello");
    assert!(second.len() < first.len());
    let bytes = [
        frame(TEXT | COMPRESSED, &first),
        frame(TEXT | COMPRESSED, &second),
    ]
    .concat();
    assert_eq!(
        run_deflate(TAKEOVER, &bytes).seen,
        [text("Hello"), text("Hello")]
    );
    // Without it there is nothing to refer to.
    let refused = run_deflate(FRESH, &bytes);
    assert_eq!(refused.seen[0], text("Hello"));
    refused.assert_refused(1002);
}

#[test]
fn empty_messages_are_understood() {
    let bytes = [
        frame(TEXT | COMPRESSED, &[0]),
        frame(BINARY | COMPRESSED, b""),
        frame(TEXT | COMPRESSED, &deflated(&mut fresh(), b"after")),
    ]
    .concat();
    for params in [TAKEOVER, FRESH] {
        assert_eq!(
            run_deflate(params, &bytes).seen,
            [text(""), binary(b""), text("after")]
        );
    }
}

#[test]
fn compressed_and_plain_messages_may_alternate() {
    let bytes = [
        frame(TEXT, b"plain"),
        frame(TEXT | COMPRESSED, &deflated(&mut fresh(), b"compressed")),
        frame(TEXT, b"plain"),
    ]
    .concat();
    assert_eq!(
        run_deflate(FRESH, &bytes).seen,
        [text("plain"), text("compressed"), text("plain")]
    );
}

#[test]
fn control_frames_between_compressed_fragments_are_not_compressed() {
    let payload = deflated(&mut fresh(), b"Hello");
    let bytes = [
        frame(TEXT & !FINAL | COMPRESSED, &payload[..2]),
        frame(PING, b"plain"),
        frame(FINAL, &payload[2..]),
    ]
    .concat();
    let run = run_deflate(TAKEOVER, &bytes);
    assert_eq!(run.seen, [text("Hello")]);
    assert_eq!(run.output, server_frame(PONG, b"plain"));
}

#[test]
fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
    let bytes = [
        frame(TEXT & !FINAL | COMPRESSED, &[0xf2]),
        frame(FINAL | COMPRESSED, &[0x48]),
    ]
    .concat();
    run_deflate(TAKEOVER, &bytes).assert_refused(1002);
    run_deflate(TAKEOVER, &frame(PING | COMPRESSED, b"")).assert_refused(1002);
    run_deflate(TAKEOVER, &frame(TEXT | 0x20, b"")).assert_refused(1002);
}

#[test]
fn what_does_not_inflate_gets_1002() {
    run_deflate(TAKEOVER, &frame(TEXT | COMPRESSED, &[0xff; 20])).assert_refused(1002);
}

#[test]
fn compressed_text_is_checked_like_any_other() {
    let payload = deflated(&mut fresh(), b"ok\xff");
    run_deflate(TAKEOVER, &frame(TEXT | COMPRESSED, &payload)).assert_refused(1007);
    // In the first of many fragments.
    run_deflate(TAKEOVER, &frame(TEXT & !FINAL | COMPRESSED, &payload)).assert_refused(1007);
}

#[test]
fn of_two_faults_in_a_frame_the_first_counts() {
    // A text that is wrong from its first byte, in a block that breaks off.
    let payload = [&deflated(&mut fresh(), b"\xff")[..], &[0xff; 20]].concat();
    run_deflate(TAKEOVER, &frame(TEXT | COMPRESSED, &payload)).assert_refused(1007);
}

#[test]
fn the_limit_of_messages_counts_inflated_bytes() {
    let limits = WebSocketLimits {
        message_bytes_max: 10_000,
        ..WebSocketLimits::sample()
    };
    let exact = frame(BINARY | COMPRESSED, &deflated(&mut fresh(), &[7; 10_000]));
    let run = run_with(&limits, Some(FRESH), &exact);
    assert_eq!(run.seen, [binary(&[7; 10_000])]);
    let one_more = frame(BINARY | COMPRESSED, &deflated(&mut fresh(), &[7; 10_001]));
    run_with(&limits, Some(FRESH), &one_more).assert_refused(1009);
}

#[test]
fn blocks_that_inflate_to_nothing_cannot_go_on_for_ever() {
    let limits = WebSocketLimits {
        message_bytes_max: 1000,
        ..WebSocketLimits::sample()
    };
    // Empty blocks without compression.
    let nothing = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(100);
    let mut bytes = frame(BINARY & !FINAL | COMPRESSED, &nothing);
    bytes.extend(frame(0, &nothing).repeat(200));
    let run = run_pieces(&limits, Some(TAKEOVER), bytes.chunks(4096));
    run.assert_refused(1009);
}

#[test]
fn answers_are_compressed_and_the_client_can_read_them() {
    let message: String = (0..300u32)
        .map(|i| format!("{} ", i * 7919 % 10_007))
        .collect();
    for params in [TAKEOVER, FRESH] {
        let mut socket = socket(&WebSocketLimits::sample(), Some(params));
        let mut decompress = Decompress::new(false);
        let mut lengths = Vec::new();
        for _ in 0..3 {
            socket.send_text(&message).unwrap();
            let output = sent(&mut socket, at(0));
            let payload = payload_of(&output);
            assert_eq!(output[0], TEXT | COMPRESSED);
            if params.server_no_context_takeover {
                decompress.reset(false);
            }
            assert_eq!(inflated(&mut decompress, payload), message.as_bytes());
            lengths.push(payload.len());
        }
        match params.server_no_context_takeover {
            true => assert_eq!(lengths[0], lengths[1]),
            false => assert!(lengths[1] < lengths[0] / 2),
        }
    }
}

#[test]
fn answers_of_every_size_survive_compression() {
    let mut noise = 1u32;
    let bytes: Vec<u8> = (0..400_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .collect();
    let mut socket = socket(&WebSocketLimits::sample(), Some(TAKEOVER));
    let mut decompress = Decompress::new(false);
    for len in [1, 5, 100, 125, 126, 1000, 65_530, 65_536, 400_000] {
        socket.send_binary(&bytes[..len]).unwrap();
        let output = sent(&mut socket, at(0));
        assert_eq!(output[0], BINARY | COMPRESSED);
        let payload = payload_of(&output);
        assert_eq!(inflated(&mut decompress, payload), &bytes[..len]);
    }
}

#[test]
fn short_messages_can_be_left_as_they_are() {
    let limits = WebSocketLimits {
        compression: Compression {
            message_bytes_min: 10,
            ..Compression::new(true)
        },
        ..WebSocketLimits::sample()
    };
    let mut socket = socket(&limits, Some(FRESH));
    socket.send_text("123456789").unwrap();
    assert_eq!(sent(&mut socket, at(0)), server_frame(TEXT, b"123456789"));
    socket.send_text("1234567890").unwrap();
    assert_eq!(sent(&mut socket, at(0))[0], TEXT | COMPRESSED);
}

#[test]
fn empty_answers_are_not_compressed() {
    let mut socket = socket(&WebSocketLimits::sample(), Some(FRESH));
    socket.send_text("").unwrap();
    assert_eq!(sent(&mut socket, at(0)), server_frame(TEXT, b""));
}
