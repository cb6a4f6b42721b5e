//! The character classes of HTTP that several files share. Knows no messages.

/// Letters, digits and `symbols`, one entry per byte.
pub(crate) const fn alphanumeric_and(symbols: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < symbols.len() {
        table[symbols[i] as usize] = true;
        i += 1;
    }
    table
}

/// `tchar` of RFC 9110 section 5.6.2.
static TCHAR: [bool; 256] = alphanumeric_and(b"!#$%&'*+-.^_`|~");

/// `byte` may stand in a token.
#[inline]
pub(crate) fn is_tchar(byte: u8) -> bool {
    TCHAR[byte as usize]
}

/// `bytes` is a token: at least one `tchar` and nothing else.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// `bytes` may stand in a field value: HTAB, SP, VCHAR and obs-text (RFC 9110 section 5.5).
///
/// Without a branch per byte, so that the compiler can check many bytes at once.
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    !bytes
        .iter()
        .fold(false, |bad, &byte| bad | is_forbidden_in_value(byte))
}

/// A control byte other than HTAB.
#[inline]
pub(crate) fn is_forbidden_in_value(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// `bytes` without optional white space (SP, HTAB) at either end (RFC 9110 section 5.6.3). Unlike
/// `trim_ascii` it leaves CR and LF in place, to be found by [`is_field_value`].
pub(crate) fn trim_ows(bytes: &[u8]) -> &[u8] {
    let is_ows = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(first) = bytes.iter().position(|byte| !is_ows(byte)) else {
        return &[];
    };
    let last = bytes
        .iter()
        .rposition(|byte| !is_ows(byte))
        .unwrap_or(first);
    &bytes[first..=last]
}

/// The value of 1*DIGIT, if `bytes` is that and fits 64 bits (RFC 9110 section 8.6).
pub(crate) fn parse_digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |value, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// `bytes` begin with `signature`, or may still come to.
pub(crate) fn is_start_of(signature: &[u8], bytes: &[u8]) -> bool {
    let common = signature.len().min(bytes.len());
    signature[..common] == bytes[..common]
}

/// The elements of a comma-separated list, without white space and without empty ones (RFC 9110 section 5.6.1).
pub(crate) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(trim_ows)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_hold_no_separators() {
        assert!(is_token(b"x-Request_1.~"));
        for bad in [&b""[..], b"a b", b"a:", b"a\0", b"\xe9", b"a(b", b"\"a\""] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }

    #[test]
    fn values_hold_obs_text_and_tabs_but_no_controls() {
        assert!(is_field_value(b""));
        assert!(is_field_value(b"a\tb \x80\xff"));
        for byte in (0..=0x1f).chain([0x7f]).filter(|&byte| byte != b'\t') {
            assert!(!is_field_value(&[b'a', byte, b'b']), "{byte:#x}");
        }
    }

    #[test]
    fn white_space_is_trimmed_but_line_ends_are_not() {
        assert_eq!(trim_ows(b" \ta b\t "), b"a b");
        assert_eq!(trim_ows(b" \t"), b"");
        assert_eq!(trim_ows(b"a\r\n"), b"a\r\n");
    }

    #[test]
    fn digits_are_digits_and_fit_64_bits() {
        assert_eq!(parse_digits(b"0"), Some(0));
        assert_eq!(parse_digits(b"007"), Some(7));
        assert_eq!(parse_digits(b"18446744073709551615"), Some(u64::MAX));
        for bad in [
            &b""[..],
            b"+5",
            b"-1",
            b"0x5",
            b"5_0",
            b"5 5",
            b"5,5",
            b"5.0",
            b"\xd9\xa3",
            b"18446744073709551616",
            b"99999999999999999999",
        ] {
            assert_eq!(parse_digits(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn list_elements_are_trimmed_and_empty_ones_skipped() {
        let elements: Vec<_> = list_elements(b" a ,, b\t,").collect();
        assert_eq!(elements, [&b"a"[..], b"b"]);
    }
}
