//! Makes a line of a record. Knows neither rings nor files.

use std::io::Write as _;
use std::time::SystemTime;

use turbo_shard_protocol::status_text;

use crate::connection_info::{cipher_suite_name, tls_version_name};
use crate::edge::access_log::line_format::{
    Atom, Layout, LineFormat, Piece, TOLD_NAMES, TRACEPARENT,
};
use crate::edge::access_log::record::{Client, Record, Tag};
use crate::edge::log_escape::{push_json, push_logfmt, push_printable, push_word};
use crate::edge::log_timestamp::Timestamp;

const NONE: &[u8] = b"-";

/// What a line says besides its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    /// When the answer was complete.
    pub(crate) at: SystemTime,
    pub(crate) shard: usize,
}

/// Writes the line of `record` with its end. Whatever a peer has sent, it is one line.
pub(crate) fn push_line(
    format: &LineFormat,
    record: &Record<'_>,
    occasion: Occasion,
    out: &mut Vec<u8>,
) {
    match &format.layout {
        Layout::Uvicorn => push_uvicorn(record, out),
        Layout::Json => push_pairs(
            record,
            occasion,
            &mut Json {
                out,
                is_first: true,
            },
        ),
        Layout::Logfmt => push_pairs(
            record,
            occasion,
            &mut Logfmt {
                out,
                is_first: true,
            },
        ),
        Layout::Pieces(pieces) => {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => out.extend_from_slice(text),
                    Piece::Atom(atom) => push_atom(*atom, record, occasion, out),
                }
            }
        }
    }
    out.push(b'\n');
}

/// `INFO:     127.0.0.1:53330 - "GET /a?b=1 HTTP/1.1" 200 OK`, as uvicorn has it.
fn push_uvicorn(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"INFO:     ");
    let _ = match record.client() {
        Client::Tcp(address) => write!(out, "{address}"),
        Client::Unix => write!(out, "unix:"),
        Client::Unknown => write!(out, "unknown"),
    };
    out.extend_from_slice(b" - \"");
    push_request_line(record, out);
    out.extend_from_slice(b"\" ");
    match (record.fixed.status, status_text(record.fixed.status)) {
        (status, text) if text.as_bytes().first().is_some_and(u8::is_ascii_digit) => {
            debug_assert!(text.starts_with(&status.to_string()));
            out.extend_from_slice(text.as_bytes());
        }
        (101, _) => out.extend_from_slice(b"101 Switching Protocols"),
        (499, _) => out.extend_from_slice(b"499 Client Closed Request"),
        (status, _) => _ = write!(out, "{status}"),
    }
}

fn push_request_line(record: &Record<'_>, out: &mut Vec<u8>) {
    match (record.text(Tag::Method), record.text(Tag::Target)) {
        (Some(method), Some(target)) => {
            push_word(method, out);
            out.push(b' ');
            push_word(target, out);
            out.push(b' ');
            out.extend_from_slice(record.fixed.protocol.as_str().as_bytes());
        }
        _ => push_printable(record.text(Tag::Raw).unwrap_or(NONE), out),
    }
}

fn push_atom(atom: Atom, record: &Record<'_>, occasion: Occasion, out: &mut Vec<u8>) {
    let fixed = &record.fixed;
    let us = fixed.took_ns / 1000;
    let text = |text: Option<&[u8]>, out: &mut Vec<u8>| {
        push_printable(text.filter(|text| !text.is_empty()).unwrap_or(NONE), out);
    };
    let target = record.path_and_query();
    let _ = match atom {
        Atom::Client => match record.client() {
            Client::Tcp(address) => write!(out, "{}", address.ip()),
            Client::Unix => write!(out, "unix:"),
            Client::Unknown => write!(out, "unknown"),
        },
        Atom::ClientPort => match record.client() {
            Client::Tcp(address) => write!(out, "{}", address.port()),
            Client::Unix | Client::Unknown => out.write_all(NONE),
        },
        Atom::Dash => out.write_all(NONE),
        Atom::User => return push_word(record.text(Tag::User).unwrap_or(NONE), out),
        Atom::Time => {
            out.push(b'[');
            Timestamp::of(occasion.at).push_common(out);
            out.push(b']');
            return;
        }
        Atom::RequestLine => return push_request_line(record, out),
        Atom::Method => return text(record.text(Tag::Method), out),
        Atom::Path => return text(target.map(|(path, _)| path), out),
        Atom::Query => return push_printable(target.map_or(b"", |(_, query)| query), out),
        Atom::Protocol => out.write_all(fixed.protocol.as_str().as_bytes()),
        Atom::Status => write!(out, "{}", fixed.status),
        Atom::BytesOrDash if fixed.body_bytes == 0 => out.write_all(NONE),
        Atom::Bytes | Atom::BytesOrDash => write!(out, "{}", fixed.body_bytes),
        Atom::Seconds => write!(out, "{}", us / 1_000_000),
        Atom::Milliseconds => write!(out, "{}", us / 1000),
        Atom::Microseconds => write!(out, "{us}"),
        Atom::DecimalSeconds => write!(out, "{}.{:06}", us / 1_000_000, us % 1_000_000),
        Atom::Process => write!(out, "<{}>", std::process::id()),
        Atom::RequestField(number) => {
            return text(record.field(Tag::RequestField, number), out);
        }
        Atom::AnswerField(number) => return text(record.field(Tag::AnswerField, number), out),
        Atom::TraceId(number) => return text(trace_id(record, number), out),
        Atom::TlsVersion => out.write_all(
            record
                .tls()
                .map_or("-", |it| tls_version_name(it.0))
                .as_bytes(),
        ),
        Atom::CipherSuite => out.write_all(
            record
                .tls()
                .map_or("-", |it| cipher_suite_name(it.1))
                .as_bytes(),
        ),
        Atom::ServerName => return text(record.text(Tag::ServerName), out),
        Atom::ClientCertificate => return text(record.text(Tag::ClientCertificate), out),
        Atom::Shard => write!(out, "{}", occasion.shard),
        Atom::Route => return text(Some(fixed.route.template().as_bytes()), out),
    };
}

/// The trace to which the request belongs: of its `traceparent`, if that is one (W3C Trace Context, section 3.2).
fn trace_id<'a>(record: &Record<'a>, traceparent: u8) -> Option<&'a [u8]> {
    let parts = record.field(Tag::RequestField, traceparent)?;
    let is_hexadecimal = |part: &[u8]| {
        part.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = parts.split(|&byte| byte == b'-');
    let (version, id) = (parts.next()?, parts.next()?);
    let is_version = version.len() == 2 && is_hexadecimal(version) && version != b"ff";
    let is_id = id.len() == 32 && is_hexadecimal(id) && id.iter().any(|&byte| byte != b'0');
    (is_version && is_id && parts.next().is_some_and(|span| span.len() == 16)).then_some(id)
}

/// A form of names with values.
pub(super) trait Pairs {
    fn time(&mut self, at: &[u8]);
    fn text(&mut self, name: &'static str, value: &[u8]);
    fn number(&mut self, name: &'static str, value: u64);
    /// Milliseconds with three decimals.
    fn milliseconds(&mut self, name: &'static str, us: u64);
    fn flag(&mut self, name: &'static str, value: bool);
    fn end(&mut self) {}
}

pub(super) fn push_pairs(record: &Record<'_>, occasion: Occasion, out: &mut impl Pairs) {
    let fixed = &record.fixed;
    let mut time = Vec::with_capacity(24);
    Timestamp::of(occasion.at).push_rfc3339(&mut time);
    out.time(&time);
    match record.client() {
        Client::Tcp(address) => {
            out.text("client", address.ip().to_string().as_bytes());
            out.number("client_port", address.port().into());
        }
        Client::Unix => out.text("client", b"unix:"),
        Client::Unknown => out.text("client", b"unknown"),
    }
    if let Some(method) = record.text(Tag::Method) {
        out.text("method", method);
    }
    match record.path_and_query() {
        Some((path, query)) => {
            out.text("path", path);
            if !query.is_empty() {
                out.text("query", query);
            }
            out.text("protocol", fixed.protocol.as_str().as_bytes());
        }
        None => out.text("request", record.text(Tag::Raw).unwrap_or(b"")),
    }
    out.number("status", fixed.status.into());
    out.number("bytes", fixed.body_bytes);
    out.milliseconds("duration_ms", fixed.took_ns / 1000);
    out.number("shard", occasion.shard as u64);
    let route = fixed.route.template();
    if !route.is_empty() {
        out.text("route", route.as_bytes());
    }
    if let Some((version, suite)) = record.tls() {
        out.text("tls_version", tls_version_name(version).as_bytes());
        out.text("tls_cipher", cipher_suite_name(suite).as_bytes());
    }
    for (name, tag) in [
        ("tls_server_name", Tag::ServerName),
        ("tls_client", Tag::ClientCertificate),
    ] {
        if let Some(value) = record.text(tag) {
            out.text(name, value);
        }
    }
    for (number, name) in TOLD_NAMES.iter().enumerate() {
        if let Some(value) = record.field(Tag::RequestField, number as u8) {
            out.text(name, value);
        }
    }
    if let Some(id) = trace_id(record, TRACEPARENT) {
        out.text("trace_id", id);
    }
    if !fixed.is_whole {
        out.flag("complete", false);
    }
    out.end();
}

struct Json<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl Json<'_> {
    fn name(&mut self, name: &str) {
        let before: &[u8] = match std::mem::take(&mut self.is_first) {
            true => b"{\"",
            false => b",\"",
        };
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

impl Pairs for Json<'_> {
    fn time(&mut self, at: &[u8]) {
        self.text("time", at);
    }

    fn text(&mut self, name: &'static str, value: &[u8]) {
        self.name(name);
        push_json(value, self.out);
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn milliseconds(&mut self, name: &'static str, us: u64) {
        self.name(name);
        let _ = write!(self.out, "{}.{:03}", us / 1000, us % 1000);
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn end(&mut self) {
        self.out.push(b'}');
    }
}

struct Logfmt<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl Logfmt<'_> {
    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'=');
    }
}

impl Pairs for Logfmt<'_> {
    fn time(&mut self, at: &[u8]) {
        self.text("time", at);
    }

    fn text(&mut self, name: &'static str, value: &[u8]) {
        self.name(name);
        push_logfmt(value, self.out);
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn milliseconds(&mut self, name: &'static str, us: u64) {
        self.name(name);
        let _ = write!(self.out, "{}.{:03}", us / 1000, us % 1000);
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
