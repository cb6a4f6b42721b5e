//! The grammar of `Forwarded` (RFC 7239 section 4): elements between commas, each with pairs between semicolons, whose
//! values may be quoted. Knows no hops.

use crate::head_index::Span;
use crate::limits::FORWARDED_HOPS_MAX as HOPS_MAX;
use crate::syntax::{is_tchar, is_token, trim_ows};

/// The last elements of one line, at most [`HOPS_MAX`] of them.
pub(super) struct Elements<'h> {
    line: &'h [u8],
    /// Where elements lie; the newest replaces the oldest.
    spans: [Span; HOPS_MAX],
    found: usize,
}

/// A line that breaks the grammar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What one element says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'h> {
    pub(super) node: Option<&'h [u8]>,
    pub(super) host: Option<&'h [u8]>,
    pub(super) proto: Option<&'h [u8]>,
}

impl<'h> Elements<'h> {
    /// Takes a line apart from its start, the only end from which it can be told what is quoted.
    pub(super) fn of(line: &'h [u8]) -> Result<Elements<'h>, Malformed> {
        let mut elements = Elements {
            line,
            spans: [Span::default(); HOPS_MAX],
            found: 0,
        };
        let mut rest = line;
        loop {
            let length = outside_quotes(rest, b',')?;
            let element = trim_ows(&rest[..length]);
            if !element.is_empty() {
                elements.spans[elements.found % HOPS_MAX] = Span::of(element, line);
                elements.found += 1;
            }
            match rest.get(length + 1..) {
                Some(after) => rest = after,
                None => return Ok(elements),
            }
        }
    }

    /// From the last to the first.
    pub(super) fn last_first(&self) -> impl Iterator<Item = Result<Element<'h>, Malformed>> {
        let first = self.found.saturating_sub(HOPS_MAX);
        let spans = (first..self.found)
            .rev()
            .map(|at| self.spans[at % HOPS_MAX]);
        spans.map(|span| element(span.of_head(self.line)))
    }
}

/// The pairs of one element. Parameters that are not known are skipped; a known one that comes twice is malformed.
fn element(text: &[u8]) -> Result<Element<'_>, Malformed> {
    let mut element = Element::default();
    let mut rest = text;
    loop {
        let length = outside_quotes(rest, b';')?;
        let pair = trim_ows(&rest[..length]);
        if !pair.is_empty() {
            let (name, value) = pair_of(pair)?;
            let known = match name.len() {
                3 if name.eq_ignore_ascii_case(b"for") => Some(&mut element.node),
                4 if name.eq_ignore_ascii_case(b"host") => Some(&mut element.host),
                5 if name.eq_ignore_ascii_case(b"proto") => Some(&mut element.proto),
                _ => None,
            };
            if let Some(place) = known
                && place.replace(value).is_some()
            {
                return Err(Malformed);
            }
        }
        match rest.get(length + 1..) {
            Some(after) => rest = after,
            None => return Ok(element),
        }
    }
}

/// Name and value of `token=value`. A quoted value comes without its quotes, and with the backslashes that are in it:
/// nothing that we read from here needs any.
fn pair_of(pair: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let equals = memchr::memchr(b'=', pair).ok_or(Malformed)?;
    let (name, value) = (&pair[..equals], &pair[equals + 1..]);
    if !is_token(name) {
        return Err(Malformed);
    }
    match value {
        [b'"', quoted @ .., b'"'] => Ok((name, quoted)),
        // Ports and brackets ought to be quoted; proxies that forget it are understood.
        _ if value.iter().all(|&byte| is_bare(byte)) => Ok((name, value)),
        _ => Err(Malformed),
    }
}

fn is_bare(byte: u8) -> bool {
    is_tchar(byte) || matches!(byte, b':' | b'[' | b']')
}

/// Bytes before `separator`, or all, if none stands outside of quotes. A quoted string may begin after `=` only, and
/// has to end.
fn outside_quotes(text: &[u8], separator: u8) -> Result<usize, Malformed> {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(separator, b'"', &text[at..]) {
        at += found;
        if text[at] == separator {
            return Ok(at);
        }
        if at == 0 || text[at - 1] != b'=' {
            return Err(Malformed);
        }
        at = quote_end(text, at + 1).ok_or(Malformed)?;
    }
    Ok(text.len())
}

/// What follows the quote that ends the string which begins at `at`.
fn quote_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        match text[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<Element<'_>>, Malformed> {
        Elements::of(line.as_bytes())?.last_first().collect()
    }

    fn only_for(node: &str) -> Element<'_> {
        Element {
            node: Some(node.as_bytes()),
            ..Element::default()
        }
    }

    #[test]
    fn elements_come_from_the_right_with_their_pairs() {
        let elements =
            read("for=192.0.2.43, For=\"[2001:db8::17]:4711\";proto=HTTPS ; by=_x;host=a.b")
                .unwrap();
        assert_eq!(
            elements,
            [
                Element {
                    node: Some(b"[2001:db8::17]:4711"),
                    host: Some(b"a.b"),
                    proto: Some(b"HTTPS"),
                },
                only_for("192.0.2.43"),
            ]
        );
    }

    #[test]
    fn commas_and_semicolons_in_quotes_separate_nothing() {
        let elements = read(r#"for="a,b;c\",d", x="for=y";for=z"#).unwrap();
        assert_eq!(elements, [only_for("z"), only_for(r#"a,b;c\",d"#)]);
    }

    #[test]
    fn empty_parts_are_skipped() {
        assert_eq!(
            read(" , ;, for=a;; ,").unwrap(),
            [only_for("a"), Element::default()]
        );
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn broken_grammar_is_told() {
        for line in [
            "for=\"",
            "for=\"a, for=b",
            "for=\"a\\",
            "for=\"a\\\"",
            "for=a\"b\"",
            "\"for=a\"",
            "for=\"a\"b",
            "for",
            "=a",
            "fo r=a",
            "for=a b",
            "for=a;for=b",
            "for =a",
        ] {
            assert_eq!(read(line), Err(Malformed), "{line}");
        }
    }

    #[test]
    fn of_a_long_line_the_last_elements_are_kept() {
        let line: Vec<_> = (0..1000).map(|number| format!("for=_{number}")).collect();
        let line = line.join(",");
        let elements = read(&line).unwrap();
        assert_eq!(elements.len(), HOPS_MAX);
        assert_eq!(elements[0], only_for("_999"));
        assert_eq!(elements[HOPS_MAX - 1], only_for("_936"));
    }
}
