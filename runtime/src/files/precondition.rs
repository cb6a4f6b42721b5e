//! Whether a request's conditions hold for a file, and how much of it is wanted then (RFC 9110 section 13). Knows no files.

use std::time::{Duration, UNIX_EPOCH};

use turbo_shard_protocol::{Method, RequestHead};

use crate::files::byte_range::{Wanted, wanted};

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validators<'a> {
    /// A strong one, with its quotes.
    pub(super) etag: &'a str,
    /// Whole seconds since 1970.
    pub(super) modified_s: u64,
    /// It is long enough ago that no second change can hide behind the first (RFC 9110 section 8.8.2.2).
    pub(super) is_date_strong: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send what is wanted.
    Send(Wanted),
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client takes it for.
    Failed,
}

/// Goes through the conditions in the order of RFC 9110 section 13.2.2. The method is `GET` or `HEAD`.
pub(super) fn verdict(head: &RequestHead<'_>, file: Validators<'_>, length: u64) -> Verdict {
    let fields = Fields::of(head);
    if fields.is_empty() {
        return Verdict::Send(Wanted::Whole);
    }
    let tags = |name: &[u8], is_weak_enough: bool| {
        let mut values = head
            .headers()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        values.any(|(_, list)| names_tag(list, file.etag, is_weak_enough))
    };
    if fields.if_match.is_some() {
        if !tags(b"if-match", false) {
            return Verdict::Failed;
        }
    } else if let Some(date) = fields.if_unmodified_since.and_then(date_s)
        && file.modified_s > date
    {
        return Verdict::Failed;
    }
    if fields.if_none_match.is_some() {
        if tags(b"if-none-match", true) {
            return Verdict::NotModified;
        }
    } else if let Some(date) = fields.if_modified_since.and_then(date_s)
        && file.modified_s <= date
    {
        return Verdict::NotModified;
    }
    // Of no other method than GET (RFC 9110 section 14.2).
    let range = fields.range.filter(|_| head.method() == Method::Get);
    let is_current = fields.if_range.is_none_or(|value| names_state(value, file));
    Verdict::Send(match range {
        Some(range) if is_current => wanted(range, length),
        _ => Wanted::Whole,
    })
}

/// The fields that matter, found in one pass.
#[derive(Default)]
struct Fields<'a> {
    if_match: Option<&'a [u8]>,
    if_none_match: Option<&'a [u8]>,
    if_modified_since: Option<&'a [u8]>,
    if_unmodified_since: Option<&'a [u8]>,
    if_range: Option<&'a [u8]>,
    range: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn of(head: &RequestHead<'a>) -> Fields<'a> {
        let mut fields = Fields::default();
        for (name, value) in head.headers() {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            let place = match name.len() {
                5 if is(b"range") => &mut fields.range,
                8 if is(b"if-match") => &mut fields.if_match,
                8 if is(b"if-range") => &mut fields.if_range,
                13 if is(b"if-none-match") => &mut fields.if_none_match,
                17 if is(b"if-modified-since") => &mut fields.if_modified_since,
                19 if is(b"if-unmodified-since") => &mut fields.if_unmodified_since,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        fields
    }

    fn is_empty(&self) -> bool {
        self.if_match.is_none()
            && self.if_none_match.is_none()
            && self.if_modified_since.is_none()
            && self.if_unmodified_since.is_none()
            && self.range.is_none()
    }
}

/// Whether a list of entity tags has this one. `*` stands for any that exists.
fn names_tag(list: &[u8], etag: &str, is_weak_enough: bool) -> bool {
    let mut left = list.trim_ascii();
    if left == b"*" {
        return true;
    }
    loop {
        let skipped = left
            .iter()
            .take_while(|byte| matches!(byte, b',' | b' ' | b'\t'));
        left = &left[skipped.count()..];
        let (tag, is_weak) = match left.strip_prefix(b"W/") {
            Some(tag) => (tag, true),
            None => (left, false),
        };
        if tag.first() != Some(&b'"') {
            // The end, or no tag, behind which nothing can be made out.
            return false;
        }
        let Some(end) = tag[1..].iter().position(|&byte| byte == b'"') else {
            return false;
        };
        let (tag, rest) = tag.split_at(end + 2);
        if tag == etag.as_bytes() && (is_weak_enough || !is_weak) {
            return true;
        }
        left = rest;
    }
}

/// Whether an `If-Range` names the present state, by a strong validator (RFC 9110 section 13.1.5).
fn names_state(value: &[u8], file: Validators<'_>) -> bool {
    match value.first() {
        Some(b'"' | b'W') if value.ends_with(b"\"") => value == file.etag.as_bytes(),
        _ => file.is_date_strong && date_s(value) == Some(file.modified_s),
    }
}

/// An HTTP date in seconds since 1970; of what is none, nothing follows.
fn date_s(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let date = httpdate::parse_http_date(text).ok()?;
    date.duration_since(UNIX_EPOCH)
        .ok()
        .as_ref()
        .map(Duration::as_secs)
}

#[cfg(test)]
#[path = "precondition_tests.rs"]
mod tests;
