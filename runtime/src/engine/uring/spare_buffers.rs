//! Memory of sends that have ended, for later ones. Knows no operations.

use turbo_shard_protocol::WORKSPACE_BYTES_KEPT_MAX;

/// Send buffers that are kept for later sends: what one turn of ordinary answers needs.
const SPARE_BUFFERS_MAX: usize = 256;
/// What they may have in all. So much stays with a shard after a turn of large answers.
const SPARE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Room for an ordinary answer, so that buffers need not grow one by one.
const SEND_BYTES_INITIAL: usize = 1024;

/// Send buffers for later sends. Fresh memory costs more than an answer of 100 KiB otherwise does: the kernel fills each of
/// its pages with zeros first.
#[derive(Default)]
pub(super) struct SpareBuffers {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl SpareBuffers {
    /// An empty one.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let Some(buffer) = self.buffers.pop() else {
            return Vec::with_capacity(SEND_BYTES_INITIAL);
        };
        self.bytes -= buffer.capacity();
        buffer
    }

    /// Keeps one that has been sent, if there is room.
    pub(super) fn give(&mut self, mut buffer: Vec<u8>) {
        let bytes = buffer.capacity();
        // One that is larger than a workspace may be would make the next connection's one too large to be kept.
        if bytes <= WORKSPACE_BYTES_KEPT_MAX
            && self.bytes + bytes <= SPARE_BYTES_MAX
            && self.buffers.len() < SPARE_BUFFERS_MAX
        {
            buffer.clear();
            self.buffers.push(buffer);
            self.bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_with_its_memory() {
        let mut spare = SpareBuffers::default();
        spare.give(vec![b'x'; 100 * 1024]);
        let buffer = spare.take();
        assert!(buffer.is_empty());
        assert!(buffer.capacity() >= 100 * 1024);
        assert!(spare.take().capacity() < 100 * 1024, "there was one only");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut spare = SpareBuffers::default();
        spare.give(Vec::with_capacity(WORKSPACE_BYTES_KEPT_MAX + 1));
        assert_eq!(spare.bytes, 0, "too large");
        for _ in 0..2 * SPARE_BUFFERS_MAX {
            spare.give(Vec::with_capacity(WORKSPACE_BYTES_KEPT_MAX));
        }
        assert!(spare.bytes <= SPARE_BYTES_MAX);
        while !spare.buffers.is_empty() {
            spare.take();
        }
        assert_eq!(spare.bytes, 0);
        for _ in 0..2 * SPARE_BUFFERS_MAX {
            spare.give(Vec::with_capacity(1));
        }
        assert_eq!(spare.buffers.len(), SPARE_BUFFERS_MAX);
    }
}
