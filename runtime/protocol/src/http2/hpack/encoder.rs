//! Writes fields as HPACK does (RFC 7541 section 6.2.2), from the lines that HTTP/1 would send.
//!
//! It keeps no table and writes no Huffman codes. So writing a field is a copy, streams know nothing of each other's
//! answers (no CRIME), an idle connection holds no table for us, and the same line is always the same bytes. A peer is told
//! once that our table has no room, and need not keep one either.

use super::integer;
use super::static_table::number_of_name;

/// Tells the peer that our table has no room (RFC 7541 section 4.2).
pub(crate) const NO_TABLE: u8 = 0x20;
/// The number of `:status` without a value that the table has.
const STATUS: u8 = 8;

/// Writes `:status`.
#[inline]
pub(crate) fn write_status(status: u16, output: &mut Vec<u8>) {
    let number = match status {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => {
            output.extend_from_slice(&[STATUS, 3]);
            output.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
            return;
        }
    };
    output.push(0x80 | number);
}

/// Writes whole lines, `name: value CRLF`, with their names in lower case (RFC 9113 section 8.2.1).
pub(crate) fn write_lines(lines: &[u8], output: &mut Vec<u8>) {
    let mut rest = lines;
    // No value holds a line end.
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        if let Some(colon) = memchr::memchr(b':', line) {
            write_field(
                &line[..colon],
                crate::syntax::trim_ows(&line[colon + 1..]),
                output,
            );
        }
    }
}

#[inline]
fn write_field(name: &[u8], value: &[u8], output: &mut Vec<u8>) {
    /// Longer than any name in the table.
    const KNOWN_BYTES_MAX: usize = 32;
    let mut lower = [0; KNOWN_BYTES_MAX];
    let number = match lower.get_mut(..name.len()) {
        Some(lower) => {
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            number_of_name(lower)
        }
        None => None,
    };
    match number {
        Some(number) => integer::write(number.into(), 0, 4, output),
        None => {
            output.push(0);
            integer::write(name.len(), 0, 7, output);
            let start = output.len();
            output.extend_from_slice(name);
            output[start..].make_ascii_lowercase();
        }
    }
    write_string(value, output);
}

#[inline]
fn write_string(text: &[u8], output: &mut Vec<u8>) {
    integer::write(text.len(), 0, 7, output);
    output.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::hpack::decoder::Decoder;

    fn read(block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Decoder::new()
            .decode(block, |name, value| fields.push((text(name), text(value))))
            .unwrap();
        fields
    }

    #[test]
    fn every_status_is_read_as_it_was_written() {
        for status in 100..=999 {
            let mut block = Vec::new();
            write_status(status, &mut block);
            assert_eq!(read(&block), [(":status".to_owned(), status.to_string())]);
        }
    }

    #[test]
    fn lines_become_fields_with_names_in_lower_case() {
        let long = "x".repeat(500);
        let lines = format!(
            "Content-Type: text/html\r\nX-{long}: {long}\r\nX-Empty: \r\nDATE: now\r\ncontent-length: 1234\r\n"
        );
        let mut block = Vec::new();
        write_lines(lines.as_bytes(), &mut block);
        let fields = read(&block);
        let expected = [
            ("content-type", "text/html"),
            (&format!("x-{long}"), &long),
            ("x-empty", ""),
            ("date", "now"),
            ("content-length", "1234"),
        ];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
