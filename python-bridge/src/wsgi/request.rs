//! What a WSGI environ says of a request, where it lies ([`Arrived`]) or as a copy that has gone to another thread
//! ([`Copied`]). Knows no Python.
//!
//! No Python object is made before the thread that uses it has the request: on free-threaded Python an object that
//! another thread drops goes back to its maker thread, which must run Python to free it.

use std::fmt;

use turbo_shard_runtime::ConnectionInfo;
use turbo_shard_runtime::protocol::{BodyFraming, Method, RequestHead, Version};

use crate::requests::byte_pieces::Pieces;
use crate::requests::request_name::RequestName;

const METHOD: usize = 0;
const TARGET: usize = 1;
const PATH: usize = 2;
const QUERY: usize = 3;
/// Names and values of the fields from here on.
const FIELDS: usize = 4;

/// What an environ says of a request. Its display names it, for logs: `GET /users/7`.
pub(super) trait RequestText: fmt::Display {
    fn method(&self) -> Method;
    fn method_bytes(&self) -> &[u8];
    fn target(&self) -> &[u8];
    fn path(&self) -> &[u8];
    fn query(&self) -> &[u8];
    fn version(&self) -> Version;
    fn connection(&self) -> &ConnectionInfo;
    /// Whether the peer sent a body, even an empty one.
    fn has_body(&self) -> bool;
    fn body(&self) -> &[u8];
    /// The fields that the app sees.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])>;

    fn is_head(&self) -> bool {
        self.method() == Method::Head
    }
}

/// A request in its connection's buffer.
pub(super) struct Arrived<'a> {
    pub(super) head: RequestHead<'a>,
    pub(super) body: &'a [u8],
    pub(super) connection: &'a ConnectionInfo,
}

impl fmt::Display for Arrived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RequestName(self.head).fmt(f)
    }
}

impl RequestText for Arrived<'_> {
    fn method(&self) -> Method {
        self.head.method()
    }
    fn method_bytes(&self) -> &[u8] {
        self.head.method_bytes()
    }
    fn target(&self) -> &[u8] {
        self.head.target()
    }
    fn path(&self) -> &[u8] {
        self.head.path()
    }
    fn query(&self) -> &[u8] {
        self.head.query()
    }
    fn version(&self) -> Version {
        self.head.version()
    }
    fn connection(&self) -> &ConnectionInfo {
        self.connection
    }
    fn has_body(&self) -> bool {
        self.head.framing() != BodyFraming::None
    }
    fn body(&self) -> &[u8] {
        self.body
    }
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields = self.head.headers();
        fields.filter(|(name, _)| !is_kept_back(name))
    }
}

/// A copy of a request. Owns what it needs.
pub(super) struct Copied {
    text: Pieces,
    method: Method,
    version: Version,
    connection: ConnectionInfo,
    has_body: bool,
    body: Vec<u8>,
}

impl Copied {
    pub(super) fn of(request: &Arrived<'_>) -> Copied {
        let fields = request.head.headers();
        let mut text = Pieces::with_capacity(
            2 * request.target().len() + 48 * fields.len() + 32,
            FIELDS + 2 * fields.len(),
        );
        for piece in [
            request.method_bytes(),
            request.target(),
            request.path(),
            request.query(),
        ] {
            text.push(piece);
        }
        for (name, value) in request.fields() {
            text.push(name);
            text.push(value);
        }
        Copied {
            text,
            method: request.method(),
            version: request.version(),
            connection: request.connection.clone(),
            has_body: request.has_body(),
            body: request.body.to_vec(),
        }
    }

    /// The environ has it.
    pub(super) fn drop_body(&mut self) {
        self.body = Vec::new();
    }
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query stays out: it may hold what does not belong in logs.
        write!(
            f,
            "{} {}",
            self.text.piece(METHOD).escape_ascii(),
            self.text.piece(PATH).escape_ascii()
        )
    }
}

impl RequestText for Copied {
    fn method(&self) -> Method {
        self.method
    }
    fn method_bytes(&self) -> &[u8] {
        self.text.piece(METHOD)
    }
    fn target(&self) -> &[u8] {
        self.text.piece(TARGET)
    }
    fn path(&self) -> &[u8] {
        self.text.piece(PATH)
    }
    fn query(&self) -> &[u8] {
        self.text.piece(QUERY)
    }
    fn version(&self) -> Version {
        self.version
    }
    fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }
    fn has_body(&self) -> bool {
        self.has_body
    }
    fn body(&self) -> &[u8] {
        &self.body
    }
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.text.pairs(FIELDS, usize::MAX)
    }
}

/// Fields that the app does not see:
///
/// - names with an underscore, because `X_User` and `X-User` have the same key: a client that sends the one could pass
///   for a proxy that sends the other (nginx and gunicorn drop them, too);
/// - `Proxy`, which nothing legitimate sends, and which becomes the `HTTP_PROXY` that many programs obey once an app
///   hands its environ to one (httpoxy, CVE-2016-1000110);
/// - what described the body on the wire: `CONTENT_LENGTH` says how long it is, once the chunks are put together.
fn is_kept_back(name: &[u8]) -> bool {
    match name.len() {
        5 if name.eq_ignore_ascii_case(b"proxy") => true,
        14 if name.eq_ignore_ascii_case(b"content-length") => true,
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => true,
        _ => name.contains(&b'_'),
    }
}
