//! Arbitrary peers and arbitrary drivers of a WebSocket: nothing panics, nothing hangs, nothing grows.

#[path = "driver/websocket_peer.rs"]
mod websocket_peer;

use flate2::{Compress, Compression as Level, FlushCompress};
use proptest::prelude::*;
use turbo_shard_protocol::websocket::{DeflateParams, WebSocketLimits, WsEvent};
use turbo_shard_protocol::{Closing, Expiry};
use websocket_peer::*;

fn small() -> WebSocketLimits {
    WebSocketLimits {
        message_bytes_max: 200,
        frame_bytes_max: 150,
        input_bytes_high: 300,
        output_bytes_high: 300,
        ping_interval_ms: 50,
        ping_timeout_ms: 20,
        close_timeout_ms: 30,
        frame_timeout_ms: 40,
        write_timeout_ms: 40,
        linger_timeout_ms: 10,
        ..WebSocketLimits::sample()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Receive(Vec<u8>),
    Eof,
    Wait(u64),
    Text(String),
    Binary(Vec<u8>),
    Send(usize),
    /// The app takes at most so many messages.
    Take(usize),
    Close(u16, String),
    Drain,
    Cut,
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => proptest::sample::select(vec![
            TEXT, BINARY, TEXT & !FINAL, BINARY & !FINAL, 0, FINAL, PING, PONG, CLOSE,
            TEXT | COMPRESSED, BINARY | COMPRESSED, TEXT & !FINAL | COMPRESSED,
        ]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..160),
        "[a-zé€]{0,40}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| deflated(&bytes)),
        Just(close_payload(1000, "bye")),
        (0..100_000usize).prop_map(|len| deflated(&vec![0; len])),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload))
}

fn deflated(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 100);
    Compress::new(Level::new(6), false)
        .compress_vec(message, &mut bytes, FlushCompress::Sync)
        .unwrap();
    bytes.truncate(bytes.len() - 4);
    bytes
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => frames(),
        1 => (frames(), any::<proptest::sample::Index>())
            .prop_map(|(bytes, at)| bytes[..at.index(bytes.len())].to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => input().prop_map(Step::Receive),
        1 => Just(Step::Eof),
        3 => (0..60u64).prop_map(Step::Wait),
        2 => "[a-z]{0,50}".prop_map(Step::Text),
        2 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Step::Binary),
        4 => (0..500usize).prop_map(Step::Send),
        8 => (0..5usize).prop_map(Step::Take),
        1 => (any::<u16>(), "[a-z]{0,130}").prop_map(|(code, reason)| Step::Close(code, reason)),
        1 => Just(Step::Drain),
        1 => Just(Step::Cut),
    ]
}

fn deflate() -> impl Strategy<Value = Option<DeflateParams>> {
    proptest::option::of((any::<bool>(), any::<bool>(), 9..=15u8).prop_map(
        |(server, client, server_max_window_bits)| DeflateParams {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits,
        },
    ))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Nothing panics, messages keep their limit, the end is reported once, and deadlines do not lie in the past for
    /// ever, whatever arrives and whatever the driver does.
    #[test]
    fn arbitrary_peers_and_drivers_never_panic(
        deflate in deflate(),
        steps in proptest::collection::vec(steps(), 1..60),
    ) {
        let limits = small();
        let mut socket = socket(&limits, deflate);
        let mut now = 0;
        let mut farewells = 0;
        for step in steps {
            let mut takes = 0;
            match step {
                Step::Receive(bytes) if socket.wants_read() => socket.receive(at(now), &bytes),
                Step::Receive(_) => {}
                Step::Eof => socket.receive_eof(at(now)),
                Step::Wait(millis) => {
                    now += millis;
                    if socket.expire(at(now)) == Expiry::NotYet {
                        prop_assert!(socket.next_deadline().is_none_or(|deadline| deadline > at(now)));
                    }
                }
                Step::Text(text) => { let _ = socket.send_text(&text); }
                Step::Binary(bytes) => { let _ = socket.send_binary(&bytes); }
                Step::Send(n) => {
                    let n = n.min(socket.output().len());
                    socket.consume_output(at(now), n);
                }
                Step::Take(n) => takes = n,
                Step::Close(code, reason) => { let _ = socket.close(at(now), code, &reason); }
                Step::Drain => socket.drain(at(now)),
                Step::Cut => socket.cut(at(now)),
            }
            for _ in 0..takes {
                match socket.next_event(at(now)) {
                    WsEvent::NeedMore => break,
                    WsEvent::Message(_) => {
                        prop_assert!(socket.message().len() <= limits.message_bytes_max);
                    }
                    WsEvent::Closed { .. } => {
                        farewells += 1;
                        prop_assert_ne!(socket.closing(), Closing::Open);
                    }
                }
            }
        }
        prop_assert!(farewells <= 1);
        // It can be brought to its end from any state.
        socket.cut(at(now));
        while socket.next_event(at(now)) != WsEvent::NeedMore {
            farewells += 1;
        }
        prop_assert_eq!(farewells, 1);
        prop_assert_eq!(socket.closing(), Closing::Now);
    }

    /// The same things happen however a stream is cut into pieces.
    #[test]
    fn pieces_do_not_matter(
        deflate in deflate(),
        frames in proptest::collection::vec(frames(), 1..8),
        piece_bytes in 1..200usize,
    ) {
        let bytes = frames.concat();
        let whole = run_pieces(&small(), deflate, [&bytes[..]]);
        prop_assert_eq!(&run_pieces(&small(), deflate, bytes.chunks(1)), &whole);
        prop_assert_eq!(&run_pieces(&small(), deflate, bytes.chunks(piece_bytes)), &whole);
    }
}
