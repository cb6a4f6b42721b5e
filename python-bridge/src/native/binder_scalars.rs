//! Reads the usual spellings of numbers and booleans straight from bytes. Knows no Python: other spellings (`+5`,
//! ` 5 `, `1_000`, `5.0`, `YES`, or plainly wrong ones) are left to the Python reader, which knows all the rules.

/// Most digits that are read here: any number with so many fits.
const DIGITS_MAX: usize = 18;

/// `-?[0-9]{1,18}`
#[inline]
pub(super) fn plain_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let mut value = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

/// `-?[0-9]+(\.[0-9]+)?` of at most 32 bytes.
pub(super) fn plain_float(text: &[u8]) -> Option<f64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if text.len() > 32 || !is_number(parts.next()?) || !parts.next().is_none_or(is_number) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `true`, `false`, `1` and `0`
pub(super) fn plain_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"1" => Some(true),
        b"false" | b"0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_ints_are_read() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("-7", -7),
            ("007", 7),
            ("-0", 0),
            ("123456", 123_456),
        ] {
            assert_eq!(plain_int(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(
            plain_int(b"999999999999999999"),
            Some(999_999_999_999_999_999)
        );
        assert_eq!(
            plain_int(b"-999999999999999999"),
            Some(-999_999_999_999_999_999)
        );
    }

    #[test]
    fn other_ints_are_left_to_python() {
        for text in [
            "",
            "-",
            "+5",
            " 5",
            "5 ",
            "1_000",
            "5.0",
            "a",
            "--5",
            "9223372036854775808",
            "\u{663}",
            "1:",
            "/",
        ] {
            assert_eq!(plain_int(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn usual_floats_are_read_and_others_left() {
        for (text, value) in [
            ("0", 0.0),
            ("1.5", 1.5),
            ("-2.25", -2.25),
            ("10", 10.0),
            ("0.1", 0.1),
        ] {
            assert_eq!(plain_float(text.as_bytes()), Some(value), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-",
            "-.5",
            "1e3",
            "inf",
            "nan",
            "+1",
            "1.5.2",
            " 1",
            &"1".repeat(33),
        ] {
            assert_eq!(plain_float(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn usual_booleans_are_read() {
        assert_eq!(plain_bool(b"true"), Some(true));
        assert_eq!(plain_bool(b"0"), Some(false));
        assert_eq!(plain_bool(b"True"), None);
        assert_eq!(plain_bool(b""), None);
    }
}
