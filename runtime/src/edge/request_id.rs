//! Ids of requests: taken from a trusted peer, else made here. Knows no connection and no log.
//!
//! An id that is made is a UUID of version 7 (RFC 9562): time first, so that ids sort by it and a log can be searched from
//! a moment on, then 62 random bits. Threads and processes draw them from generators of their own, so nothing is shared:
//! two ids are equal only if both were made within the same quarter of a microsecond and 62 bits agree. They are no
//! secrets: who sees some can guess others.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use turbo_shard_protocol::{HeadCopy, RequestHead};

/// Longest id that is taken from a peer; a longer one is replaced. What is in use is shorter: UUIDs 36 bytes, AWS's trace
/// ids about 100. The access log, which cuts texts off at 1024 bytes, has it whole.
const REQUEST_ID_BYTES_MAX: usize = 128;
const UUID_BYTES: usize = 36;

/// In which field ids come and go, on requests and answers alike.
#[derive(Clone, Debug)]
pub struct RequestIdField(Arc<str>);

impl RequestIdField {
    /// None if no field can have that name.
    pub fn new(name: &str) -> Option<RequestIdField> {
        let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_name = !name.is_empty() && name.bytes().all(is_usable);
        is_name.then(|| RequestIdField(name.into()))
    }
}

/// One thread's giver of ids. Never shared.
pub(crate) struct RequestIds {
    field: RequestIdField,
    random: RefCell<Rng>,
}

/// A request with its id.
pub(crate) struct Identified {
    field: RequestIdField,
    /// As the app is shown it.
    head: HeadCopy,
}

impl RequestIds {
    pub(crate) fn new(field: &RequestIdField) -> RequestIds {
        // Its keys are the system's random bytes.
        let seed = RandomState::new().hash_one(std::process::id());
        RequestIds {
            field: field.clone(),
            random: RefCell::new(Rng::with_seed(seed)),
        }
    }

    /// Gives a request its id: the one that it came with if its peer is trusted, and there is one that can be used.
    pub(crate) fn identify(&self, request: RequestHead<'_>, is_trusted: bool) -> Identified {
        let name = self.field.0.as_bytes();
        let copied = |id: &[u8]| HeadCopy::with_request_id(request, name, id);
        let head = match is_trusted.then(|| sent_id(request, name)).flatten() {
            Some(id) => copied(id),
            None => copied(&self.made(SystemTime::now())),
        };
        Identified {
            field: self.field.clone(),
            head,
        }
    }

    fn made(&self, now: SystemTime) -> [u8; UUID_BYTES] {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        // RFC 9562 section 6.2, method 3: the time's rest in 1/4096 of a millisecond.
        let fraction = u128::from(since.subsec_nanos() % 1_000_000) * 4096 / 1_000_000;
        let random = u128::from(self.random.borrow_mut().u64(..)) & ((1 << 62) - 1);
        let milliseconds = since.as_millis() & ((1 << 48) - 1);
        as_uuid_text(milliseconds << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | random)
    }
}

impl Identified {
    pub(crate) fn head(&self) -> RequestHead<'_> {
        self.head.head()
    }

    /// The field for the answer, name and value.
    pub(crate) fn line(&self) -> (&[u8], &[u8]) {
        let id = self.head.head().request_id();
        (self.field.0.as_bytes(), id.unwrap_or_default())
    }
}

/// The id that a request came with: one that is well formed. Of several none is right.
fn sent_id<'a>(request: RequestHead<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let mut ids = request
        .headers()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let (_, id) = ids.next()?;
    (ids.next().is_none() && is_well_formed(id)).then_some(id)
}

/// Letters, digits and `-._~+/=:;,@|`: nothing that a log, a shell or a page would take for more than a text.
fn is_well_formed(id: &[u8]) -> bool {
    let is_usable = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=:;,@|".contains(byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(is_usable)
}

fn as_uuid_text(uuid: u128) -> [u8; UUID_BYTES] {
    let mut text = [b'-'; UUID_BYTES];
    let mut at = 0;
    for (number, byte) in uuid.to_be_bytes().into_iter().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            at += 1;
        }
        for digit in [byte >> 4, byte & 0xf] {
            text[at] = b"0123456789abcdef"[usize::from(digit)];
            at += 1;
        }
    }
    text
}

/// What comes after a request in a line of the server's log; nothing where requests have no ids.
pub(crate) struct InLog<'a>(pub(crate) Option<&'a Identified>);

impl fmt::Display for InLog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(identified) => write!(f, " (request {})", identified.line().1.escape_ascii()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use turbo_shard_protocol::{Connection, Event, Limits, Tick, Workspace};

    use super::*;

    fn ids() -> RequestIds {
        RequestIds::new(&RequestIdField::new("X-Request-ID").unwrap())
    }

    /// The id that a request with these lines gets.
    fn given(lines: &str, is_trusted: bool) -> String {
        let now = Tick::from_millis(0);
        let mut connection = Connection::new(Arc::new(Limits::sample()), now);
        connection.lend(Box::new(Workspace::new()));
        connection.receive(now, format!("GET / HTTP/1.0\r\n{lines}\r\n").as_bytes());
        assert_eq!(connection.next_event(now), Event::Head);
        let identified = ids().identify(connection.request(), is_trusted);
        let (name, id) = identified.line();
        assert_eq!(name, b"X-Request-ID");
        assert_eq!(identified.head().header("x-request-id"), Some(id));
        String::from_utf8(id.to_vec()).unwrap()
    }

    fn is_made(id: &str) -> bool {
        id.len() == UUID_BYTES && &id[14..15] == "7"
    }

    #[test]
    fn an_id_that_is_made_is_a_uuid_of_version_7() {
        let moment = UNIX_EPOCH + Duration::from_micros(1_645_557_742_000_500);
        let id = ids().made(moment);
        let text = std::str::from_utf8(&id).unwrap();
        // The time of RFC 9562's example, and half a millisecond.
        assert!(text.starts_with("017f22e2-79b0-7800-"), "{text}");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
        let is_hexadecimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(text.split('-').all(is_hexadecimal));
        assert_eq!(
            text.split('-').map(str::len).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
    }

    #[test]
    fn ids_of_one_moment_differ_within_and_between_threads() {
        let moment = SystemTime::now();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(move || {
                    let ids = ids();
                    (0..2000).map(|_| ids.made(moment)).collect::<Vec<_>>()
                })
            })
            .collect();
        let all = threads.into_iter().flat_map(|one| one.join().unwrap());
        assert_eq!(all.collect::<HashSet<_>>().len(), 8000);
    }

    #[test]
    fn ids_sort_by_the_time_at_which_they_were_made() {
        let ids = ids();
        let at = |us: u64| ids.made(UNIX_EPOCH + Duration::from_micros(us));
        let made: Vec<_> = (1_700_000_000_000_998..1_700_000_000_001_004)
            .map(at)
            .collect();
        assert!(made.is_sorted());
    }

    #[test]
    fn a_trusted_peers_id_is_taken_if_it_can_be_used() {
        for id in [
            "a",
            "0190-AB.c_~+/=:;,@|",
            &"x".repeat(REQUEST_ID_BYTES_MAX),
        ] {
            assert_eq!(given(&format!("x-request-id: {id}\r\n"), true), id);
        }
        for unusable in [
            "", "a b", "a\"b", "a\\b", "<a>", "\u{e9}", "a'b", "a`b", "a$b",
        ] {
            let id = given(&format!("x-request-id: {unusable}\r\n"), true);
            assert!(is_made(&id), "{unusable:?}: {id}");
        }
        let long = "x".repeat(REQUEST_ID_BYTES_MAX + 1);
        assert!(is_made(&given(&format!("x-request-id: {long}\r\n"), true)));
        let twice = "x-request-id: a\r\nX-Request-ID: b\r\n";
        assert!(is_made(&given(twice, true)));
        assert!(is_made(&given("", true)));
    }

    #[test]
    fn another_peers_id_is_replaced() {
        assert!(is_made(&given("x-request-id: a\r\n", false)));
    }

    #[test]
    fn a_field_has_a_name_that_wsgi_can_say() {
        for wrong in ["", "a b", "a:", "a\r\nb", "\u{e9}", "a.b"] {
            assert!(RequestIdField::new(wrong).is_none(), "{wrong:?}");
        }
        assert!(RequestIdField::new("X-Correlation_ID").is_some());
    }
}
