//! SETTINGS (RFC 9113 section 6.5): what a peer says of itself, and what we say. Knows no streams.

use crate::http2::error_code::ErrorCode;
use crate::http2::event::Fault;
use crate::http2::frame::{FrameKind, write_frame, write_window_update};
use crate::http2::limits::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;
/// RFC 8441 section 3.
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// The window of every connection and stream, until something else is said.
pub(super) const WINDOW_BYTES_INITIAL: i64 = 65_535;
/// No window may become larger.
pub(super) const WINDOW_BYTES_CEILING: i64 = 0x7fff_ffff;

/// One thing that a peer says and that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// Its table may have another size: our encoder must say what it makes of that.
    TableSize,
    /// What each stream may be sent at first.
    InitialWindow(i64),
    /// Its longest frame.
    FrameBytes(usize),
}

/// The settings in a payload, whose length is a multiple of six, in order.
pub(super) fn read(payload: &[u8]) -> impl Iterator<Item = Result<Setting, Fault>> {
    payload.chunks_exact(6).filter_map(|setting| {
        let [a, b, w, x, y, z] = *setting else {
            return None;
        };
        let value = u32::from_be_bytes([w, x, y, z]);
        let refused = |code, rule| Some(Err(Fault { code, rule }));
        match u16::from_be_bytes([a, b]) {
            HEADER_TABLE_SIZE => Some(Ok(Setting::TableSize)),
            ENABLE_PUSH if value > 1 => {
                refused(ErrorCode::ProtocolError, "ENABLE_PUSH is neither 0 nor 1")
            }
            INITIAL_WINDOW_SIZE => match i64::from(value) {
                window if window <= WINDOW_BYTES_CEILING => {
                    Some(Ok(Setting::InitialWindow(window)))
                }
                _ => refused(
                    ErrorCode::FlowControlError,
                    "INITIAL_WINDOW_SIZE is too large",
                ),
            },
            MAX_FRAME_SIZE => match value {
                0x4000..=0x00ff_ffff => Some(Ok(Setting::FrameBytes(value as usize))),
                _ => refused(
                    ErrorCode::ProtocolError,
                    "MAX_FRAME_SIZE is out of its bounds",
                ),
            },
            _ => None,
        }
    })
}

/// What we say first: our settings, and a larger window for the connection.
pub(super) fn write_ours(
    streams_max: u32,
    head_bytes_max: usize,
    takes_websockets: bool,
    output: &mut Vec<u8>,
) {
    const _: () = assert!(STREAM_WINDOW_BYTES as i64 == WINDOW_BYTES_INITIAL);
    let mut payload = Vec::with_capacity(18);
    let head_bytes_max = u32::try_from(head_bytes_max).unwrap_or(u32::MAX);
    let connect = takes_websockets.then_some((ENABLE_CONNECT_PROTOCOL, 1));
    let both = [
        (MAX_CONCURRENT_STREAMS, streams_max),
        (MAX_HEADER_LIST_SIZE, head_bytes_max),
    ];
    for (name, value) in both.into_iter().chain(connect) {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    write_frame(FrameKind::Settings, 0, 0, &payload, output);
    write_window_update(0, CONNECTION_WINDOW_BYTES - STREAM_WINDOW_BYTES, output);
}
