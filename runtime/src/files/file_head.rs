//! The header lines that go with a file. Knows no bytes of it.

use std::ffi::OsStr;
use std::fmt::Write;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use turbo_shard_protocol::HeaderLines;

use crate::coding::ContentCoding;
use crate::files::directory::FileState;
use crate::files::precondition::Validators;

/// Of names that say nothing.
const UNKNOWN_TYPE: &str = "application/octet-stream";
/// A page names the files that belong to it, so a client asks whether it is still the present one.
const PAGE_CACHE_CONTROL: &str = "no-cache";
/// What a date must be away from now, so that the file cannot change again within its second.
const DATE_STRONG_AFTER: Duration = Duration::from_secs(2);

/// What is said about one file, ready to send.
#[derive(Debug)]
pub(super) struct FileHead {
    etag: String,
    modified_s: u64,
    is_date_strong: bool,
    /// Of a 200 and a 206.
    pub(super) lines: HeaderLines,
    /// Of a 304 (RFC 9110 section 15.4.5).
    pub(super) lines_unchanged: HeaderLines,
}

impl FileHead {
    /// `name` is that of the plain file, `state` that of the one that is sent: with a `coding` a compressed one.
    pub(super) fn of(
        name: &[u8],
        state: &FileState,
        coding: Option<ContentCoding>,
        varies: bool,
        cache_control: &str,
    ) -> FileHead {
        let modified_s = state.modified_ns / 1_000_000_000;
        let modified = UNIX_EPOCH + Duration::from_secs(modified_s);
        let is_date_strong = SystemTime::now() > modified + DATE_STRONG_AFTER;
        let mut etag = format!("\"{:x}-{:x}", state.modified_ns, state.length);
        if let Some(coding) = coding {
            etag.push('-');
            etag.push_str(coding.name());
        }
        etag.push('"');
        let content_type = content_type(name);
        let cache_control = match content_type.starts_with("text/html") {
            true if !cache_control.is_empty() => PAGE_CACHE_CONTROL,
            _ => cache_control,
        };

        let mut lines_unchanged = HeaderLines::new();
        push(&mut lines_unchanged, "etag", &etag);
        push(
            &mut lines_unchanged,
            "last-modified",
            &httpdate::fmt_http_date(modified),
        );
        if !cache_control.is_empty() {
            push(&mut lines_unchanged, "cache-control", cache_control);
        }
        if varies {
            push(&mut lines_unchanged, "vary", "accept-encoding");
        }
        let mut lines = lines_unchanged.clone();
        push(&mut lines, "content-type", &content_type);
        push(&mut lines, "accept-ranges", "bytes");
        if let Some(coding) = coding {
            push(&mut lines, "content-encoding", coding.name());
        }
        FileHead {
            etag,
            modified_s,
            is_date_strong,
            lines,
            lines_unchanged,
        }
    }

    pub(super) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: &self.etag,
            modified_s: self.modified_s,
            is_date_strong: self.is_date_strong,
        }
    }

    /// The lines of a 206.
    pub(super) fn lines_of_part(&self, part: &Range<u64>, length: u64) -> HeaderLines {
        let mut lines = self.lines.clone();
        let mut value = String::new();
        let _ = write!(value, "bytes {}-{}/{length}", part.start, part.end - 1);
        push(&mut lines, "content-range", &value);
        lines
    }
}

/// The lines of a 416.
pub(super) fn lines_of_unsatisfiable(length: u64) -> HeaderLines {
    let mut lines = HeaderLines::new();
    push(&mut lines, "content-range", &format!("bytes */{length}"));
    push(&mut lines, "content-type", "text/plain; charset=utf-8");
    lines
}

/// The type by the end of a name. Texts are taken to be UTF-8.
fn content_type(name: &[u8]) -> String {
    let path = Path::new(OsStr::from_bytes(name));
    let known = match mime_guess::from_path(path).first_raw() {
        // Its name since RFC 9239.
        Some("application/javascript") => "text/javascript",
        Some(known) => known,
        None => UNKNOWN_TYPE,
    };
    match known.starts_with("text/") {
        true => format!("{known}; charset=utf-8"),
        false => known.to_owned(),
    }
}

/// Pushes a line that the server has made itself.
pub(super) fn push(lines: &mut HeaderLines, name: &str, value: &str) {
    let pushed = lines.push(name.as_bytes(), value.as_bytes());
    debug_assert!(pushed.is_ok(), "{name}: {value:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_by_the_end_of_the_name() {
        for (name, expected) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a/b.CSS", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.js.map", "text/plain; charset=utf-8"),
            ("a.pdf", "application/pdf"),
            ("a.tar.gz", "application/gzip"),
            ("a", "application/octet-stream"),
            ("a.unheard-of", "application/octet-stream"),
            ("\u{e4}.txt", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(content_type(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(content_type(b"\xff.png"), "image/png");
    }
}
