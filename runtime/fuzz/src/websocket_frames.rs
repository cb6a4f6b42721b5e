//! Frames of a WebSocket with and without compression. However they are cut, the app hears the same; what it sends back
//! reads back as what it heard; an end is one end.

use flate2::{Decompress, FlushDecompress, Status};
use turbo_shard_protocol::websocket::{CLOSE_ABNORMAL, DeflateParams};

use crate::pieces::ways;
use crate::websocket_session::{Heard, Talk, talk};

pub(crate) fn check(input: &[u8]) {
    // The first byte says what was agreed on in the handshake.
    let Some((&agreed, frames)) = input.split_first() else {
        return;
    };
    let deflate = (agreed & 1 != 0).then_some(DeflateParams {
        server_no_context_takeover: agreed & 2 != 0,
        client_no_context_takeover: agreed & 4 != 0,
        server_max_window_bits: 9 + (agreed >> 3) % 7,
    });
    let whole = talk(deflate, &[frames]);
    for pieces in ways(frames) {
        assert_eq!(talk(deflate, &pieces), whole, "pieces matter");
    }
    check_output(&whole, deflate);
}

/// What went out: each message that was heard, then a farewell if there was a peer to hear it; pongs between them.
fn check_output(talk: &Talk, deflate: Option<DeflateParams>) {
    let takes_over = deflate.is_some_and(|deflate| !deflate.server_no_context_takeover);
    let mut inflate = Decompress::new(false);
    let mut heard = talk.heard.iter();
    let mut rest = &talk.output[..];
    let mut has_farewell = false;
    while !rest.is_empty() {
        assert!(!has_farewell, "a frame after the farewell");
        let (first, payload, after) = read_frame(rest);
        rest = after;
        assert_ne!(first & 0x80, 0, "a fragment");
        let is_compressed = first & 0x40 != 0;
        assert!(deflate.is_some() || !is_compressed);
        let message = match is_compressed {
            true => inflated(&mut inflate, payload),
            false => payload.to_vec(),
        };
        if is_compressed && !takes_over {
            inflate = Decompress::new(false);
        }
        match first & 0x3f {
            1 => match heard.next() {
                Some(Heard::Text(text)) => assert_eq!(message, text.as_bytes()),
                other => panic!("{other:?} came back as text"),
            },
            2 => match heard.next() {
                Some(Heard::Binary(bytes)) => assert_eq!(&message, bytes),
                other => panic!("{other:?} came back as bytes"),
            },
            8 => {
                has_farewell = true;
                check_farewell(payload, heard.next());
            }
            10 => assert!(payload.len() <= 125 && !is_compressed),
            other => panic!("a frame of kind {other:#x}"),
        }
    }
    let left: Vec<_> = heard.collect();
    match left[..] {
        [] => assert!(has_farewell),
        [Heard::Closed(CLOSE_ABNORMAL, _)] => assert!(!has_farewell),
        _ => panic!("{left:?} was not sent back"),
    }
}

fn check_farewell(payload: &[u8], heard: Option<&Heard>) {
    let Some(Heard::Closed(code, _)) = heard else {
        panic!("a farewell after {heard:?}");
    };
    let said = payload
        .split_first_chunk()
        .map(|(code, _)| u16::from_be_bytes(*code));
    // 1005 stands for a farewell without a code.
    assert_eq!(said, Some(*code).filter(|code| *code != 1005));
    assert!(payload.len() <= 125);
    if let Some(reason) = payload.get(2..) {
        assert!(std::str::from_utf8(reason).is_ok());
    }
}

/// First byte and payload of a frame as a server sends it, and what follows.
fn read_frame(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (first, length, at) = match *bytes {
        [first, length @ 0..=125, ..] => (first, usize::from(length), 2),
        [first, 126, high, low, ..] => (first, usize::from(u16::from_be_bytes([high, low])), 4),
        _ => panic!("a frame longer than any message here, or masked"),
    };
    let (payload, rest) = bytes[at..]
        .split_at_checked(length)
        .expect("a frame is whole");
    (first, payload, rest)
}

/// RFC 7692 section 7.2.2.
fn inflated(inflate: &mut Decompress, payload: &[u8]) -> Vec<u8> {
    let bytes = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut message = Vec::with_capacity(4096);
    let start = inflate.total_in();
    let status = inflate
        .decompress_vec(&bytes, &mut message, FlushDecompress::Sync)
        .expect("it inflates");
    assert_eq!(status, Status::Ok);
    assert_eq!(inflate.total_in() - start, bytes.len() as u64);
    message
}
