//! Finds what a query and a Cookie field say, and undoes their escapes. Knows no Python.

use std::borrow::Cow;

/// The pairs of a query, as they were sent. A name without `=` has an empty value.
pub(crate) fn query_pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &b""[..]),
        })
}

/// The raw values of the pairs with this name, which is given as text.
pub(crate) fn query_values<'q>(query: &'q [u8], name: &str) -> impl Iterator<Item = &'q [u8]> {
    query_pairs(query)
        .filter(move |(own, _)| is_name(own, name.as_bytes()))
        .map(|(_, value)| value)
}

fn is_name(raw: &[u8], name: &[u8]) -> bool {
    raw == name || (needs_decoding(raw) && *decode_query_text(raw) == *name)
}

fn needs_decoding(raw: &[u8]) -> bool {
    raw.iter().any(|byte| matches!(byte, b'%' | b'+'))
}

/// `+` is a space and `%41` an `A`; broken escapes stand for themselves. Text that needs no decoding is returned as it
/// is.
pub(crate) fn decode_query_text(raw: &[u8]) -> Cow<'_, [u8]> {
    if !needs_decoding(raw) {
        return Cow::Borrowed(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    decode_into(raw, true, &mut text);
    Cow::Owned(text)
}

/// As [`decode_query_text`], but `+` is a plus, as it is in paths.
pub(crate) fn decode_path_text(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    decode_into(raw, false, &mut text);
    text
}

/// As [`decode_query_text`], into a buffer that the caller keeps.
pub(crate) fn decode_query_into(raw: &[u8], text: &mut Vec<u8>) {
    decode_into(raw, true, text);
}

fn decode_into(raw: &[u8], plus_is_space: bool, text: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) if plus_is_space => text.push(b' '),
            (b'%', &[high, low, ..]) => match (hex_digit(high), hex_digit(low)) {
                (Some(high), Some(low)) => {
                    text.push(high << 4 | low);
                    rest = &after[2..];
                }
                _ => text.push(b'%'),
            },
            (byte, _) => text.push(byte),
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// The cookies of one Cookie field, values unquoted. One without `=` is a value without name, as browsers have it.
pub(crate) fn cookie_pairs(field: &[u8]) -> impl Iterator<Item = (&[u8], Cow<'_, [u8]>)> {
    field
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (
                pair[..at].trim_ascii(),
                unquoted(pair[at + 1..].trim_ascii()),
            ),
            None => (&b""[..], unquoted(pair)),
        })
}

/// Undoes the quotes in which Python's `http.cookies` writes unusual values: `"a\"b\073c"` is `a"b;c`.
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = value else {
        return Cow::Borrowed(value);
    };
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'\\', &[a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                text.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = &after[3..];
            }
            (b'\\', &[escaped, ..]) => {
                text.push(escaped);
                rest = &after[1..];
            }
            (byte, _) => text.push(byte),
        }
    }
    Cow::Owned(text)
}

/// What of a path lies below the app's own; all of it where it does not lie there.
pub(crate) fn below<'p>(script_name: &[u8], path: &'p [u8]) -> &'p [u8] {
    match path.strip_prefix(script_name) {
        Some(rest) if matches!(rest.first(), None | Some(b'/')) => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(query: &str, name: &str) -> Option<String> {
        query_values(query.as_bytes(), name)
            .last()
            .map(|raw| decode_query_text(raw).escape_ascii().to_string())
    }

    #[test]
    fn values_are_found_by_decoded_names() {
        assert_eq!(last("a=1&b=2&a=3", "a").as_deref(), Some("3"));
        assert_eq!(last("%61=1&c+d=2", "a").as_deref(), Some("1"));
        assert_eq!(last("%61=1&c+d=2", "c d").as_deref(), Some("2"));
        assert_eq!(last("a=1", "b"), None);
        assert_eq!(last("", ""), None);
        assert_eq!(last("&&a&&", "a").as_deref(), Some(""));
        assert_eq!(last("a=b=c", "a").as_deref(), Some("b=c"));
        assert_eq!(last("a=", "a").as_deref(), Some(""));
        assert_eq!(last("=x", "").as_deref(), Some("x"));
    }

    #[test]
    fn escapes_are_undone_once_and_broken_ones_stay() {
        for (raw, text) in [
            ("a+b", "a b"),
            ("%2B", "+"),
            ("%252B", "%2B"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%%41", "%A"),
            ("%c0%AF", "\\xc0\\xaf"),
            ("%00", "\\x00"),
        ] {
            assert_eq!(
                decode_query_text(raw.as_bytes()).escape_ascii().to_string(),
                text,
                "{raw}"
            );
        }
    }

    #[test]
    fn cookies_are_unquoted() {
        let field = br#" a=1; b = "x y";c="q\"\073\\z"; d="; =e;f;; g="unended"#;
        let found: Vec<String> = cookie_pairs(field)
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        assert_eq!(
            found,
            [
                "a=1",
                "b=x y",
                r#"c=q\";\\z"#,
                r#"d=\""#,
                "=e",
                "=f",
                r#"g=\"unended"#
            ]
        );
        let odd = cookie_pairs(br#"h="\9\"#)
            .next()
            .map(|(_, value)| value.into_owned());
        assert_eq!(odd.as_deref(), Some(&br#""\9\"#[..]));
        assert_eq!(&*unquoted(br#""\9\3""#), b"93");
    }
}
