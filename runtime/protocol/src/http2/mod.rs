//! HTTP/2 without I/O (RFC 9113): frames, heads, streams, flow control. Knows no sockets, no clocks and no apps.
//!
//! A [`Connection`] is handed bytes and the time, as that of HTTP/1 is, and gives [`Event`]s about its streams. A request's
//! head becomes the same [`RequestHead`](crate::RequestHead) that HTTP/1 gives, its answer is written by a
//! [`StreamWriter`] with the same steps as HTTP/1's. `limits.rs` has the bounds; what a peer may do beyond them ends the
//! connection with a GOAWAY that names the fault.
//!
//! Not here: server push and priorities (RFC 9113 has deprecated the latter; they are read and ignored), `Upgrade: h2c`
//! (deprecated as well), CONNECT for anything but WebSockets.

pub(crate) mod connection;
mod error_code;
mod event;
mod frame;
mod goodwill;
mod head_draft;
mod hpack;
mod incoming;
mod limits;
mod outgoing;
mod sender;
mod settings;
mod stream_table;
mod stream_writer;

pub use connection::Connection;
pub use error_code::ErrorCode;
pub use event::{Event, Fault, StreamKey};
pub use frame::PREFACE;
pub use limits::*;
pub use stream_writer::StreamWriter;
