//! What has to hold for any bytes that a peer sends, as plain functions: libFuzzer looks for bytes for which it does not
//! (`make fuzz`), and an ordinary test replays the seeds and what was found before (`cargo test -p turbo-shard-fuzz`).
//!
//! A target panics where something does not hold. None of them is about panics alone: the same bytes cut anywhere give
//! the same events, a second reader agrees, what was written reads back, what was refused stays refused. docs/fuzzing.md
//! tells what each one checks and what was found.

mod answers;
mod chunked_body;
mod forwarded_fields;
mod h2_reading;
mod http1_agreement;
mod http1_connection;
mod http2_agreement;
mod http2_connection;
mod http2_peer;
mod http2_session;
mod hyper_reading;
mod pieces;
mod proxy_header;
mod request_head;
mod session;
mod static_files;
mod websocket_agreement;
mod websocket_frames;
mod websocket_session;

/// Something that has to hold for any input.
pub struct Target {
    /// Names its folders in `seeds/` and `regressions/`.
    pub name: &'static str,
    /// Panics if it does not hold for this input.
    pub check: fn(&[u8]),
}

/// Longest input that is tried: enough for every state, and short enough that a byte-by-byte run stays cheap. Bounds
/// that lie higher are set lower by the targets.
pub const INPUT_BYTES_MAX: usize = 4096;

/// All targets. Another one is a module and a row here.
pub const TARGETS: &[Target] = &[
    Target {
        name: "request_head",
        check: request_head::check,
    },
    Target {
        name: "chunked_body",
        check: chunked_body::check,
    },
    Target {
        name: "http1_connection",
        check: http1_connection::check,
    },
    Target {
        name: "http1_agreement",
        check: http1_agreement::check,
    },
    Target {
        name: "http2_connection",
        check: http2_connection::check,
    },
    Target {
        name: "http2_agreement",
        check: http2_agreement::check,
    },
    Target {
        name: "websocket_frames",
        check: websocket_frames::check,
    },
    Target {
        name: "websocket_agreement",
        check: websocket_agreement::check,
    },
    Target {
        name: "proxy_header",
        check: proxy_header::check,
    },
    Target {
        name: "forwarded_fields",
        check: forwarded_fields::check,
    },
    Target {
        name: "static_files",
        check: static_files::check,
    },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
