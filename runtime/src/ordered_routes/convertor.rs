//! Which texts a parameter of one segment takes: as the regular expressions of Starlette's convertors do. Plain values.

/// Digits that Python's `int()` surely reads: `sys.set_int_max_str_digits` can be set no lower.
const DIGITS_SURE: usize = 640;

/// The kind of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Convertor {
    /// `[^/]+`
    Str,
    /// `[0-9]+`
    Int,
    /// `[0-9]+(\.[0-9]+)?`
    Float,
    /// Hexadecimal digits in groups of 8, 4, 4, 4 and 12, a hyphen between any two of them or not.
    Uuid,
}

/// Whether a text is one of a parameter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// It matches, and its conversion may fail.
    Unsure,
}

impl Convertor {
    /// All kinds.
    pub const ALL: [Convertor; 4] = [
        Convertor::Str,
        Convertor::Int,
        Convertor::Float,
        Convertor::Uuid,
    ];

    /// Whether a segment matches, which has no slash in it.
    pub(super) fn fit(self, segment: &str) -> Fit {
        let matches = match self {
            Convertor::Str => !segment.is_empty(),
            Convertor::Int if segment.len() > DIGITS_SURE && are_digits(segment) => {
                return Fit::Unsure;
            }
            Convertor::Int => are_digits(segment),
            Convertor::Float => match segment.split_once('.') {
                Some((whole, fraction)) => are_digits(whole) && are_digits(fraction),
                None => are_digits(segment),
            },
            Convertor::Uuid => is_uuid(segment.as_bytes()),
        };
        if matches { Fit::Yes } else { Fit::No }
    }
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uuid(text: &[u8]) -> bool {
    let mut left = text;
    for (group, digits) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 {
            left = left.strip_prefix(b"-").unwrap_or(left);
        }
        match left.split_at_checked(digits) {
            Some((own, rest)) if own.iter().all(u8::is_ascii_hexdigit) => left = rest,
            _ => return false,
        }
    }
    left.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(convertor: Convertor, segment: &str) -> bool {
        convertor.fit(segment) == Fit::Yes
    }

    #[test]
    fn a_convertor_takes_what_its_regular_expression_does() {
        for (convertor, taken, refused) in [
            (Convertor::Str, &["a", " ", "0", "ä"][..], &[""][..]),
            (
                Convertor::Int,
                &["0", "007", "12345678901234567890"],
                &["", "-1", "+1", "1.0", "1_0", " 1", "٣", "1e3"],
            ),
            (
                Convertor::Float,
                &["0", "1.5", "00.50"],
                &["", ".5", "5.", "1.5.2", "-1.5", "1e5", "nan", "1,5", "1.٣"],
            ),
            (
                Convertor::Uuid,
                &[
                    "123e4567-e89b-12d3-a456-426614174000",
                    "123E4567E89B12D3A456426614174000",
                    "123e4567e89b-12d3a456-426614174000",
                ],
                &[
                    "",
                    "123e4567-e89b-12d3-a456-42661417400",
                    "123e4567-e89b-12d3-a456-4266141740000",
                    "123e4567--e89b-12d3-a456-426614174000",
                    "{123e4567-e89b-12d3-a456-426614174000}",
                    "g23e4567-e89b-12d3-a456-426614174000",
                ],
            ),
        ] {
            for text in taken {
                assert!(fits(convertor, text), "{convertor:?} {text:?}");
            }
            for text in refused {
                assert!(!fits(convertor, text), "{convertor:?} {text:?}");
            }
        }
    }

    #[test]
    fn more_digits_than_python_may_read_are_no_sure_match() {
        let digits = "1".repeat(DIGITS_SURE + 1);
        assert_eq!(Convertor::Int.fit(&digits), Fit::Unsure);
        assert_eq!(Convertor::Int.fit(&digits[1..]), Fit::Yes);
        assert_eq!(Convertor::Float.fit(&digits), Fit::Yes);
        assert_eq!(Convertor::Int.fit(&format!("{digits}x")), Fit::No);
    }
}
