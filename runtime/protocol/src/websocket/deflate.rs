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

    /// Appends `message`, which is not empty, to `output` as the payload of one compressed message. False if it did not
    /// become shorter and may as well be sent as it is; `output` is then as before.
    pub(super) fn compress(&mut self, message: &[u8], output: &mut Vec<u8>) -> bool {
        let start = output.len();
        let compressor = self.compressor.get_or_insert_with(|| {
            Compress::new_with_window_bits(
                Level::new(self.level),
                false,
                self.params.server_max_window_bits,
            )
        });
        let is_complete = compress_flushed(compressor, message, output);
        let has_tail = output[start..].ends_with(&FLUSH_TAIL);
        if has_tail {
            output.truncate(output.len() - FLUSH_TAIL.len());
        }
        let is_shorter = output.len() - start < message.len();
        // A message of which the client sees nothing must not become something that later ones refer to.
        let is_sent = is_complete && has_tail && (is_shorter || self.keeps_compressor());
        if !is_sent {
            output.truncate(start);
        }
        if !is_sent || !self.keeps_compressor() {
            self.compressor = None;
        }
        is_sent
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
        // After a block that was marked as the last, the client may have left nothing open (RFC 7692 section 7.2.3.4).
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

    fn keeps_compressor(&self) -> bool {
        !self.params.server_no_context_takeover
    }
}

/// Compresses all of `message` and flushes. False if the compressor failed, of which there is no known case.
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
