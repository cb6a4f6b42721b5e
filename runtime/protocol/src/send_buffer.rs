//! The bytes of a connection on their way to the socket. Knows no messages.

/// So many spent bytes in front of unsent ones are worth a copy.
pub(crate) const SPENT_BYTES_MAX: usize = 32 * 1024;

/// Output of one connection: written at the end, sent from the front.
#[derive(Debug, Default)]
pub struct SendBuffer {
    bytes: Vec<u8>,
    sent: usize,
}

impl SendBuffer {
    /// An empty one with so much room.
    pub fn with_capacity(capacity: usize) -> SendBuffer {
        SendBuffer {
            bytes: Vec::with_capacity(capacity),
            sent: 0,
        }
    }

    /// What is still to be sent.
    #[inline]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Where writers append.
    #[inline]
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The socket took `n` bytes.
    pub fn consume(&mut self, n: usize) {
        assert!(
            n <= self.bytes.len() - self.sent,
            "more output consumed than there was"
        );
        self.sent += n;
        if self.sent == self.bytes.len() {
            self.clear();
        } else if self.sent >= SPENT_BYTES_MAX && self.sent >= self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Exchanges its memory for `other`, which is empty. Returns where the unsent bytes begin in it.
    pub fn swap(&mut self, other: &mut Vec<u8>) -> usize {
        debug_assert!(other.is_empty(), "what lies in it would be sent");
        std::mem::swap(&mut self.bytes, other);
        std::mem::take(&mut self.sent)
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_does_not_make_spent_bytes_pile_up() {
        let mut buffer = SendBuffer::default();
        buffer.tail().extend_from_slice(b"x");
        for i in 0..100_000u32 {
            buffer.tail().extend_from_slice(&i.to_be_bytes());
            buffer.consume(4);
        }
        assert_eq!(buffer.unsent().len(), 1);
        assert!(buffer.capacity() <= 4 * SPENT_BYTES_MAX);
    }

    #[test]
    fn memory_that_is_swapped_away_takes_what_is_unsent_along() {
        let mut buffer = SendBuffer::default();
        buffer.tail().extend_from_slice(b"abc");
        buffer.consume(1);
        let mut taken = Vec::new();
        let start = buffer.swap(&mut taken);
        assert_eq!(&taken[start..], b"bc");
        assert_eq!(buffer.unsent(), b"");
        buffer.tail().extend_from_slice(b"d");
        assert_eq!(buffer.unsent(), b"d");
    }

    #[test]
    fn what_was_sent_is_gone() {
        let mut buffer = SendBuffer::default();
        buffer.tail().extend_from_slice(b"abc");
        buffer.consume(2);
        assert_eq!(buffer.unsent(), b"c");
        buffer.consume(1);
        assert_eq!(buffer.unsent(), b"");
    }
}
