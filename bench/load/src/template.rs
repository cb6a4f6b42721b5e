//! Text with a number in it: `/users/{n}` and the body that must come back for it. Knows nothing of HTTP.

use memchr::memmem;

/// Where the number goes.
const PLACE: &[u8] = b"{n}";

/// Bytes in which every `{n}` stands for the number of the request. All other braces are plain text, so JSON needs no
/// escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The plain parts; the number stands between each two of them. Never empty.
    parts: Vec<Vec<u8>>,
}

impl Template {
    /// Splits `text` at every `{n}`.
    pub fn new(text: impl AsRef<[u8]>) -> Template {
        let text = text.as_ref();
        let mut parts = Vec::new();
        let mut start = 0;
        for place in memmem::find_iter(text, PLACE) {
            parts.push(text[start..place].to_vec());
            start = place + PLACE.len();
        }
        parts.push(text[start..].to_vec());
        Template { parts }
    }

    /// Whether the number occurs in it at all.
    pub fn is_varying(&self) -> bool {
        self.parts.len() > 1
    }

    /// Length in bytes once `number` is filled in.
    pub fn length(&self, number: u64) -> usize {
        let digits = itoa::Buffer::new().format(number).len();
        self.parts.iter().map(Vec::len).sum::<usize>() + digits * (self.parts.len() - 1)
    }

    /// Appends the text for `number`.
    pub fn write(&self, number: u64, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        out.extend_from_slice(&self.parts[0]);
        for part in &self.parts[1..] {
            out.extend_from_slice(digits);
            out.extend_from_slice(part);
        }
    }

    /// The text for `number`.
    pub fn text(&self, number: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length(number));
        self.write(number, &mut out);
        out
    }

    /// Whether `found` is the text for `number`. Compares piece by piece and allocates nothing.
    pub fn matches(&self, number: u64, found: &[u8]) -> bool {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        let Some(mut rest) = found.strip_prefix(&self.parts[0][..]) else {
            return false;
        };
        for part in &self.parts[1..] {
            match rest
                .strip_prefix(digits)
                .and_then(|rest| rest.strip_prefix(&part[..]))
            {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = r#"{"user_id":{n},"name":"User {n}"}"#;

    #[test]
    fn the_number_stands_at_every_place() {
        assert_eq!(
            Template::new(USER).text(1234),
            br#"{"user_id":1234,"name":"User 1234"}"#
        );
        assert_eq!(Template::new("{n}{n}").text(7), b"77");
        assert_eq!(Template::new("").text(7), b"");
    }

    #[test]
    fn other_braces_are_plain_text() {
        let template = Template::new(r#"{"n":{m}}"#);
        assert!(!template.is_varying());
        assert_eq!(template.text(1), br#"{"n":{m}}"#);
    }

    #[test]
    fn the_length_is_that_of_the_text() {
        for number in [0, 9, 10, u64::MAX] {
            let template = Template::new(USER);
            assert_eq!(template.length(number), template.text(number).len());
        }
    }

    #[test]
    fn only_the_text_of_the_same_number_matches() {
        let template = Template::new(USER);
        let text = template.text(41);
        assert!(template.matches(41, &text));
        assert!(!template.matches(42, &text));
        assert!(!template.matches(4, &text));
        assert!(!template.matches(41, &text[..text.len() - 1]));
        assert!(!template.matches(41, &[&text[..], b" "].concat()));
        assert!(!template.matches(41, b""));
    }

    #[test]
    fn a_number_that_is_right_only_once_does_not_match() {
        assert!(!Template::new(USER).matches(41, br#"{"user_id":41,"name":"User 42"}"#));
    }
}
