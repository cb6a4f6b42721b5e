//! Writes text as JSON strings in UTF-8. Pure: knows code units of 8, 16 and 32 bits, nothing of Python objects.
//!
//! It escapes what JSON requires: the quote, the backslash and the controls below U+0020, each in the form that
//! Python's `json.dumps(ensure_ascii=False)` gives it. Everything else is written as UTF-8.
//!
//! Text is taken in blocks. Room for the worst case of a block is reserved before it, so the loops inside write without
//! looking at the capacity.

/// Code units between two looks at the room that is left. Bounds what is reserved beyond need: 6 x 256 bytes.
const BLOCK_UNITS: usize = 256;

/// Bytes that one code unit can become: `\u001f`. Wider ones become at most four bytes of UTF-8.
const UNIT_BYTES_MAX: usize = 6;

/// For each byte below 0x80: 0 if it stands for itself, `u` if it becomes `\u00XX`, else the letter after a backslash.
const ESCAPES: [u8; 0x80] = {
    let mut table = [0; 0x80];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// A surrogate without its partner: not a character, and UTF-8 cannot carry it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoneSurrogate {
    pub(super) code: u16,
    /// Where it stands, in code units.
    pub(super) index: usize,
}

/// Appends Latin-1 text (ASCII is a part of it) as a quoted JSON string.
#[inline]
pub(super) fn push_quoted_latin1(out: &mut Vec<u8>, text: &[u8]) {
    let mut blocks = text.chunks(BLOCK_UNITS);
    let first = blocks.next().unwrap_or_default();
    out.reserve(first.len() * UNIT_BYTES_MAX + 2);
    let start = out.spare_capacity_mut().as_mut_ptr().cast::<u8>();
    // SAFETY: the line above the last reserved a byte for each quote and UNIT_BYTES_MAX for each unit of the block,
    // which is what write_latin1 asks for; all bytes up to `end` were written by it and by us.
    unsafe {
        start.write(b'"');
        let end = write_latin1(start.add(1), first);
        end.write(b'"');
        out.set_len(end.offset_from_unsigned(out.as_ptr()) + 1);
    }
    if text.len() > BLOCK_UNITS {
        push_further_blocks(out, blocks);
    }
}

/// Goes on with a string that is longer than one block, whose closing quote is already there.
#[cold]
fn push_further_blocks(out: &mut Vec<u8>, blocks: std::slice::Chunks<'_, u8>) {
    out.pop();
    for block in blocks {
        out.reserve(block.len() * UNIT_BYTES_MAX + 1);
        // SAFETY: the room that write_latin1 asks for was just reserved; it wrote all bytes up to the end it returned.
        unsafe {
            let end = write_latin1(out.as_mut_ptr().add(out.len()), block);
            out.set_len(end.offset_from_unsigned(out.as_ptr()));
        }
    }
    out.push(b'"');
}

/// Appends text of 16-bit or 32-bit code points as a quoted JSON string. On an error `out` keeps a part of it.
pub(super) fn push_quoted_wide<U: WideUnit>(
    out: &mut Vec<u8>,
    text: &[U],
) -> Result<(), LoneSurrogate> {
    out.push(b'"');
    for (number, block) in text.chunks(BLOCK_UNITS).enumerate() {
        out.reserve(block.len() * UNIT_BYTES_MAX + 1);
        // SAFETY: the room that write_wide asks for was just reserved; it wrote all bytes up to the end it returned.
        unsafe {
            let end = write_wide(out.as_mut_ptr().add(out.len()), block).map_err(|index| {
                LoneSurrogate {
                    code: block[index].code_point() as u16,
                    index: number * BLOCK_UNITS + index,
                }
            })?;
            out.set_len(end.offset_from_unsigned(out.as_ptr()));
        }
    }
    out.push(b'"');
    Ok(())
}

/// A code point of a Python string that is wider than a byte.
pub(super) trait WideUnit: Copy {
    fn code_point(self) -> u32;
}

impl WideUnit for u16 {
    #[inline]
    fn code_point(self) -> u32 {
        u32::from(self)
    }
}

impl WideUnit for u32 {
    #[inline]
    fn code_point(self) -> u32 {
        self
    }
}

/// Writes a block and returns the end of what it wrote. Leaves at the first special character: most blocks have none.
///
/// # Safety
/// `to` has room for UNIT_BYTES_MAX bytes per byte of the block.
#[inline]
unsafe fn write_latin1(mut to: *mut u8, mut block: &[u8]) -> *mut u8 {
    while let Some((sixteen, rest)) = block.split_first_chunk::<16>() {
        // SAFETY: our caller promised more than 16 bytes of room for these; what was written is overwritten if it may not
        // stand as it is.
        unsafe {
            to.cast::<[u8; 16]>().write_unaligned(*sixteen);
            if !is_plain_16(sixteen) {
                return write_latin1_with_escapes(to, block);
            }
            to = to.add(16);
        }
        block = rest;
    }
    // SAFETY: as above, for each byte that is left.
    unsafe { write_latin1_tail(to, block) }
}

/// Goes on with a block in which something needs more than a copy.
///
/// # Safety
/// As `write_latin1`.
#[inline(never)]
unsafe fn write_latin1_with_escapes(mut to: *mut u8, block: &[u8]) -> *mut u8 {
    for eight in block.chunks(8) {
        // SAFETY: our caller promised six bytes of room for each byte.
        to = unsafe { write_latin1_tail(to, eight) };
    }
    to
}

/// Writes fewer than 16 bytes, as two words that overlap.
///
/// # Safety
/// As `write_latin1`.
#[inline]
unsafe fn write_latin1_tail(to: *mut u8, tail: &[u8]) -> *mut u8 {
    // SAFETY: exactly tail.len() bytes are written here; the room for write_latin1_singly was promised by our caller.
    unsafe {
        if let (Some(head), Some(last)) = (tail.first_chunk::<8>(), tail.last_chunk::<8>()) {
            if is_plain_8(u64::from_ne_bytes(*head)) & is_plain_8(u64::from_ne_bytes(*last)) {
                to.cast::<[u8; 8]>().write_unaligned(*head);
                to.add(tail.len() - 8)
                    .cast::<[u8; 8]>()
                    .write_unaligned(*last);
                return to.add(tail.len());
            }
        } else if let (Some(head), Some(last)) = (tail.first_chunk::<4>(), tail.last_chunk::<4>()) {
            let both =
                u64::from(u32::from_ne_bytes(*head)) << 32 | u64::from(u32::from_ne_bytes(*last));
            if is_plain_8(both) {
                to.cast::<[u8; 4]>().write_unaligned(*head);
                to.add(tail.len() - 4)
                    .cast::<[u8; 4]>()
                    .write_unaligned(*last);
                return to.add(tail.len());
            }
        } else if let (Some(&head), Some(&last)) = (tail.first(), tail.last())
            && is_plain_8(u64::from_ne_bytes([
                head,
                tail[tail.len() / 2],
                last,
                b'x',
                b'x',
                b'x',
                b'x',
                b'x',
            ]))
        {
            to.write(head);
            to.add(tail.len() / 2).write(tail[tail.len() / 2]);
            to.add(tail.len() - 1).write(last);
            return to.add(tail.len());
        }
        write_latin1_singly(to, tail)
    }
}

/// Writes byte by byte, for the few words in which something needs more than a copy.
///
/// # Safety
/// As `write_latin1`.
#[inline(never)]
unsafe fn write_latin1_singly(mut to: *mut u8, bytes: &[u8]) -> *mut u8 {
    for &byte in bytes {
        // SAFETY: each byte uses at most the UNIT_BYTES_MAX bytes that our caller promised for it.
        to = unsafe {
            if byte < 0x80 {
                write_ascii(to, byte)
            } else {
                to.write(0xc0 | byte >> 6);
                to.add(1).write(0x80 | byte & 0x3f);
                to.add(2)
            }
        };
    }
    to
}

/// Writes a block and returns the end of what it wrote, or the index of a surrogate.
///
/// # Safety
/// `to` has room for UNIT_BYTES_MAX bytes per code point of the block.
unsafe fn write_wide<U: WideUnit>(mut to: *mut u8, block: &[U]) -> Result<*mut u8, usize> {
    for (index, unit) in block.iter().enumerate() {
        let code = unit.code_point();
        // SAFETY: each code point uses at most the UNIT_BYTES_MAX bytes that our caller promised for it.
        to = unsafe {
            match code {
                0..0x80 => write_ascii(to, code as u8),
                0x80..0x800 => {
                    to.write(0xc0 | (code >> 6) as u8);
                    to.add(1).write(continuation(code));
                    to.add(2)
                }
                0xd800..0xe000 => return Err(index),
                0x800..0x1_0000 => {
                    to.write(0xe0 | (code >> 12) as u8);
                    to.add(1).write(continuation(code >> 6));
                    to.add(2).write(continuation(code));
                    to.add(3)
                }
                _ => {
                    to.write(0xf0 | (code >> 18) as u8 & 0x07);
                    to.add(1).write(continuation(code >> 12));
                    to.add(2).write(continuation(code >> 6));
                    to.add(3).write(continuation(code));
                    to.add(4)
                }
            }
        };
    }
    Ok(to)
}

#[inline]
fn continuation(code: u32) -> u8 {
    0x80 | (code & 0x3f) as u8
}

/// Writes one ASCII byte, escaped where JSON asks for it.
///
/// # Safety
/// `to` has room for UNIT_BYTES_MAX bytes.
#[inline]
unsafe fn write_ascii(to: *mut u8, byte: u8) -> *mut u8 {
    // SAFETY: at most six bytes are written, for which our caller has room.
    unsafe {
        match ESCAPES[usize::from(byte & 0x7f)] {
            0 => {
                to.write(byte);
                to.add(1)
            }
            b'u' => {
                let digit = b"0123456789abcdef"[usize::from(byte & 0x0f)];
                to.cast::<[u8; 6]>().write_unaligned([
                    b'\\',
                    b'u',
                    b'0',
                    b'0',
                    b'0' + (byte >> 4),
                    digit,
                ]);
                to.add(6)
            }
            letter => {
                to.cast::<[u8; 2]>().write_unaligned([b'\\', letter]);
                to.add(2)
            }
        }
    }
}

/// Whether all bytes are ASCII and stand for themselves. The compiler makes vector instructions of it.
#[inline]
fn is_plain_16(bytes: &[u8; 16]) -> bool {
    let mut special = false;
    for &byte in bytes {
        // Not `||`, which would make branches.
        special |= (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte >= 0x80);
    }
    !special
}

/// The same for eight bytes in a word. A byte's high bit is set in the result where it is special, and, by the borrow of
/// a subtraction, possibly also in the byte above such a one, so that the whole word says only "all plain" or "not all".
#[inline]
fn is_plain_8(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x80 * ONES;
    let control = word.wrapping_sub(0x20 * ONES);
    let quote = (word ^ (b'"' as u64 * ONES)).wrapping_sub(ONES);
    let backslash = (word ^ (b'\\' as u64 * ONES)).wrapping_sub(ONES);
    (word | control | quote | backslash) & HIGH_BITS == 0
}

#[cfg(test)]
mod tests;
