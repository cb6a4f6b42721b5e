//! A request of the log as one value, for a log that makes its own line of it. Knows neither rings nor files.

use std::fmt;
use std::time::SystemTime;

use crate::edge::access_log::line::{Occasion, Pairs, push_line, push_pairs};
use crate::edge::access_log::line_format::{Layout, LineFormat};
use crate::edge::access_log::record::{Client, Protocol, Record, Tag};

/// One request, for a [`LineTaker`]. No text in it holds a control character.
#[derive(Clone, Debug)]
pub struct ToldRequest {
    /// When its answer was complete.
    pub at: SystemTime,
    /// Address and port.
    pub client: String,
    /// `-` where no request was understood.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// `1.1`.
    pub version: &'static str,
    /// 499 where the client has left before there was one.
    pub status: u16,
    /// The line, where the format that was asked for is not uvicorn's, which follows from the above.
    pub line: Option<String>,
    /// What JSON says of it, without the time.
    pub pairs: Vec<(&'static str, ToldValue)>,
}

/// What a name of [`ToldRequest::pairs`] has.
#[derive(Clone, Debug, PartialEq)]
pub enum ToldValue {
    /// A text of a peer, or a name of ours.
    Text(String),
    /// A count, a port or a status.
    Number(u64),
    /// Milliseconds.
    Decimal(f64),
    /// Yes or no.
    Flag(bool),
}

/// Takes requests in the place of a file.
pub trait LineTaker: Send + Sync {
    /// False if it has no room; the same request may be offered again.
    fn take(&self, request: &ToldRequest) -> bool;
}

impl ToldRequest {
    pub(crate) fn of(format: &LineFormat, record: &Record<'_>, occasion: Occasion) -> ToldRequest {
        let (method, target) = match (record.text(Tag::Method), record.text(Tag::Target)) {
            (Some(method), Some(target)) => (shown(method), shown(target)),
            _ => (
                String::from("-"),
                record.text(Tag::Raw).map_or("-".into(), shown),
            ),
        };
        let is_uvicorns = matches!(format.layout, Layout::Uvicorn);
        let line = (!is_uvicorns).then(|| {
            let mut line = Vec::new();
            push_line(format, record, occasion, &mut line);
            shown(line.trim_ascii_end())
        });
        let mut pairs = Collected(Vec::with_capacity(16));
        push_pairs(record, occasion, &mut pairs);
        ToldRequest {
            at: occasion.at,
            client: match record.client() {
                Client::Tcp(address) => address.to_string(),
                Client::Unix => "unix:".into(),
                Client::Unknown => "unknown".into(),
            },
            method,
            target,
            version: match record.fixed.protocol {
                Protocol::Unknown => "-",
                Protocol::Http10 => "1.0",
                Protocol::Http11 => "1.1",
                Protocol::Http2 => "2",
            },
            status: record.fixed.status,
            line,
            pairs: pairs.0,
        }
    }
}

/// A peer's bytes as a text that stays on its line and does not control a terminal.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            // Line separators, and marks that change the direction of a text.
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                text.extend(character.escape_unicode());
            }
            _ if character.is_control() => text.extend(character.escape_default()),
            _ => text.push(character),
        }
    }
    text
}

struct Collected(Vec<(&'static str, ToldValue)>);

impl Pairs for Collected {
    fn time(&mut self, _at: &[u8]) {}

    fn text(&mut self, name: &'static str, value: &[u8]) {
        self.0.push((name, ToldValue::Text(shown(value))));
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.0.push((name, ToldValue::Number(value)));
    }

    fn milliseconds(&mut self, name: &'static str, us: u64) {
        self.0.push((name, ToldValue::Decimal(us as f64 / 1000.0)));
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.0.push((name, ToldValue::Flag(value)));
    }
}

impl fmt::Debug for dyn LineTaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineTaker")
    }
}
