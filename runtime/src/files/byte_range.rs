//! Which bytes of a file a `Range` asks for (RFC 9110 section 14). Knows no files and no other field.

use std::ops::Range;

/// What a `Range` means for a file of some length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: there is no range, or none that is followed.
    Whole,
    /// These bytes; never empty.
    Part(Range<u64>),
    /// Bytes that the file does not have.
    Unsatisfiable,
}

/// Reads the value of a `Range`. One range is followed. A list of several is answered with the whole file, as RFC 9110 section
/// 14.2 allows: few clients send one, many parts cost more than they save, and overlapping ones are an attack.
pub(super) fn wanted(value: &[u8], length: u64) -> Wanted {
    let Some(spec) = single_spec(value) else {
        return Wanted::Whole;
    };
    let Some(dash) = spec.iter().position(|&byte| byte == b'-') else {
        return Wanted::Whole;
    };
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    match (position(first), position(last)) {
        // The last so many bytes.
        (None, Some(count)) if first.is_empty() => part(length.saturating_sub(count), length),
        (Some(first), None) if last.is_empty() => part(first, length),
        (Some(first), Some(last)) if first <= last => {
            part(first, length.min(last.saturating_add(1)))
        }
        _ => Wanted::Whole,
    }
}

fn single_spec(value: &[u8]) -> Option<&[u8]> {
    let (unit, specs) = value.split_at_checked(b"bytes=".len())?;
    let is_single = unit.eq_ignore_ascii_case(b"bytes=") && !specs.contains(&b',');
    is_single.then(|| specs.trim_ascii())
}

/// 1*DIGIT; what is too large for a length is larger than any file.
fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

fn part(first: u64, end: u64) -> Wanted {
    match first < end {
        true => Wanted::Part(first..end),
        false => Wanted::Unsatisfiable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_followed() {
        for (value, first, end) in [
            ("bytes=0-0", 0, 1),
            ("bytes=0-99", 0, 100),
            ("bytes=0-1000", 0, 100),
            ("Bytes=10-19", 10, 20),
            ("bytes=99-", 99, 100),
            ("bytes=-1", 99, 100),
            ("bytes=-1000", 0, 100),
            ("bytes= 5-9 ", 5, 10),
            ("bytes=5-99999999999999999999999", 5, 100),
        ] {
            assert_eq!(
                wanted(value.as_bytes(), 100),
                Wanted::Part(first..end),
                "{value}"
            );
        }
    }

    #[test]
    fn bytes_beyond_the_end_are_unsatisfiable() {
        for value in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(
                wanted(value.as_bytes(), 100),
                Wanted::Unsatisfiable,
                "{value}"
            );
        }
        assert_eq!(wanted(b"bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(wanted(b"bytes=-5", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=1",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=--1",
            "bytes=0-1,5-6",
            "bytes=0-1,",
            "items=0-5",
            "bytes = 0-5",
            "bytes=0 - 5",
        ] {
            assert_eq!(wanted(value.as_bytes(), 100), Wanted::Whole, "{value}");
        }
    }

    #[test]
    fn no_value_makes_a_part_outside_of_the_file() {
        let pieces = ["bytes=", "0", "9", "-", ",", " ", "18446744073709551615"];
        for seed in 0..100_000_usize {
            let mut value = "bytes=".to_owned();
            let mut left = seed;
            while left > 0 {
                value.push_str(pieces[left % pieces.len()]);
                left /= pieces.len();
            }
            for length in [0, 1, 10] {
                if let Wanted::Part(part) = wanted(value.as_bytes(), length) {
                    assert!(part.start < part.end && part.end <= length, "{value}");
                }
            }
        }
    }
}
