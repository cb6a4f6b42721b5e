//! The values of a query as Python's `urllib.parse.parse_qsl(text, keep_blank_values=True)` reads them, where that is sure
//! without calling it. Knows no Python.

use std::borrow::Cow;

use crate::requests::request_text::{decode_query_text, query_pairs};

/// Only Python knows what this query says: it has bytes beyond ASCII, or escapes that are no UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd;

/// Calls `each` with the values of the pairs with this name, in order.
pub(super) fn each_value<'q>(
    query: &'q [u8],
    name: &str,
    mut each: impl FnMut(Cow<'q, [u8]>),
) -> Result<(), Odd> {
    if !query.is_ascii() {
        return Err(Odd);
    }
    for (own, value) in query_pairs(query) {
        let own = text_of(own)?;
        if *own == *name.as_bytes() {
            each(text_of(value)?);
        }
    }
    Ok(())
}

/// Decoded, and UTF-8.
fn text_of(raw: &[u8]) -> Result<Cow<'_, [u8]>, Odd> {
    let text = decode_query_text(raw);
    if let Cow::Owned(text) = &text
        && std::str::from_utf8(text).is_err()
    {
        return Err(Odd);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(query: &str, name: &str) -> Result<Vec<String>, Odd> {
        let mut values = Vec::new();
        each_value(query.as_bytes(), name, |value| {
            values.push(String::from_utf8(value.into_owned()).unwrap());
        })?;
        Ok(values)
    }

    #[test]
    fn values_are_those_of_all_pairs_with_the_name() {
        for (query, name, expected) in [
            ("", "a", &[][..]),
            ("a=1&b=2&a=3", "a", &["1", "3"]),
            ("a&&a=&=x&", "a", &["", ""]),
            ("=x", "", &["x"]),
            ("%61=1+2&a=%2B%26", "a", &["1 2", "+&"]),
            ("a=b=c;a=d", "a", &["b=c;a=d"]),
            ("%C3%A4=%e2%82%AC&a%=%zz", "ä", &["€"]),
            ("a%=%zz", "a%", &["%zz"]),
        ] {
            let expected: Vec<_> = expected.iter().map(|text| String::from(*text)).collect();
            assert_eq!(values(query, name), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_is_not_sure_is_left_to_python() {
        assert_eq!(values("a=%ff", "a"), Err(Odd));
        assert_eq!(values("%ff=1&a=1", "a"), Err(Odd));
        assert_eq!(values("a=ä", "b"), Err(Odd));
        assert_eq!(values("b=%ff&a=1", "a"), Ok(vec![String::from("1")]));
    }
}
