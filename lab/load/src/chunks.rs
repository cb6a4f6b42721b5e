//! Reads bodies in chunks (RFC 9112 section 7.1). Knows no heads and no sockets.

use memchr::memmem;

use crate::malformed::{BODY_BYTES_MAX, Malformed};

/// Longest line of a chunk's size or of a trailer.
const LINE_BYTES_MAX: usize = 1024;

/// Reads the body at the start of `bytes` into `body`, and returns how many bytes it takes there; `None` if more must come first.
pub(crate) fn read(bytes: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>, Malformed> {
    // Whether all is there comes first, so that a body is copied once however it arrives.
    let Some(used) = walk(bytes, |_| ())? else {
        return Ok(None);
    };
    body.clear();
    walk(bytes, |data| body.extend_from_slice(data))?;
    Ok(Some(used))
}

fn walk(bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<Option<usize>, Malformed> {
    let (mut at, mut total) = (0, 0);
    loop {
        let Some(line) = line(&bytes[at..])? else {
            return Ok(None);
        };
        at += line.len() + 2;
        let size = size(line).ok_or(Malformed::Chunk)?;
        total += size;
        if total > BODY_BYTES_MAX {
            return Err(Malformed::Chunk);
        }
        if size == 0 {
            break;
        }
        let Some(data) = bytes.get(at..at + size) else {
            return Ok(None);
        };
        take(data);
        at += size;
        match bytes.get(at..at + 2) {
            Some(b"\r\n") => at += 2,
            Some(_) => return Err(Malformed::Chunk),
            None => return Ok(None),
        }
    }
    // Trailers, and an empty line.
    loop {
        let Some(line) = line(&bytes[at..])? else {
            return Ok(None);
        };
        at += line.len() + 2;
        if line.is_empty() {
            return Ok(Some(at));
        }
    }
}

/// Without its end.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let part = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    match memmem::find(part, b"\r\n") {
        Some(end) => Ok(Some(&part[..end])),
        None if part.len() == LINE_BYTES_MAX => Err(Malformed::Chunk),
        None => Ok(None),
    }
}

fn size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii_end();
    // No more of them than a body may have, so that nothing overflows.
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIKI: &[u8] = b"4\r\nWiki\r\n7;a=b\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\nx: y\r\n\r\n";

    fn decoded(bytes: &[u8]) -> Result<Option<(usize, Vec<u8>)>, Malformed> {
        let mut body = b"before".to_vec();
        Ok(read(bytes, &mut body)?.map(|used| (used, body)))
    }

    #[test]
    fn a_body_is_whole_with_the_empty_line_after_its_last_chunk() {
        for length in 0..WIKI.len() {
            assert_eq!(decoded(&WIKI[..length]), Ok(None), "after {length} bytes");
        }
        let whole = (WIKI.len(), b"Wikipedia in \r\nchunks.".to_vec());
        assert_eq!(decoded(WIKI), Ok(Some(whole.clone())));
        assert_eq!(decoded(&[WIKI, b"HTTP/1.1"].concat()), Ok(Some(whole)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in [
            "\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            "g\r\n",
            "1\r\nabc",
            "1000001\r\n",
            "fffffffff\r\n",
            "800000\r\n",
        ] {
            let mut bytes = text.as_bytes().to_vec();
            if text.starts_with("800000") {
                bytes.resize(bytes.len() + 0x80_0000, b'x');
                bytes.extend_from_slice(b"\r\n800001\r\n");
            }
            assert_eq!(decoded(&bytes), Err(Malformed::Chunk), "{text}");
        }
        assert_eq!(decoded(&[b'1'; LINE_BYTES_MAX]), Err(Malformed::Chunk));
    }
}
