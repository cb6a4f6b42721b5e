//! HTTP/1.1, server side (RFC 9112): framing, heads, the lifecycle of a connection. Knows no WebSocket.

pub(crate) mod answer;
pub(crate) mod body_encoder;
pub(crate) mod body_intake;
pub(crate) mod chunked_decoder;
pub(crate) mod connection;
pub(crate) mod deadlines;
pub(crate) mod event;
pub(crate) mod framing_fields;
pub(crate) mod head_parser;
pub(crate) mod lifecycle;
pub(crate) mod line_scan;
pub(crate) mod other_protocol;
mod receive_buffer;
pub(crate) mod response_head;
pub(crate) mod response_writer;
pub(crate) mod workspace;
