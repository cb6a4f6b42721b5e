//! The HTTP/1.1 server protocol of turbo-shard, without I/O.
//!
//! A [`Connection`] is handed bytes and the time; it gives back [`Event`]s and the bytes to send. It owns no socket,
//! reads no clock and starts no thread. No byte that a peer sends can make it panic or grow without bound.
//!
//! ```
//! use std::sync::Arc;
//! use turbo_shard_protocol::{Connection, Event, HeaderLines, Limits, ServerLines, Tick, Workspace};
//!
//! let now = Tick::from_millis(0);
//! let server_lines = ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
//! let mut connection = Connection::new(Arc::new(Limits::sample()), now);
//! connection.lend(Box::new(Workspace::new()));
//! connection.receive(now, b"GET /hello HTTP/1.1\r\nHost: example\r\n\r\n");
//!
//! assert_eq!(connection.next_event(now), Event::Head);
//! let (request, _body, mut response) = connection.exchange(&server_lines);
//! assert_eq!(request.path(), b"/hello");
//! let mut lines = HeaderLines::new();
//! lines.push(b"content-type", b"text/plain").unwrap();
//! response.whole(200, &lines, b"Hello").unwrap();
//!
//! assert_eq!(connection.next_event(now), Event::ExchangeDone);
//! assert!(connection.output().starts_with(b"HTTP/1.1 200 OK\r\n"));
//! ```
#![forbid(unsafe_code)]

mod answer_length;
mod body_clock;
mod body_framing;
mod closing;
pub mod forwarded;
mod head_copy;
mod head_index;
mod header_list;
mod http1;
pub mod http2;
mod limits;
mod misuse;
pub mod proxy_protocol;
mod request_head;
mod request_line;
mod request_target;
mod send_buffer;
mod server_lines;
mod syntax;
mod tick;
mod violation;
pub mod websocket;

pub use answer_length::BodyLength;
pub use body_framing::BodyFraming;
pub use closing::{Closing, Expiry, Overdue};
pub use head_copy::HeadCopy;
pub use header_list::{HeaderLines, is_hop_by_hop};
pub use http1::connection::{Connection, Upgraded};
pub use http1::event::{BodyMode, Event};
pub use http1::response_head::status_text;
pub use http1::response_writer::ResponseWriter;
pub use http1::workspace::Workspace;
pub use limits::*;
pub use misuse::{AnswerStage, AnswerStep, Misuse};
pub use request_head::{Headers, RequestHead};
pub use request_line::{Method, Version};
pub use send_buffer::SendBuffer;
pub use server_lines::{ChosenLines, LineRefused, ServerLines};
pub use tick::Tick;
pub use violation::Violation;
