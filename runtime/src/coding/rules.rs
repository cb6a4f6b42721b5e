//! Which answers are compressed, and what their header lines say then. Knows no bodies.

use turbo_shard_protocol::{HeaderLines, Misuse};

use crate::coding::accepted::Accepted;
use crate::coding::content_coding::ContentCoding;
use crate::coding::encoder::CompressionLevel;

/// What is taken among codings that a client likes the same: the cheapest first, as they cost time with every answer.
const ORDER: [ContentCoding; ContentCoding::ALL.len()] = [
    ContentCoding::Zstd,
    ContentCoding::Brotli,
    ContentCoding::Gzip,
];

/// What a person chooses about it.
#[derive(Clone, Debug)]
pub struct CompressionRules {
    /// Smallest body that is worth it; one whose length is not known beforehand always is.
    pub bytes_min: u64,
    /// Types whose bodies are compressed, in lower case: `application/json`, `text/*`, or `*+json` for all with that ending.
    pub types: Vec<String>,
    /// Time against size.
    pub level: CompressionLevel,
}

/// What becomes of an answer.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It goes out as it is.
    AsItIs,
    /// It goes out plain, with lines that say that others might get it compressed.
    Plain(HeaderLines),
    /// It is compressed; the lines say so, and no length.
    Coded(ContentCoding, HeaderLines),
}

impl CompressionRules {
    /// `length` is the body's, if it is known.
    pub(crate) fn decide(
        &self,
        accepted: Accepted,
        status: u16,
        lines: &HeaderLines,
        length: Option<u64>,
    ) -> Result<Decision, Misuse> {
        if matches!(status, 206 | 304) {
            return self.decide_of_other(accepted, status, lines);
        }
        if !self.suits(status, lines) || length.is_some_and(|length| length < self.bytes_min) {
            return Ok(Decision::AsItIs);
        }
        let mut lines = lines.clone();
        vary(&mut lines)?;
        let Some(coding) = accepted.choose(ORDER) else {
            return Ok(Decision::Plain(lines));
        };
        lines.forget_content_length();
        lines.push(b"content-encoding", coding.name().as_bytes())?;
        weaken_tag(&mut lines)?;
        // Parts of a compressed body are not offered: it is made again for each request.
        lines.set(b"accept-ranges", b"none")?;
        Ok(Decision::Coded(coding, lines))
    }

    /// Of an answer that stands for a 200, or for a part of one: it has no body to compress, and says what the 200 would say
    /// of itself (RFC 9110 sections 15.3.7 and 15.4.5).
    fn decide_of_other(
        &self,
        accepted: Accepted,
        status: u16,
        lines: &HeaderLines,
    ) -> Result<Decision, Misuse> {
        // A 304 need not tell the type.
        let has_type = lines.values(b"content-type").next().is_some();
        if !self.may_change(lines) || (has_type && !self.suits_by_type(lines)) {
            return Ok(Decision::AsItIs);
        }
        let mut lines = lines.clone();
        vary(&mut lines)?;
        // A part is one of the plain body, whose tag it has.
        if status == 304 && accepted.choose(ORDER).is_some() {
            weaken_tag(&mut lines)?;
        }
        Ok(Decision::Plain(lines))
    }

    /// Whether a body is one to compress, by what it is.
    fn suits(&self, status: u16, lines: &HeaderLines) -> bool {
        let is_part = lines.values(b"content-range").next().is_some();
        !matches!(status, ..200 | 204 | 205)
            && !is_part
            && self.may_change(lines)
            && self.suits_by_type(lines)
    }

    /// Whether the app leaves it to others how its body is written.
    fn may_change(&self, lines: &HeaderLines) -> bool {
        if lines.values(b"content-encoding").next().is_some() {
            return false;
        }
        let mut directives = lines
            .values(b"cache-control")
            .flat_map(|value| value.split(|&byte| byte == b','));
        !directives.any(|one| one.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    }

    fn suits_by_type(&self, lines: &HeaderLines) -> bool {
        let content_type = lines.values(b"content-type").next();
        content_type.is_some_and(|value| self.has_type(value))
    }

    fn has_type(&self, value: &[u8]) -> bool {
        let kind = value.split(|&byte| byte == b';').next();
        let kind = kind.unwrap_or_default().trim_ascii().to_ascii_lowercase();
        self.types.iter().any(|known| {
            let known = known.as_bytes();
            match (known.strip_prefix(b"*"), known.strip_suffix(b"*")) {
                (Some(end), _) => kind.ends_with(end),
                (None, Some(start)) => kind.starts_with(start),
                (None, None) => kind == known,
            }
        })
    }
}

/// Says that the answer depends on `accept-encoding`, besides what it depends on already.
fn vary(lines: &mut HeaderLines) -> Result<(), Misuse> {
    let known = lines.values(b"vary").collect::<Vec<_>>().join(&b", "[..]);
    let mut names = known.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    if names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding")) {
        return Ok(());
    }
    match known.is_empty() {
        true => lines.push(b"vary", b"accept-encoding"),
        false => lines.set(b"vary", &[known.as_slice(), b", accept-encoding"].concat()),
    }
}

/// Not the same bytes any more, but the same content (RFC 9110 section 8.8.1).
fn weaken_tag(lines: &mut HeaderLines) -> Result<(), Misuse> {
    let tag = lines.values(b"etag").next().unwrap_or_default();
    match tag.starts_with(b"\"") {
        true => lines.set(b"etag", &[b"W/", tag].concat()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> CompressionRules {
        CompressionRules {
            bytes_min: 100,
            types: ["text/*", "application/json", "*+xml"]
                .map(String::from)
                .to_vec(),
            level: CompressionLevel::Fast,
        }
    }

    fn decide(status: u16, fields: &[(&str, &str)], length: Option<u64>, accepts: &str) -> String {
        let mut lines = HeaderLines::new();
        for (name, value) in fields {
            lines.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        let accepted = Accepted::of_value(accepts.as_bytes());
        let text =
            |lines: &HeaderLines| String::from_utf8_lossy(lines.as_bytes()).replace("\r\n", "|");
        match rules().decide(accepted, status, &lines, length).unwrap() {
            Decision::AsItIs => "as it is".to_owned(),
            Decision::Plain(lines) => format!("plain {}", text(&lines)),
            Decision::Coded(coding, lines) => {
                assert_eq!(lines.content_length(), None);
                format!("{} {}", coding.name(), text(&lines))
            }
        }
    }

    const TEXT: (&str, &str) = ("content-type", "text/html; charset=utf-8");

    #[test]
    fn large_texts_are_compressed_and_say_so() {
        assert_eq!(
            decide(200, &[TEXT, ("content-length", "100")], Some(100), "gzip"),
            "gzip content-type: text/html; charset=utf-8|vary: accept-encoding|content-encoding: gzip|accept-ranges: none|"
        );
        assert!(decide(404, &[TEXT], None, "gzip, br, zstd").starts_with("zstd "));
        assert!(decide(200, &[TEXT], None, "gzip, br").starts_with("br "));
        for kind in ["Application/JSON", "image/svg+xml", "text/event-stream"] {
            let coded = decide(200, &[("content-type", kind)], None, "gzip");
            assert!(coded.starts_with("gzip "), "{kind}: {coded}");
        }
    }

    #[test]
    fn what_would_be_compressed_for_others_says_that_it_varies() {
        for accepts in ["", "identity", "gzip;q=0", "deflate"] {
            assert_eq!(
                decide(
                    200,
                    &[TEXT, ("vary", "cookie"), ("Vary", "origin")],
                    None,
                    accepts
                ),
                "plain content-type: text/html; charset=utf-8|vary: cookie, origin, accept-encoding|"
            );
        }
        for known in ["*", "Accept-Encoding", "origin, accept-encoding"] {
            let plain = decide(200, &[TEXT, ("vary", known)], None, "");
            assert!(plain.ends_with(&format!("vary: {known}|")), "{plain}");
        }
    }

    #[test]
    fn strong_tags_become_weak() {
        for (tag, sent) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\"")] {
            let coded = decide(200, &[TEXT, ("ETag", tag)], None, "gzip");
            assert_eq!(coded.matches("W/").count(), 1);
            assert!(
                coded
                    .to_lowercase()
                    .contains(&format!("etag: {}|", sent.to_lowercase()))
            );
        }
    }

    #[test]
    fn what_stands_for_a_compressed_answer_says_the_same_of_itself() {
        let tag = ("etag", "\"a\"");
        for (status, fields, accepts, said) in [
            (
                304,
                &[tag][..],
                "gzip",
                "vary: accept-encoding|etag: W/\"a\"|",
            ),
            (304, &[tag], "", "etag: \"a\"|vary: accept-encoding|"),
            (
                206,
                &[("content-range", "bytes 0-1/2"), tag],
                "gzip",
                "content-range: bytes 0-1/2|etag: \"a\"|vary: accept-encoding|",
            ),
        ] {
            let decided = decide(status, fields, None, accepts);
            assert_eq!(decided, format!("plain {said}"));
        }
        let typed = decide(304, &[TEXT], None, "gzip");
        assert!(typed.ends_with("vary: accept-encoding|"), "{typed}");
    }

    #[test]
    fn the_rest_is_left_as_it_is() {
        for (status, fields, length) in [
            (200, &[TEXT][..], Some(99)),
            (200, &[("content-type", "image/png")], None),
            (200, &[("content-type", "textual/html")], None),
            (200, &[], None),
            (204, &[TEXT], None),
            (205, &[TEXT], None),
            (206, &[("content-type", "image/png")], None),
            (304, &[("content-type", "image/png")], None),
            (304, &[("cache-control", "no-transform")], None),
            (206, &[TEXT, ("content-encoding", "br")], None),
            (200, &[TEXT, ("content-encoding", "br")], None),
            (
                200,
                &[TEXT, ("cache-control", "public, No-Transform")],
                None,
            ),
        ] {
            assert_eq!(
                decide(status, fields, length, "gzip"),
                "as it is",
                "{status} {fields:?}"
            );
        }
    }
}
