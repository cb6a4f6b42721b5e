//! UTF-8 that arrives in pieces, found wrong as soon as it is wrong (RFC 6455 section 8.1). Knows no frames.

/// Text whose first `checked` bytes are known to be whole characters.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Utf8Scan {
    checked: usize,
}

impl Utf8Scan {
    /// Looks at what was added to `text` since the last call. False as soon as no continuation could make it UTF-8; an
    /// unfinished character at the end is fine until `is_complete`.
    pub(super) fn accepts(&mut self, text: &[u8], is_complete: bool) -> bool {
        match std::str::from_utf8(&text[self.checked..]) {
            Ok(_) => {
                self.checked = text.len();
                true
            }
            Err(error) => {
                self.checked += error.valid_up_to();
                error.error_len().is_none() && !is_complete
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8Scan;

    /// The length at which dripping input was refused, if it was.
    fn refused_at(text: &[u8]) -> Option<usize> {
        let mut scan = Utf8Scan::default();
        (1..=text.len()).find(|&len| !scan.accepts(&text[..len], len == text.len()))
    }

    #[test]
    fn characters_may_be_cut_anywhere() {
        assert_eq!(refused_at("κόσμε \u{10ffff} x".as_bytes()), None);
        assert_eq!(refused_at(b""), None);
    }

    #[test]
    fn what_cannot_become_a_character_is_refused_at_once() {
        // Beyond U+10FFFF: the second byte gives it away.
        assert_eq!(refused_at(b"abc\xf4\x90\x80\x80"), Some(5));
        // A surrogate.
        assert_eq!(refused_at(b"\xed\xa0\x80"), Some(2));
        // Overlong.
        assert_eq!(refused_at(b"\xc0\xaf"), Some(1));
    }

    #[test]
    fn a_text_must_not_end_inside_a_character() {
        assert_eq!(refused_at("aé".as_bytes().split_last().unwrap().1), Some(2));
    }
}
