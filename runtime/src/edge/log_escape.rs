//! Text of peers made harmless: whatever its bytes, it neither ends a line nor a quoted text. Knows no format as a whole.

use std::io::Write as _;

/// For formats whose texts stand between quotes or blanks: what is not printable ASCII, quotes and backslashes become
/// `\xHH`, as with nginx. Blanks stay: a reader goes by the quotes.
pub(crate) fn push_printable(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'"' | b'\\' | 0..=0x1F | 0x7F..=0xFF => push_hex(byte, out),
            _ => out.push(byte),
        }
    }
}

/// As [`push_printable`], for texts that stand without quotes: blanks are escaped too.
pub(crate) fn push_word(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'!'..=b'~' if byte != b'"' && byte != b'\\' => out.push(byte),
            _ => push_hex(byte, out),
        }
    }
}

/// A string of JSON, with its quotes. UTF-8 stays readable; a byte that is none reads as `\xHH`.
pub fn push_json(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                _ if is_treacherous(character) => {
                    let _ = write!(out, "\\u{:04x}", u32::from(character));
                }
                _ => {
                    let mut bytes = [0; 4];
                    out.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
                }
            }
        }
        for &byte in chunk.invalid() {
            out.push(b'\\');
            push_hex(byte, out);
        }
    }
    out.push(b'"');
}

/// A value of logfmt: bare if it is plain, else as a string of JSON.
pub fn push_logfmt(text: &[u8], out: &mut Vec<u8>) {
    let is_plain = |&byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    match !text.is_empty() && text.iter().all(is_plain) {
        true => out.extend_from_slice(text),
        false => push_json(text, out),
    }
}

/// Ends a line or controls a terminal, somewhere; all of them are below U+FFFF.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
    out.extend_from_slice(&[b'\\', b'x', DIGITS[high], DIGITS[low]]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(push: fn(&[u8], &mut Vec<u8>), text: &[u8]) -> String {
        let mut out = Vec::new();
        push(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_that_could_end_something_are_escaped() {
        let hostile = b"a\r\n\"b\\ \x00\xff\x1b[2J";
        assert_eq!(
            escaped(push_printable, hostile),
            r"a\x0D\x0A\x22b\x5C \x00\xFF\x1B[2J"
        );
        assert_eq!(
            escaped(push_word, hostile),
            r"a\x0D\x0A\x22b\x5C\x20\x00\xFF\x1B[2J"
        );
        assert_eq!(
            escaped(push_json, hostile),
            r#""a\u000d\u000a\"b\\ \u0000\\xFF\u001b[2J""#
        );
    }

    #[test]
    fn utf8_stays_readable_in_json_and_line_separators_do_not() {
        assert_eq!(
            escaped(push_json, "é\u{2028}\u{85}\u{202e}".as_bytes()),
            r#""é\u2028\u0085\u202e""#
        );
    }

    #[test]
    fn a_plain_value_of_logfmt_is_bare() {
        assert_eq!(escaped(push_logfmt, b"/a?b"), "/a?b");
        assert_eq!(escaped(push_logfmt, b"/a?b=1"), "\"/a?b=1\"");
        assert_eq!(escaped(push_logfmt, b""), "\"\"");
        assert_eq!(escaped(push_logfmt, b"a b"), "\"a b\"");
    }
}
