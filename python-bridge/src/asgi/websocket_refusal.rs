//! Answers a handshake that is not accepted. Knows nothing of the app.

use turbo_shard_runtime::{HttpReply, INTERNAL_ERROR_BODY};

use crate::answers::lines::{Lines, lines_of};

/// The connection closes after it: what came behind the handshake is not HTTP.
pub(super) fn refuse(reply: HttpReply, status: u16, kind: Lines, body: &[u8]) {
    let mut lines = lines_of(kind);
    match lines.push(b"connection", b"close") {
        Ok(()) => reply.whole(status, lines, body.to_vec()),
        Err(_) => reply.fail(),
    }
}

/// The app has failed.
pub(super) fn refuse_for_failure(reply: HttpReply) {
    refuse(reply, 500, Lines::Json, INTERNAL_ERROR_BODY);
}
