//! Text with a number in it: `/users/{n}` and the body that must come back for it. Knows nothing of HTTP.

use memchr::memmem;

/// Where the number goes.
const PLACE: &[u8] = b"{n}";
/// Every byte once, as a filler.
pub const ALL_BYTES: [u8; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = byte as u8;
        byte += 1;
    }
    all
};
/// How often a text of a given size has the number in it.
const BLOCK_BYTES: usize = 64;

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

    /// A template whose text has `bytes` bytes for numbers with as many digits as `number`: every [`BLOCK_BYTES`] it
    /// has its position and the number, so that bytes that are lost, moved or of another request are noticed; `filler`
    /// is repeated in between.
    pub fn of_size(bytes: usize, number: u64, filler: &[u8]) -> Template {
        let digits = itoa::Buffer::new().format(number).len();
        let mut text = Vec::with_capacity(bytes);
        for start in (0..bytes).step_by(BLOCK_BYTES) {
            let mut room = BLOCK_BYTES.min(bytes - start);
            let label = format!("{start}:{{n}};");
            let label_bytes = label.len() - PLACE.len() + digits;
            if label_bytes <= room {
                text.extend_from_slice(label.as_bytes());
                room -= label_bytes;
            }
            text.extend(filler.iter().cycle().take(room));
        }
        Template::new(text)
    }

    /// Whether the number occurs in it at all.
    pub fn is_varying(&self) -> bool {
        self.parts.len() > 1
    }

    /// The text as it was given, with `{n}` for the number.
    pub fn pattern(&self) -> Vec<u8> {
        self.parts.join(PLACE)
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
        assert_eq!(Template::new(USER).pattern(), USER.as_bytes());
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
    fn a_text_of_a_size_has_it_and_tells_its_places_apart() {
        for bytes in [32, 64, 65, 100, 10_240] {
            let text = Template::of_size(bytes, 1234, b"abc").text(1234);
            assert_eq!(text.len(), bytes);
            assert!(
                text.starts_with(b"0:1234;abcabc"),
                "{}",
                text.escape_ascii()
            );
        }
        let template = Template::of_size(10_240, 1000, b"abc");
        let mut moved = template.text(1000);
        moved.rotate_left(BLOCK_BYTES);
        assert!(!template.matches(1000, &moved));
        assert!(!template.matches(1001, &template.text(1000)));
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
