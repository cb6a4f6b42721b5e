//! A path at which the server itself answers in the app's place. What is asked there goes to a thread that is no shard:
//! the answer may be long, or others may have to be asked for it.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use turbo_shard_protocol::{HeaderLines, Method};

use crate::exchange::http_reply::HttpReply;
use crate::metrics::route_names::RouteId;
use crate::service::{Exchange, Outcome};

/// Requests that wait for the thread; one more is answered 503. Scrapers ask one after another, so a few are many.
/// Worst case: these with an `Accept` each, of 32 KiB where heads have the usual bound, which is 2 MiB.
const WAITING_MAX: usize = 64;

const PLAIN: &[u8] = b"text/plain; charset=utf-8";

/// The path, and the way to the thread. All copies lead to the same one.
#[derive(Clone, Debug)]
pub struct OwnPath {
    path: Arc<str>,
    route: RouteId,
    asked: Sender<AskedHere>,
    waiting: Receiver<AskedHere>,
}

/// A GET, or a HEAD, whose answer is owed.
pub(crate) struct AskedHere {
    /// As the client says what it likes to get.
    pub(crate) accept: String,
    pub(crate) reply: HttpReply,
}

impl OwnPath {
    /// Nothing is answered before a thread takes what [`waits`](OwnPath::waiting).
    pub fn new(path: &str) -> OwnPath {
        let (asked, waiting) = bounded(WAITING_MAX);
        OwnPath {
            path: Arc::from(path),
            route: RouteId::of(path),
            asked,
            waiting,
        }
    }

    pub(crate) fn path(&self) -> Arc<str> {
        Arc::clone(&self.path)
    }

    /// Where the thread takes them.
    pub(crate) fn waiting(&self) -> &Receiver<AskedHere> {
        &self.waiting
    }

    /// None if the app is to answer: it is another path.
    pub(super) fn answer(&self, exchange: &mut Exchange<'_>) -> Option<Outcome> {
        if exchange.request.path() != self.path.as_bytes() {
            return None;
        }
        exchange.route = self.route;
        if !matches!(exchange.request.method(), Method::Get | Method::Head) {
            let lines = plain_lines(b"allow", b"GET, HEAD");
            let _ = exchange.response.whole(405, &lines, b"GET it\n");
            return Some(Outcome::Answered);
        }
        let accept = exchange.request.header("accept").unwrap_or_default();
        let asked = AskedHere {
            accept: String::from_utf8_lossy(accept).into_owned(),
            reply: exchange.defer(),
        };
        if let Err(refused) = self.asked.try_send(asked) {
            let lines = plain_lines(b"retry-after", b"1");
            let reply = refused.into_inner().reply;
            reply.refuse(503, lines, b"too many ask at once\n".to_vec());
        }
        Some(Outcome::Deferred)
    }
}

fn plain_lines(name: &[u8], value: &[u8]) -> HeaderLines {
    let mut lines = HeaderLines::new();
    let pushed = lines
        .push(b"content-type", PLAIN)
        .and_then(|()| lines.push(name, value));
    debug_assert!(pushed.is_ok(), "our own lines are valid");
    lines
}
