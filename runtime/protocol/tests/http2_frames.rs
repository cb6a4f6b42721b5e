//! HTTP/2 as a client sees it that speaks in plain bytes: answers, flow control, faults and their codes.

#[path = "http2_peer/peer.rs"]
mod peer;

use peer::*;
use proptest::prelude::*;
use turbo_shard_protocol::http2::{ErrorCode, PREFACE};
use turbo_shard_protocol::{Closing, Expiry, Limits};

const OK_HEAD: u8 = 0x88;

#[test]
fn a_request_is_answered_in_two_frames_behind_our_settings() {
    let mut server = Server::new(sample(), Answer::Whole(b"hello".to_vec()));
    server.receive(&[hello(), get(1)].concat());
    let frames = server.frames();
    let kinds: Vec<_> = frames
        .iter()
        .map(|it| (it.kind, it.flags, it.stream))
        .collect();
    let expected = [
        (SETTINGS, 0, 0),
        (WINDOW_UPDATE, 0, 0),
        (SETTINGS, ACK, 0),
        (HEADERS, END_HEADERS, 1),
        (DATA, END_STREAM, 1),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        frames[3].payload[..2],
        [0x20, OK_HEAD],
        "no table, then :status 200"
    );
    assert_eq!(frames[4].payload, b"hello");
    assert_eq!(server.seen.heads, ["GET / host=a"]);
    assert_eq!((server.seen.done, server.connection.streams_open()), (1, 0));
}

#[test]
fn a_body_waits_for_the_windows_and_streams_take_turns() {
    let mut server = Server::greeted(Answer::Whole(vec![b'x'; 100_000]));
    server.receive(&[get(1), get(3)].concat());
    let frames = server.frames();
    let data: Vec<_> = frames.iter().filter(|it| it.kind == DATA).collect();
    let sent: usize = data.iter().map(|it| it.payload.len()).sum();
    assert_eq!(sent, 65_535, "the connection's window");
    let order: Vec<_> = data.iter().map(|it| it.stream).collect();
    assert_eq!(order[..4], [1, 3, 1, 3]);
    let mut frames = Vec::new();
    for _ in 0..10 {
        let more = [0, 1, 3].map(|stream| numbers(WINDOW_UPDATE, stream, &[40_000]));
        server.receive(&more.concat());
        frames.extend(server.frames());
        server.turn();
    }
    frames.extend(server.frames());
    let ends = frames
        .iter()
        .filter(|it| it.kind == DATA && it.flags == END_STREAM);
    assert_eq!(ends.count(), 2);
    let rest: usize = frames
        .iter()
        .map(|it| if it.kind == DATA { it.payload.len() } else { 0 })
        .sum();
    assert_eq!(sent + rest, 200_000);
    assert_eq!(server.seen.done, 2);
}

#[test]
fn a_smaller_window_holds_and_a_larger_one_lets_go() {
    let mut server = Server::greeted(Answer::Whole(vec![b'x'; 50_000]));
    server.receive(&[setting(4, 0), get(1)].concat());
    assert!(server.frames().iter().all(|it| it.kind != DATA));
    server.receive(&setting(4, 10));
    let sent: Vec<_> = server
        .frames()
        .into_iter()
        .filter(|it| it.kind == DATA)
        .collect();
    assert_eq!((sent.len(), sent[0].payload.len()), (1, 10));
    server.receive(&setting(4, 60_000));
    assert_eq!(server.seen.done, 1);
}

#[test]
fn bodies_come_whole_padded_and_in_pieces_and_are_credited() {
    let mut server = Server::greeted(Answer::Whole(Vec::new()));
    let padded = [&[3][..], b"abc", &[0; 3]].concat();
    let bytes = [
        post(1),
        frame(DATA, PADDED, 1, &padded),
        frame(DATA, 0, 1, b"def"),
        frame(DATA, END_STREAM, 1, b"g"),
    ];
    server.receive(&bytes.concat());
    assert_eq!(server.seen.bodies, [b"abcdefg".to_vec()]);
    let mut credited = 0;
    server.receive(&post(3));
    for _ in 0..100 {
        server.receive(&frame(DATA, 0, 3, &[0; 16_000]));
        let updates = server.frames();
        credited += updates
            .iter()
            .filter(|it| it.kind == WINDOW_UPDATE && it.stream == 3)
            .map(|it| it.number())
            .sum::<u32>();
    }
    assert!(credited > 1_500_000, "{credited}");
    server.receive(&frame(
        HEADERS,
        END_STREAM | END_HEADERS,
        3,
        &block(&[("x-sum", "1")]),
    ));
    assert_eq!(server.seen.bodies[1].len(), 1_600_000);
}

#[test]
fn a_head_may_come_in_pieces_and_nothing_may_come_between() {
    let block = block(&GET);
    let (first, rest) = block.split_at(10);
    let begin = frame(HEADERS, END_STREAM, 1, first);
    let end = frame(CONTINUATION, END_HEADERS, 1, rest);
    let mut server = Server::greeted(Answer::Whole(Vec::new()));
    server.receive(&[&begin[..], &end].concat());
    assert_eq!(server.seen.heads, ["GET / host=a"]);
    for between in [
        get(3),
        frame(PING, 0, 0, &[0; 8]),
        frame(CONTINUATION, END_HEADERS, 3, rest),
    ] {
        let mut server = Server::greeted(Answer::Whole(Vec::new()));
        server.receive(&[&begin[..], &between].concat());
        assert_eq!(server.seen.fault.unwrap().code, ErrorCode::ProtocolError);
    }
}

#[test]
fn each_fault_of_the_connection_has_its_code() {
    let block = block(&GET);
    for (bytes, code) in [
        (frame(DATA, 0, 0, b"x"), ErrorCode::ProtocolError),
        (frame(DATA, 0, 1, b"x"), ErrorCode::ProtocolError), // idle
        (
            frame(HEADERS, END_HEADERS, 0, &block),
            ErrorCode::ProtocolError,
        ),
        (
            frame(HEADERS, END_HEADERS, 2, &block),
            ErrorCode::ProtocolError,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, &[0xff; 9]),
            ErrorCode::CompressionError,
        ),
        (
            frame(HEADERS, END_HEADERS | PADDED, 1, &[200, 0]),
            ErrorCode::ProtocolError,
        ),
        (frame(PRIORITY, 0, 0, &[0; 5]), ErrorCode::ProtocolError),
        (numbers(RST_STREAM, 1, &[8]), ErrorCode::ProtocolError),
        (numbers(RST_STREAM, 0, &[8]), ErrorCode::ProtocolError),
        (frame(RST_STREAM, 0, 1, b"x"), ErrorCode::FrameSizeError),
        (frame(SETTINGS, 0, 1, &[]), ErrorCode::ProtocolError),
        (frame(SETTINGS, 0, 0, &[0; 5]), ErrorCode::FrameSizeError),
        (frame(SETTINGS, ACK, 0, &[0; 6]), ErrorCode::FrameSizeError),
        (setting(2, 2), ErrorCode::ProtocolError),
        (setting(4, 1 << 31), ErrorCode::FlowControlError),
        (setting(5, 16_383), ErrorCode::ProtocolError),
        (setting(5, 1 << 24), ErrorCode::ProtocolError),
        (
            frame(PUSH_PROMISE, END_HEADERS, 1, &[0; 4]),
            ErrorCode::ProtocolError,
        ),
        (frame(PING, 0, 1, &[0; 8]), ErrorCode::ProtocolError),
        (frame(PING, 0, 0, &[0; 7]), ErrorCode::FrameSizeError),
        (frame(GOAWAY, 0, 1, &[0; 8]), ErrorCode::ProtocolError),
        (numbers(WINDOW_UPDATE, 0, &[0]), ErrorCode::ProtocolError),
        (
            numbers(WINDOW_UPDATE, 0, &[0x7fff_ffff]),
            ErrorCode::FlowControlError,
        ),
        (numbers(WINDOW_UPDATE, 1, &[1]), ErrorCode::ProtocolError),
        (frame(WINDOW_UPDATE, 0, 0, b"x"), ErrorCode::FrameSizeError),
        (
            frame(CONTINUATION, END_HEADERS, 1, &block),
            ErrorCode::ProtocolError,
        ),
        (vec![0xff; 9], ErrorCode::FrameSizeError),
    ] {
        let mut server = Server::greeted(Answer::Never);
        server.receive(&bytes);
        let fault = server
            .seen
            .fault
            .unwrap_or_else(|| panic!("no fault: {bytes:?}"));
        assert_eq!(fault.code, code, "{bytes:?}: {fault}");
        assert_eq!(goaway_code(&server.frames()), Some(code as u32));
        assert_eq!(
            server.connection.closing(),
            Closing::AfterOutput { linger: true }
        );
    }
    for start in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[PREFACE, &get(1)].concat()] {
        let mut server = Server::new(sample(), Answer::Never);
        server.receive(start);
        assert_eq!(server.seen.fault.unwrap().code, ErrorCode::ProtocolError);
    }
}

#[test]
fn each_fault_of_a_stream_resets_it_and_the_connection_goes_on() {
    let reset = |bytes: Vec<u8>| {
        let mut server = Server::greeted(Answer::Never);
        server.receive(&bytes);
        let reset = server.frames().into_iter().find(|it| it.kind == RST_STREAM);
        server.answer = Answer::Whole(Vec::new());
        server.receive(&get(101));
        assert_eq!(server.seen.done, 1, "{bytes:?}");
        reset
            .unwrap_or_else(|| panic!("no reset: {bytes:?}"))
            .number()
    };
    let head = |fields: &[(&str, &str)], flags| frame(HEADERS, flags, 1, &block(fields));
    let both = END_STREAM | END_HEADERS;
    let post_5 = [&POST[..], &[("content-length", "5")]].concat();
    for (bytes, code) in [
        (head(&GET[1..], both), ErrorCode::ProtocolError),
        (
            [get(1), frame(DATA, 0, 1, b"x")].concat(),
            ErrorCode::StreamClosed,
        ),
        ([get(1), get(1)].concat(), ErrorCode::StreamClosed),
        (
            [get(1), numbers(WINDOW_UPDATE, 1, &[0])].concat(),
            ErrorCode::ProtocolError,
        ),
        (
            [get(1), numbers(WINDOW_UPDATE, 1, &[0x7fff_ffff])].concat(),
            ErrorCode::FlowControlError,
        ),
        ([post(1), post(1)].concat(), ErrorCode::ProtocolError),
        (
            [
                head(&post_5, END_HEADERS),
                frame(DATA, END_STREAM, 1, b"four"),
            ]
            .concat(),
            ErrorCode::ProtocolError,
        ),
        (
            [head(&post_5, END_HEADERS), frame(DATA, 0, 1, b"sixsix")].concat(),
            ErrorCode::ProtocolError,
        ),
        (
            frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0]),
            ErrorCode::ProtocolError,
        ),
        (frame(PRIORITY, 0, 1, &[0; 4]), ErrorCode::FrameSizeError),
    ] {
        assert_eq!(reset(bytes.clone()), code as u32, "{bytes:?}");
    }
}

#[test]
fn requests_beyond_the_limit_are_refused_and_their_tables_are_kept() {
    let limits = Limits {
        http2_streams_max: 2,
        ..sample()
    };
    let mut server = Server::new(limits, Answer::Never);
    // The third request brings a field into the table that the fourth one needs.
    let indexed = [&block(&GET)[..], b"\x40\x01x\x01y"].concat();
    server.receive(&[hello(), get(1), get(3), frame(HEADERS, 5, 5, &indexed)].concat());
    let refused: Vec<_> = server
        .frames()
        .into_iter()
        .filter(|it| it.kind == RST_STREAM)
        .collect();
    assert_eq!((refused.len(), refused[0].stream), (1, 5));
    assert_eq!(refused[0].number(), ErrorCode::RefusedStream as u32);
    server.answer_one(b"");
    server.receive(&frame(
        HEADERS,
        5,
        7,
        &[&block(&GET)[..], &[0x80 | 62]].concat(),
    ));
    assert_eq!(server.seen.heads[2], "GET / host=a x=y");
}

#[test]
fn a_body_that_nobody_reads_stops_at_its_window() {
    let mut server = Server::greeted(Answer::Unread);
    server.receive(&post(1));
    for _ in 0..3 {
        server.receive(&frame(DATA, 0, 1, &[0; 16_384]));
    }
    server.receive(&frame(DATA, 0, 1, &[0; 16_383]));
    assert!(server.frames().is_empty());
    server.receive(&frame(DATA, 0, 1, b"x"));
    let reset = &server.frames()[0];
    assert_eq!(
        (reset.kind, reset.number()),
        (RST_STREAM, ErrorCode::FlowControlError as u32)
    );
}

#[test]
fn a_body_that_is_too_large_is_answered_413() {
    let limits = Limits {
        body_bytes_max: 10,
        ..sample()
    };
    for (bytes, streams) in [
        ([post(1), frame(DATA, 0, 1, &[0; 11])].concat(), 1),
        (
            frame(
                HEADERS,
                END_HEADERS,
                1,
                &block(&[&POST[..], &[("content-length", "11")]].concat()),
            ),
            1,
        ),
    ] {
        let mut server = Server::new(limits.clone(), Answer::Never);
        server.receive(&[hello(), bytes].concat());
        assert_eq!(server.seen.refusals, [413]);
        assert_eq!(server.seen.done, streams);
        let frames = server.frames();
        let reset = frames.iter().find(|it| it.kind == RST_STREAM).unwrap();
        assert_eq!(reset.number(), ErrorCode::NoError as u32);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However the bytes are cut, the same is seen and the same is sent.
    #[test]
    fn any_split_of_the_input_is_the_same(cuts in proptest::collection::vec(1usize..200, 0..60)) {
        let mut bytes = hello();
        bytes.extend(setting(4, 100_000));
        for stream in [1, 5, 7] {
            bytes.extend(get(stream));
        }
        bytes.extend(post(9));
        bytes.extend(frame(PING, 0, 0, b"01234567"));
        bytes.extend(frame(DATA, 0, 9, &[b'd'; 700]));
        bytes.extend(frame(HEADERS, 0, 11, &block(&GET)[..7]));
        bytes.extend(frame(CONTINUATION, END_HEADERS, 11, &block(&GET)[7..]));
        bytes.extend(frame(DATA, END_STREAM, 9, b"end"));
        bytes.extend(frame(DATA, END_STREAM, 11, b""));
        bytes.extend(frame(0xfa, 0, 3, b"unknown"));
        bytes.extend(numbers(WINDOW_UPDATE, 0, &[0]));
        let mut whole = Server::new(sample(), Answer::Whole(b"answer".to_vec()));
        whole.receive(&bytes);
        prop_assert_eq!(whole.seen.done, 5);
        prop_assert!(whole.seen.fault.is_some());
        let mut split = Server::new(sample(), Answer::Whole(b"answer".to_vec()));
        let (mut rest, mut cuts) = (&bytes[..], cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            split.receive(piece);
            rest = more;
        }
        prop_assert_eq!(&whole.seen, &split.seen);
        prop_assert_eq!(whole.connection.output(), split.connection.output());
    }

    /// Nothing panics, and no deadline lies in the past for ever, whatever arrives.
    #[test]
    fn arbitrary_frames_never_panic(
        frames in proptest::collection::vec(
            (0u8..11, any::<u8>(), 0u32..12, proptest::collection::vec(any::<u8>(), 0..40), 0u64..20_000),
            0..60,
        ),
        answers in any::<bool>(),
    ) {
        let answer = if answers { Answer::Whole(vec![b'x'; 70_000]) } else { Answer::Never };
        let mut server = Server::greeted(answer);
        for (kind, flags, stream, payload, millis) in frames {
            let payload = match kind {
                HEADERS if stream % 3 == 0 => block(&POST),
                _ => payload,
            };
            if server.connection.wants_read() {
                server.receive(&frame(kind, flags, stream, &payload));
            }
            server.wait(millis);
            for _ in 0..300 {
                if server.connection.expire(server.now) == Expiry::NotYet {
                    break;
                }
                server.turn();
            }
            let deadline = server.connection.next_deadline();
            prop_assert!(deadline.is_none_or(|deadline| deadline > server.now)
                || server.connection.closing() == Closing::Now);
            server.frames();
        }
        server.connection.receive_eof(server.now);
        server.turn();
    }
}
