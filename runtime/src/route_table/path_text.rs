//! The text of a path: percent-decoded once, with escaped slashes kept apart from those between segments.

/// Stands for an escaped slash while routes are compared. No UTF-8 has this byte, so no template's text has.
pub(super) const SLASH_WITHIN: u8 = 0xFF;

/// Writes the path decoded, with `slash` for each escaped slash. Broken escapes (`%`, `%zz`) stand for themselves.
pub(super) fn decode(path: &[u8], slash: u8, text: &mut Vec<u8>) {
    text.clear();
    let mut left = path;
    while let Some((&first, after)) = left.split_first() {
        let (byte, after) = match after {
            [high, low, after @ ..] if first == b'%' => match escaped(*high, *low) {
                Some(b'/') => (slash, after),
                Some(byte) => (byte, after),
                None => (first, &left[1..]),
            },
            _ => (first, after),
        };
        text.push(byte);
        left = after;
    }
}

fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit = |character: u8| char::from(character).to_digit(16);
    Some((digit(high)? << 4 | digit(low)?) as u8)
}
