//! What a request's path names below a mount, by rules that leave no way out of its directory. Knows no files.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Longest name of a file in a directory, as Linux has it (NAME_MAX).
const SEGMENT_BYTES_MAX: usize = 255;
/// Longest name below a directory, less than PATH_MAX by what the kernel wants of it.
const NAME_BYTES_MAX: usize = 4000;
/// The one hidden directory that is for the public (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

/// A path, percent-decoded once.
pub(super) struct RequestPath<'a> {
    raw: &'a [u8],
    text: Cow<'a, [u8]>,
}

/// What a path asks a mount for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// The file or directory of that name.
    Name(&'a [u8]),
    /// The directory of that name, by a path that ends with a slash; empty for the mount's own.
    Directory(&'a [u8]),
    /// The mount's directory, by a path without the slash at its end.
    Itself,
    /// What no file can be.
    Nothing,
}

impl<'a> RequestPath<'a> {
    pub(super) fn of(raw: &'a [u8]) -> RequestPath<'a> {
        let text = Cow::from(percent_decode(raw));
        RequestPath { raw, text }
    }

    /// The path without its prefix, if it is below it: empty for the prefix itself.
    pub(super) fn below(&self, prefix: &str) -> Option<&[u8]> {
        let rest = self.text.strip_prefix(prefix.as_bytes())?;
        matches!(rest.first(), None | Some(b'/')).then_some(rest)
    }

    /// What `rest`, which [`below`](RequestPath::below) gave, asks for. Names that begin with a dot are hidden, unless the
    /// mount shows them.
    pub(super) fn asked<'p>(&self, rest: &'p [u8], shows_hidden: bool) -> Asked<'p> {
        if rest.is_empty() {
            return Asked::Itself;
        }
        // An escaped slash is no separator, and no file's name has one.
        let has_escaped_slash =
            self.text.len() < self.raw.len() && slashes(&self.text) != slashes(self.raw);
        let name = &rest[1..];
        if has_escaped_slash || name.len() > NAME_BYTES_MAX {
            return Asked::Nothing;
        }
        let (name, is_directory) = match name.strip_suffix(b"/") {
            Some(name) => (name, true),
            None => (name, name.is_empty()),
        };
        if name.is_empty() {
            return match rest {
                b"/" => Asked::Directory(name),
                _ => Asked::Nothing,
            };
        }
        let may_be_file = |(place, segment): (usize, &[u8])| {
            is_file_name(segment)
                && (shows_hidden || segment[0] != b'.' || (place == 0 && segment == WELL_KNOWN))
        };
        match name
            .split(|&byte| byte == b'/')
            .enumerate()
            .all(may_be_file)
        {
            true if is_directory => Asked::Directory(name),
            true => Asked::Name(name),
            false => Asked::Nothing,
        }
    }
}

fn slashes(path: &[u8]) -> usize {
    path.iter().filter(|&&byte| byte == b'/').count()
}

/// Whether a segment of a path can be the name of a file. A backslash can on Linux; but who writes one means another
/// system's separator, and browsers make a slash of it.
fn is_file_name(segment: &[u8]) -> bool {
    !matches!(segment, b"" | b"." | b"..")
        && segment.len() <= SEGMENT_BYTES_MAX
        && !segment.iter().any(|byte| matches!(byte, 0 | b'\\' | b'/'))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    fn asked(path: &[u8]) -> Option<String> {
        let path = RequestPath::of(path);
        let rest = path.below("/static")?;
        Some(match path.asked(rest, false) {
            Asked::Name(name) => format!("file {}", name.escape_ascii()),
            Asked::Directory(name) => format!("directory {}", name.escape_ascii()),
            Asked::Itself => "itself".to_owned(),
            Asked::Nothing => "nothing".to_owned(),
        })
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        for path in [&b"/"[..], b"/stat", b"/staticx", b"/other/static/a"] {
            assert_eq!(asked(path), None, "{path:?}");
        }
        for (path, what) in [
            ("/static", "itself"),
            ("/static/", "directory "),
            ("/static/a.js", "file a.js"),
            ("/%73tatic/a.js", "file a.js"),
            ("/static/a/b/", "directory a/b"),
            ("/static/a%20b%C3%A4", "file a b\\xc3\\xa4"),
            ("/static/100%", "file 100%"),
            ("/static/.well-known/x", "file .well-known/x"),
            ("/static/...", "nothing"),
            ("/static/a..b", "file a..b"),
        ] {
            assert_eq!(asked(path.as_bytes()).as_deref(), Some(what), "{path}");
        }
    }

    #[test]
    fn what_could_lead_out_or_be_read_in_two_ways_names_nothing() {
        for path in [
            "/static/../etc/passwd",
            "/static/..",
            "/static/a/../b",
            "/static/./a",
            "/static/%2e%2e/etc/passwd",
            "/static/%2E%2E%2Fetc/passwd",
            "/static/..%2fetc/passwd",
            "/static/..%5cetc",
            "/static/..\\etc",
            "/static//etc/passwd",
            "/static/%2fetc/passwd",
            "/static//",
            "/static/a//b",
            "/static/a//",
            "/static/a%00.png",
            "/static/a%2fb",
            "/static/.env",
            "/static/a/.git/config",
            "/static/a/.well-known/x",
            "/static/%2egit/config",
        ] {
            assert_eq!(asked(path.as_bytes()).as_deref(), Some("nothing"), "{path}");
        }
        // Decoded once: what is left is the name of no directory above.
        assert_eq!(
            asked(b"/static/%252e%252e%252fetc").as_deref(),
            Some("file %2e%2e%2fetc")
        );
        let long = [b"/static/".as_slice(), &[b'a'; 256]].concat();
        assert_eq!(asked(&long).as_deref(), Some("nothing"));
        let long = [b"/static/".as_slice(), &b"a/".repeat(3000)].concat();
        assert_eq!(asked(&long).as_deref(), Some("nothing"));
    }

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just("..".to_owned()),
            Just("/".to_owned()),
            Just("%2e".to_owned()),
            Just("%2F".to_owned()),
            Just("%5c".to_owned()),
            Just("%00".to_owned()),
            Just("%".to_owned()),
            Just("\\".to_owned()),
            Just(".".to_owned()),
            Just(".well-known".to_owned()),
            "[a-z]{1,3}",
        ];
        prop::collection::vec(piece, 0..12)
            .prop_map(|pieces| format!("/static/{}", pieces.concat()).into_bytes())
    }

    proptest! {
        #[test]
        fn every_name_is_made_of_plain_segments(path in hostile(), shows_hidden: bool) {
            let path = RequestPath::of(&path);
            let Some(rest) = path.below("/static") else { return Ok(()) };
            let (Asked::Name(name) | Asked::Directory(name)) = path.asked(rest, shows_hidden) else {
                return Ok(());
            };
            let name = std::str::from_utf8(name).unwrap();
            prop_assert!(!name.contains('\0') && !name.contains('\\') && !name.contains("//"));
            for part in Path::new(name).components() {
                prop_assert!(matches!(part, Component::Normal(_)), "{name}");
            }
            let hidden = name.split('/').skip_while(|part| *part == ".well-known");
            prop_assert!(shows_hidden || hidden.into_iter().all(|part| !part.starts_with('.')));
        }

        #[test]
        fn any_bytes_are_safe(path in prop::collection::vec(any::<u8>(), 0..64)) {
            let path = RequestPath::of(&path);
            if let Some(rest) = path.below("") {
                path.asked(rest, false);
            }
        }
    }
}
