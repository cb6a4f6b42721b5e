//! The buffers of a connection stay small, whatever a peer sends and however little it reads.

use std::sync::Arc;

use proptest::prelude::*;

use crate::send_buffer::SPENT_BYTES_MAX;
use crate::{BodyMode, Connection, Event, HeaderLines, Limits, ServerLines, Tick, Workspace};

const PIECE_BYTES_MAX: usize = 1024;

fn limits() -> Limits {
    Limits {
        head_bytes_max: 2048,
        target_bytes_max: 1024,
        body_bytes_max: 4096,
        input_bytes_high: 4096,
        output_bytes_high: 4096,
        trailer_bytes_max: 1024,
        ..Limits::sample()
    }
}

/// Head, body and the bytes behind them, three times because of the growth of vectors and of spent bytes.
const INPUT_BYTES_MAX: usize = 3 * (2048 + 4096 + 4096 + PIECE_BYTES_MAX);
/// The bound on starting an answer, the answer itself and spent bytes, twice because of the growth of vectors.
const OUTPUT_BYTES_MAX: usize = 2 * (4096 + 512 + SPENT_BYTES_MAX);

/// What a hostile peer repeats without end.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let snippet = proptest::sample::select(vec![
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 700\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"1\r\nx\r\n".to_vec(),
        b"1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\nx\r\n".to_vec(),
        b"0\r\nx: y\r\n".to_vec(),
        b"x: y\r\n".to_vec(),
        b"\r\n".to_vec(),
        vec![b'x'; PIECE_BYTES_MAX],
    ]);
    prop_oneof![
        3 => snippet,
        1 => proptest::collection::vec(any::<u8>(), 1..100),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn memory_is_bounded_whatever_arrives(
        script in proptest::collection::vec((pieces(), 1..200usize, 0..4usize, any::<bool>()), 1..12),
    ) {
        let now = Tick::default();
        let server_lines = ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let mut connection = Connection::new(Arc::new(limits()), now);
        connection.lend(Box::new(Workspace::new()));
        for (piece, repeats, choice, reads) in script {
            for _ in 0..repeats {
                if connection.wants_read() {
                    connection.receive(now, &piece);
                }
                loop {
                    match connection.next_event(now) {
                        Event::Head => match choice {
                            0 => connection.read_body(now, BodyMode::Whole { bytes_max: u64::MAX }),
                            1 => connection.read_body(now, BodyMode::Stream),
                            // Answered late, if ever.
                            2 => {}
                            _ => connection.response(&server_lines).whole(200, &HeaderLines::new(), b"x").unwrap(),
                        },
                        Event::BodyReady | Event::BodyEnd => {
                            let _ = connection.response(&server_lines).whole(200, &HeaderLines::new(), &[b'x'; 300]);
                        }
                        Event::BodyChunk if reads => connection.consume_body(1),
                        Event::NeedMore | Event::Close => break,
                        _ => {}
                    }
                }
                if reads {
                    let count = connection.output().len().min(10);
                    connection.consume_output(now, count);
                }
                let workspace = connection.workspace.as_ref().unwrap();
                prop_assert!(workspace.input.capacity() <= INPUT_BYTES_MAX, "{}", workspace.input.capacity());
                prop_assert!(workspace.output.capacity() <= OUTPUT_BYTES_MAX, "{}", workspace.output.capacity());
            }
        }
    }
}
