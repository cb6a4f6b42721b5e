//! WebSocket, server side (RFC 6455) with permessage-deflate (RFC 7692), without I/O. Only re-exports.
//!
//! The parts: `handshake.rs` judges a request and writes the 101, `extensions.rs` negotiates compression; `socket.rs`
//! is the connection after the 101, with `socket/reading.rs` (frames to messages) and `socket/ending.rs` (close
//! handshake, deadlines). Below it: `frame_head.rs`, `mask.rs`, `message.rs`, `utf8.rs`, `deflate.rs`, `close.rs`.
//!
//! What stands underneath, and why. No crate has all of it without sockets: `tungstenite` has no compression and reads
//! from a stream: only its frame header and opcodes are used here (well-kept, widely tested; default features off).
//! `shiguredo_websocket` is sans-IO and compresses, but its windows are fixed at 32 KiB (no `server_max_window_bits`),
//! it collects whole frames before it looks at them, and it brings a second HTTP parser and a C library for SHA-1.
//! `flate2` with `zlib-rs` is pure Rust, honours window sizes and is as fast as zlib-ng.

mod close;
mod deflate;
mod event;
mod extensions;
mod fault;
mod frame_head;
mod handshake;
mod limits;
mod mask;
mod message;
mod ping;
mod socket;
mod utf8;
mod violation;

pub use close::{CLOSE_ABNORMAL, CLOSE_INTERNAL_ERROR, CLOSE_NORMAL, check_close};
pub use event::{MessageKind, WsEvent};
pub use extensions::DeflateParams;
pub use fault::HandshakeFault;
pub use handshake::{Accepted, Handshake, is_handshake};
pub use limits::*;
pub use socket::WebSocket;
