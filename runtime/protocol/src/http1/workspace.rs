//! The buffers that a busy connection borrows from its shard's pool. Knows no protocol.

use crate::head_index::HeadIndex;
use crate::http1::receive_buffer::ReceiveBuffer;
use crate::limits::WORKSPACE_BYTES_KEPT_MAX;
use crate::send_buffer::SendBuffer;

/// Room for an ordinary request and its answer before anything must grow.
const BUFFER_BYTES_INITIAL: usize = 4 * 1024;

/// Everything that a connection needs while it works: input, output, the index of a head. An idle connection has none:
/// ten thousand idle connections cost ten thousand small structs and no buffers.
#[derive(Debug)]
pub struct Workspace {
    pub(crate) input: ReceiveBuffer,
    pub(crate) output: SendBuffer,
    pub(crate) index: HeadIndex,
    /// What was written of the latest answer's body, without framing.
    pub(crate) body_bytes_written: u64,
}

impl Workspace {
    /// A workspace with room for an ordinary request.
    pub fn new() -> Workspace {
        Workspace {
            input: ReceiveBuffer::with_capacity(BUFFER_BYTES_INITIAL),
            output: SendBuffer::with_capacity(BUFFER_BYTES_INITIAL),
            index: HeadIndex::new(),
            body_bytes_written: 0,
        }
    }

    /// Forgets everything and keeps the memory. [`Connection::reclaim`](crate::Connection::reclaim) has done so already.
    pub fn reset(&mut self) {
        self.input.clear();
        self.output.clear();
    }

    /// A buffer has grown beyond [`WORKSPACE_BYTES_KEPT_MAX`]: the pool drops this workspace and makes a new one.
    pub fn is_oversized(&self) -> bool {
        self.input.capacity() > WORKSPACE_BYTES_KEPT_MAX
            || self.output.capacity() > WORKSPACE_BYTES_KEPT_MAX
    }
}

impl Default for Workspace {
    fn default() -> Workspace {
        Workspace::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_that_grew_for_one_upload_is_oversized() {
        let mut workspace = Workspace::new();
        assert!(!workspace.is_oversized());
        workspace
            .input
            .append(&vec![b'x'; WORKSPACE_BYTES_KEPT_MAX + 1]);
        workspace.reset();
        assert!(workspace.is_oversized());
    }
}
