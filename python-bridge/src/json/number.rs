//! Writes numbers as Python's `json.dumps` writes them. Pure: knows nothing of Python objects.
//!
//! The digits of a float are the shortest that read back as the same float; several such texts exist (`1e-05`,
//! `0.00001`), and we write the one of Python's `repr`: an answer does not depend on which encoder made its JSON.

/// Appends the decimal digits of an integer.
pub(super) fn push_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a finite float. JSON has no text for the others: the caller has refused them.
pub(super) fn push_finite_float(out: &mut Vec<u8>, value: f64) {
    debug_assert!(value.is_finite());
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    // zmij and Python both write 1e-4 <= |x| < 1e16 without an exponent and agree above; below they differ.
    if value.abs() >= 1e-4 || value == 0.0 {
        out.extend_from_slice(text);
    } else {
        push_tiny(out, text);
    }
}

/// Rewrites the text of a float below 1e-4: Python always gives it an exponent of at least two digits.
#[cold]
fn push_tiny(out: &mut Vec<u8>, text: &[u8]) {
    let (sign, digits) = text.split_at(usize::from(text.starts_with(b"-")));
    out.extend_from_slice(sign);
    if let Some(significant) = digits.strip_prefix(b"0.0000") {
        // 0.0000123 -> 1.23e-05
        let (first, rest) = significant.split_at(1);
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.extend_from_slice(b"e-05");
    } else if let [mantissa @ .., b'e', b'-', exponent] = digits {
        // 1.23e-6 -> 1.23e-06
        out.extend_from_slice(mantissa);
        out.extend_from_slice(&[b'e', b'-', b'0', *exponent]);
    } else {
        out.extend_from_slice(digits);
    }
}

#[cfg(test)]
mod tests {
    use super::{push_finite_float, push_integer};

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        push_finite_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_read_as_python_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (123_456_789.0, "123456789.0"),
            (1e15, "1000000000000000.0"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e22, "1e+22"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (-0.000_123_4, "-0.0001234"),
            (0.000_099_9, "9.99e-05"),
            (0.000_01, "1e-05"),
            (-0.000_012_34, "-1.234e-05"),
            (0.000_001, "1e-06"),
            (-1.25e-7, "-1.25e-07"),
            (1e-9, "1e-09"),
            (1e-10, "1e-10"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn every_power_of_ten_has_pythons_form_and_reads_back() {
        for exponent in -323..=308 {
            for digits in ["1", "1.75", "-1.5"] {
                let value: f64 = format!("{digits}e{exponent}").parse().unwrap();
                let text = float(value);
                assert_eq!(text.parse::<f64>().unwrap(), value, "{text}");
                let plain = (1e-4..1e16).contains(&value.abs());
                assert_eq!(!plain, text.contains('e'), "{text}");
                if let Some((_, exponent)) = text.split_once('e') {
                    assert!(
                        exponent.starts_with(['+', '-']) && exponent.len() >= 3,
                        "{text}"
                    );
                } else {
                    assert!(text.contains('.'), "{text}");
                }
            }
        }
    }

    #[test]
    fn integers_reach_both_ends() {
        for value in [0, 7, -1, 1 << 30, i64::MAX, i64::MIN] {
            let mut out = b"[".to_vec();
            push_integer(&mut out, value);
            assert_eq!(out, format!("[{value}").into_bytes());
        }
    }
}
