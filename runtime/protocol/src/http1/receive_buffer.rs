//! The bytes of a connection from the socket to the end of their exchange. Knows where things lie, not what they mean.

/// Input of one connection, in one piece of memory:
///
/// ```text
/// | spent | head | spent | body | gap | unread | room |
///         ^      ^       ^      ^     ^        ^
///       head  head_end  body body_end unread  bytes.len()
/// ```
///
/// A body is decoded in place: its bytes move from `unread` to the end of `body`, over the chunk framing that lay
/// between them (the gap). Pipelined requests stay where they arrived. Spent bytes are reclaimed when the buffer runs
/// empty, or when room is short and the spent part is worth the copy.
#[derive(Debug, Default)]
pub(crate) struct ReceiveBuffer {
    bytes: Vec<u8>,
    head: usize,
    head_end: usize,
    body: usize,
    body_end: usize,
    unread: usize,
}

impl ReceiveBuffer {
    pub(crate) fn with_capacity(capacity: usize) -> ReceiveBuffer {
        ReceiveBuffer {
            bytes: Vec::with_capacity(capacity),
            ..ReceiveBuffer::default()
        }
    }

    /// Adds what the socket gave.
    #[inline]
    pub(crate) fn append(&mut self, chunk: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < chunk.len() {
            self.make_room();
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// The bytes that have not been interpreted yet.
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.unread..]
    }

    /// The head that [`hold_head`](ReceiveBuffer::hold_head) set aside.
    #[inline]
    pub(crate) fn head(&self) -> &[u8] {
        &self.bytes[self.head..self.head_end]
    }

    /// The decoded body bytes that have not been consumed.
    #[inline]
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body..self.body_end]
    }

    /// No exchange holds bytes here and none are unread.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Drops the next `n` unread bytes: empty lines, chunk framing, an unwanted body.
    #[inline]
    pub(crate) fn skip(&mut self, n: usize) {
        self.unread += n;
        debug_assert!(self.unread <= self.bytes.len());
    }

    /// Sets the next `n` unread bytes aside as the head of an exchange.
    #[inline]
    pub(crate) fn hold_head(&mut self, n: usize) {
        self.head = self.unread;
        self.skip(n);
        self.head_end = self.unread;
        self.body = self.unread;
        self.body_end = self.unread;
    }

    /// Moves the next `n` unread bytes to the end of the body.
    #[inline]
    pub(crate) fn keep(&mut self, n: usize) {
        if self.body_end != self.unread {
            self.bytes
                .copy_within(self.unread..self.unread + n, self.body_end);
        }
        self.skip(n);
        self.body_end += n;
    }

    /// Forgets the first `n` bytes of the body.
    pub(crate) fn consume_body(&mut self, n: usize) {
        assert!(
            n <= self.body_end - self.body,
            "more body consumed than there was"
        );
        self.body += n;
        self.settle();
    }

    /// Forgets the whole body.
    pub(crate) fn drop_body(&mut self) {
        self.consume_body(self.body_end - self.body);
    }

    /// Reclaims what is free to reclaim: the place of a consumed body, and the gap when nothing lies behind it.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.body == self.body_end {
            self.body = self.head_end;
            self.body_end = self.head_end;
        }
        if self.unread == self.bytes.len() {
            self.bytes.truncate(self.body_end);
            self.unread = self.body_end;
        }
    }

    /// Ends the exchange: head and body are spent, unread bytes stay where they are. Between exchanges this also
    /// reclaims skipped bytes.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.unread == self.bytes.len() {
            self.clear();
        } else {
            self.head = self.unread;
            self.head_end = self.unread;
            self.body = self.unread;
            self.body_end = self.unread;
        }
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.head = 0;
        self.head_end = 0;
        self.body = 0;
        self.body_end = 0;
        self.unread = 0;
    }

    /// Bytes of memory held.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Moves the live parts to the front, if at least half as much is spent as would move: that keeps the cost of
    /// moving proportional to the bytes received, and the buffer within three times its live part.
    #[cold]
    fn make_room(&mut self) {
        let head_len = self.head_end - self.head;
        let body_len = self.body_end - self.body;
        let unread_len = self.bytes.len() - self.unread;
        let live = head_len + body_len + unread_len;
        if self.bytes.len() - live < live / 2 {
            return;
        }
        self.bytes.copy_within(self.head..self.head_end, 0);
        self.bytes.copy_within(self.body..self.body_end, head_len);
        self.bytes.copy_within(self.unread.., head_len + body_len);
        self.bytes.truncate(live);
        self.head = 0;
        self.head_end = head_len;
        self.body = head_len;
        self.body_end = head_len + body_len;
        self.unread = self.body_end;
    }
}

#[cfg(test)]
mod tests {
    use super::ReceiveBuffer;

    fn buffer_of(bytes: &[u8]) -> ReceiveBuffer {
        let mut buffer = ReceiveBuffer::with_capacity(bytes.len());
        buffer.append(bytes);
        buffer
    }

    #[test]
    fn a_body_is_closed_up_over_its_gaps() {
        let mut buffer = buffer_of(b"HEAD#ab##cd#NEXT");
        buffer.hold_head(4);
        for (framing, data) in [(1, 2), (2, 2)] {
            buffer.skip(framing);
            buffer.keep(data);
        }
        buffer.skip(1);
        assert_eq!(buffer.head(), b"HEAD");
        assert_eq!(buffer.body(), b"abcd");
        assert_eq!(buffer.unread(), b"NEXT");
        buffer.release();
        assert_eq!(buffer.unread(), b"NEXT");
        assert_eq!(buffer.body(), b"");
    }

    #[test]
    fn the_gap_vanishes_when_nothing_lies_behind_it() {
        let mut buffer = buffer_of(b"HEAD####ab");
        buffer.hold_head(4);
        buffer.skip(4);
        buffer.keep(2);
        buffer.settle();
        assert_eq!(buffer.bytes.len(), 6);
        buffer.append(b"#c");
        buffer.skip(1);
        buffer.keep(1);
        assert_eq!(buffer.body(), b"abc");
    }

    #[test]
    fn a_consumed_stream_takes_no_more_room_than_its_head() {
        let mut buffer = buffer_of(b"HEAD");
        buffer.hold_head(4);
        for _ in 0..10_000 {
            buffer.append(b"0123456789");
            buffer.keep(10);
            buffer.settle();
            buffer.consume_body(10);
        }
        assert_eq!(buffer.head(), b"HEAD");
        assert!(buffer.capacity() < 64);
    }

    #[test]
    fn a_stream_that_is_never_quite_consumed_stays_small() {
        let mut buffer = buffer_of(b"HEADx");
        buffer.hold_head(4);
        buffer.keep(1);
        for i in 0..10_000u32 {
            buffer.append(&i.to_be_bytes());
            buffer.keep(4);
            buffer.settle();
            buffer.consume_body(4);
        }
        assert_eq!(buffer.body().len(), 1);
        assert_eq!(buffer.head(), b"HEAD");
        assert!(buffer.capacity() < 128, "{}", buffer.capacity());
    }

    #[test]
    fn pipelined_bytes_that_never_run_empty_do_not_pile_up() {
        let mut buffer = buffer_of(b"REQU");
        for _ in 0..10_000 {
            buffer.append(b"ESTREQU");
            buffer.hold_head(7);
            assert_eq!(buffer.head(), b"REQUEST");
            buffer.release();
        }
        assert_eq!(buffer.unread(), b"REQU");
        assert!(buffer.capacity() < 128, "{}", buffer.capacity());
    }

    #[test]
    #[should_panic(expected = "more body consumed")]
    fn consuming_more_than_there_is_is_our_own_bug() {
        let mut buffer = buffer_of(b"HEADab");
        buffer.hold_head(4);
        buffer.keep(2);
        buffer.consume_body(3);
    }
}
