//! Every bound on what a peer can make grow over HTTP/2: unit, reason, worst case. Holds numbers, enforces nothing.
//!
//! Worst case of one connection that does its worst, with the settings that a server has unless its user says otherwise:
//! 100 streams x (a head of 32 KiB, twice; [`STREAM_WINDOW_BYTES`] of a body; [`PENDING_BYTES_HIGH`] and one part of 64 KiB
//! of an answer) = 22 MiB, beside the buffers that HTTP/1 has as well. Bodies that are handed over whole come on top:
//! [`WHOLE_BODIES_BYTES_HIGH`], and one body of `body_bytes_max`.

/// What a peer may send of one request's body before the app has read of it. The value that every connection begins with.
pub const STREAM_WINDOW_BYTES: u32 = 65_535;

/// What a peer may send of all bodies together before it is heard out: no bound on memory, which the streams' windows are,
/// so it is given back at once and no stream waits for another one's app.
pub const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Longest frame that a peer may send; also the longest that we send. A frame is held until it is complete.
pub const FRAME_BYTES_MAX: usize = 16 * 1024;

/// The table in which a peer's heads are compressed (RFC 7541 section 4.2): with its bookkeeping 12 KiB at most while a
/// connection is open. Blocks are bounded by `head_bytes_max`, before and after they are decoded.
pub const HPACK_TABLE_BYTES_MAX: usize = 4096;

/// Frames that one head may come in. One of 32 KiB needs three; an endless row of them would never become a request
/// (CVE-2024-27316 and its kin).
pub const CONTINUATIONS_MAX: u32 = 32;

/// What waits of one answer's body for the peer's windows before its sender waits too.
pub const PENDING_BYTES_HIGH: usize = 32 * 1024;

/// Of all bodies that are handed over whole: beyond this only one of them goes on at a time, so that it can end.
pub const WHOLE_BODIES_BYTES_HIGH: usize = 4 * 1024 * 1024;

/// What a peer may do that brings no request on, as a balance: each act takes of it, each answer and each second gives back.
/// Empty, it ends the connection with ENHANCE_YOUR_CALM. An honest peer spends tens. A reset of a request that was not
/// answered takes [`RESET_COST`]: 100 of them in a row are too many (CVE-2023-44487).
pub const GOODWILL_MAX: u32 = 2000;
/// A PING, a SETTINGS, a PRIORITY, a WINDOW_UPDATE, a DATA without data, a frame of an unknown kind.
pub const FRAME_COST: u32 = 1;
/// A RST_STREAM before its answer was complete.
pub const RESET_COST: u32 = 20;
/// For an answer that is complete, and for a frame of data that moved at least 1 KiB either way.
pub const PROGRESS_GAIN: u32 = 4;
/// For each second that passes.
pub const SECOND_GAIN: u32 = 200;

/// Streams that have ended and are remembered, so that a frame that crossed the end on its way is told from a fault.
pub const ENDED_STREAMS_MAX: usize = 128;

/// A drain is announced first, so that requests that are on their way are still taken; the last word follows when the peer
/// has heard the announcement, or after this long.
pub const DRAIN_ANNOUNCED_MS_MAX: u64 = 1000;

const _: () = {
    assert!(PENDING_BYTES_HIGH >= FRAME_BYTES_MAX);
    assert!(STREAM_WINDOW_BYTES <= CONNECTION_WINDOW_BYTES);
    assert!(crate::limits::HTTP2_STREAMS_CEILING <= u16::MAX as u32);
    assert!(RESET_COST > PROGRESS_GAIN);
};
