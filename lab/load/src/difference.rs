//! Says in words how an answer differs from the right one. Does not know where either comes from.

/// Bytes shown before and after the first difference.
const SHOWN_BEFORE: usize = 40;
const SHOWN_AFTER: usize = 80;

/// The first difference between two bodies, with some of each around it; `None` if they are the same.
pub fn first_difference(expected: &[u8], found: &[u8]) -> Option<String> {
    let shared = expected
        .iter()
        .zip(found)
        .take_while(|(one, other)| one == other)
        .count();
    if shared == expected.len() && shared == found.len() {
        return None;
    }
    Some(format!(
        "bodies differ from byte {shared} on: expected {} ({} bytes), found {} ({} bytes)",
        excerpt(expected, shared),
        expected.len(),
        excerpt(found, shared),
        found.len(),
    ))
}

/// Some bytes around `at`, escaped and in quotes.
pub fn excerpt(bytes: &[u8], at: usize) -> String {
    let start = at.saturating_sub(SHOWN_BEFORE).min(bytes.len());
    let end = (at + SHOWN_AFTER).min(bytes.len());
    let before = if start > 0 { "…" } else { "" };
    let after = if end < bytes.len() { "…" } else { "" };
    format!("\"{before}{}{after}\"", bytes[start..end].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bodies_have_no_difference() {
        assert_eq!(first_difference(b"same", b"same"), None);
        assert_eq!(first_difference(b"", b""), None);
    }

    #[test]
    fn the_first_difference_is_named() {
        let text = first_difference(b"user 12", b"user 13").unwrap();
        assert!(text.starts_with("bodies differ from byte 6 on"), "{text}");
        assert!(
            text.contains("user 12") && text.contains("user 13"),
            "{text}"
        );
    }

    #[test]
    fn a_missing_end_is_a_difference() {
        assert!(
            first_difference(b"long", b"lo")
                .unwrap()
                .contains("from byte 2 on")
        );
        assert!(
            first_difference(b"", b"x")
                .unwrap()
                .contains("from byte 0 on")
        );
    }

    #[test]
    fn long_bodies_are_cut_around_the_difference() {
        let mut other = vec![b'x'; 10_000];
        let long = other.clone();
        other[5_000] = b'y';
        assert!(first_difference(&long, &other).unwrap().len() < 500);
    }
}
