//! Compresses and decompresses messages (RFC 7692 section 7.2). Knows no frames.

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};

use super::extensions::DeflateParams;
use super::violation::WsViolation;

/// The end of every flushed block, which is not sent (RFC 7692 section 7.2.1).
const FLUSH_TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// First guess at the size of a decompressed message.
const INFLATE_BYTES_FIRST: usize = 4096;

/// Largest window: we read whatever the client writes.
const CLIENT_WINDOW_BITS: u8 = 15;

/// The two directions of one connection. Each is made when it is first needed and dropped when nothing refers to it.
#[derive(Debug)]
pub(super) struct Deflate {
    params: DeflateParams,
    level: u32,
    compressor: Option<Compress>,
    decompressor: Option<Decompress>,
}

impl Deflate {
    pub(super) fn new(params: DeflateParams, level: u32) -> Deflate {
        Deflate {
            params,
            level,
            compressor: None,
            decompressor: None,
        }
    }

    /// Appends `message`, which is not empty, to `output` as the payload of one compressed message, even if that is a
    /// few bytes longer. False if the compressor failed (no case is known); `output` is then as before.
    pub(super) fn compress(&mut self, message: &[u8], output: &mut Vec<u8>) -> bool {
        let start = output.len();
        let compressor = self.compressor.get_or_insert_with(|| {
            Compress::new_with_window_bits(
                Level::new(self.level),
                false,
                self.params.server_max_window_bits,
            )
        });
        let is_done =
            compress_flushed(compressor, message, output) && output[start..].ends_with(&FLUSH_TAIL);
        output.truncate(match is_done {
            true => output.len() - FLUSH_TAIL.len(),
            false => start,
        });
        // Later messages must not refer to a message that the client never sees.
        if !is_done || self.params.server_no_context_takeover {
            self.compressor = None;
        }
        is_done
    }

    /// Inflates the next piece of a message into `message`, which must not exceed `bytes_max`.
    pub(super) fn inflate(
        &mut self,
        piece: &[u8],
        message: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), WsViolation> {
        let decompressor = self
            .decompressor
            .get_or_insert_with(|| Decompress::new_with_window_bits(false, CLIENT_WINDOW_BITS));
        inflate_all(decompressor, piece, message, bytes_max)
    }

    /// The last piece of a message has been inflated.
    pub(super) fn finish_inflating(
        &mut self,
        message: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), WsViolation> {
        // A client may leave nothing open after a block that is marked as the last (RFC 7692 section 7.2.3.4).
        if let Some(decompressor) = &mut self.decompressor
            && decompressor.total_in() > 0
        {
            inflate_all(decompressor, &FLUSH_TAIL, message, bytes_max)?;
        }
        if self.params.client_no_context_takeover {
            self.decompressor = None;
        }
        Ok(())
    }

    /// Nothing but the parameters is held.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.compressor.is_none() && self.decompressor.is_none()
    }
}

/// Compresses all of `message` and flushes. False if the compressor failed (no case is known).
fn compress_flushed(compressor: &mut Compress, message: &[u8], output: &mut Vec<u8>) -> bool {
    let mut rest = message;
    loop {
        output.reserve(rest.len() / 2 + 64);
        let before = compressor.total_in();
        let status = compressor.compress_vec(rest, output, FlushCompress::Sync);
        rest = &rest[(compressor.total_in() - before) as usize..];
        match status {
            // Room that was left means that the flush is complete.
            Ok(_) if rest.is_empty() && output.len() < output.capacity() => return true,
            Ok(Status::Ok) => {}
            Ok(Status::BufError | Status::StreamEnd) | Err(_) => return false,
        }
    }
}

/// Inflates all of `input`. Memory grows with what is really there and never far beyond `bytes_max`.
fn inflate_all(
    decompressor: &mut Decompress,
    input: &[u8],
    output: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), WsViolation> {
    let mut rest = input;
    loop {
        if output.len() == output.capacity() {
            // One byte more than allowed proves that it is too much.
            let room = (bytes_max + 1).saturating_sub(output.len());
            output.reserve_exact(output.capacity().max(INFLATE_BYTES_FIRST).min(room));
        }
        let before = decompressor.total_in();
        let status = decompressor.decompress_vec(rest, output, FlushDecompress::None);
        let consumed = (decompressor.total_in() - before) as usize;
        rest = &rest[consumed..];
        if output.len() > bytes_max {
            return Err(WsViolation::MessageTooLarge);
        }
        match status {
            // Another stream may follow in the same message.
            Ok(Status::StreamEnd) => decompressor.reset(false),
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(WsViolation::DeflateInvalid),
        }
        let has_room = output.len() < output.capacity();
        match rest.is_empty() {
            true if has_room => return Ok(()),
            false if has_room && consumed == 0 => return Err(WsViolation::DeflateInvalid),
            true | false => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEOVER: DeflateParams = DeflateParams {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 12,
    };

    fn deflated(message: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        assert!(Deflate::new(TAKEOVER, 6).compress(message, &mut payload));
        payload
    }

    #[test]
    fn a_bomb_never_takes_more_memory_than_a_message_may() {
        let bomb = deflated(&vec![0; 50_000_000]);
        for bytes_max in [1, 4096, 100_000, 1_000_000] {
            for piece_bytes in [1000, bomb.len()] {
                let mut deflate = Deflate::new(TAKEOVER, 6);
                let mut message = Vec::new();
                let refused = bomb
                    .chunks(piece_bytes)
                    .find_map(|piece| deflate.inflate(piece, &mut message, bytes_max).err());
                assert_eq!(refused, Some(WsViolation::MessageTooLarge));
                assert!(message.capacity() <= bytes_max + 1);
            }
        }
    }

    #[test]
    fn a_message_in_pieces_inflates_to_the_same() {
        let text = b"The quick brown fox. ".repeat(1000);
        let payload = deflated(&text);
        for piece_bytes in [1, 7, payload.len()] {
            let mut deflate = Deflate::new(TAKEOVER, 6);
            let mut message = Vec::new();
            for piece in payload.chunks(piece_bytes) {
                deflate.inflate(piece, &mut message, text.len()).unwrap();
            }
            deflate.finish_inflating(&mut message, text.len()).unwrap();
            assert_eq!(message, text);
        }
    }

    #[test]
    fn what_stands_before_a_compressed_message_is_left_alone() {
        let mut output = b"before".to_vec();
        assert!(Deflate::new(TAKEOVER, 6).compress(b"message", &mut output));
        assert_eq!(output[..6], *b"before");
        assert_eq!(output[6..], deflated(b"message"));
    }
}
