//! The environ keys of header fields: `Accept-Encoding` is `HTTP_ACCEPT_ENCODING`. Knows no values.
//!
//! The keys of common fields are interned once per process. On free-threaded Python interned strings are immortal, so
//! no thread writes a count in them.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::requests::byte_pieces::latin1;

const PREFIX: &[u8] = b"HTTP_";

/// Longer names are rare; they get memory of their own.
const KEY_BYTES_MAX: usize = 64;

/// What browsers, proxies and API clients send.
const COMMON: [&str; 58] = [
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_CHARSET",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
    "HTTP_AUTHORIZATION",
    "HTTP_BAGGAGE",
    "HTTP_CACHE_CONTROL",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_CF_IPCOUNTRY",
    "HTTP_CF_RAY",
    "HTTP_CF_VISITOR",
    "HTTP_CONNECTION",
    "HTTP_CONTENT_ENCODING",
    "HTTP_COOKIE",
    "HTTP_DATE",
    "HTTP_DNT",
    "HTTP_EXPECT",
    "HTTP_FORWARDED",
    "HTTP_FROM",
    "HTTP_HOST",
    "HTTP_IDEMPOTENCY_KEY",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_KEEP_ALIVE",
    "HTTP_ORIGIN",
    "HTTP_PRAGMA",
    "HTTP_PRIORITY",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_SEC_CH_UA",
    "HTTP_SEC_CH_UA_MOBILE",
    "HTTP_SEC_CH_UA_PLATFORM",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_USER",
    "HTTP_TE",
    "HTTP_TRACEPARENT",
    "HTTP_TRACESTATE",
    "HTTP_UPGRADE",
    "HTTP_UPGRADE_INSECURE_REQUESTS",
    "HTTP_USER_AGENT",
    "HTTP_VIA",
    "HTTP_X_API_KEY",
    "HTTP_X_CORRELATION_ID",
    "HTTP_X_CSRFTOKEN",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUEST_ID",
    "HTTP_X_REQUESTED_WITH",
];

/// At most a quarter full, so a name that is not there is found missing at once.
const SLOTS: usize = 256;

/// The interned keys, by their text.
pub(super) struct FieldKeys {
    slots: [Option<(&'static str, Py<PyString>)>; SLOTS],
}

impl FieldKeys {
    /// This process's.
    pub(super) fn get(py: Python<'_>) -> &FieldKeys {
        static KEYS: PyOnceLock<FieldKeys> = PyOnceLock::new();
        KEYS.get_or_init(py, || {
            let mut slots = [const { None }; SLOTS];
            for name in COMMON {
                let hash = name.bytes().skip(PREFIX.len()).fold(HASH_SEED, hashed);
                let mut slot = hash as usize % SLOTS;
                while slots[slot].is_some() {
                    slot = (slot + 1) % SLOTS;
                }
                slots[slot] = Some((name, PyString::intern(py, name).unbind()));
            }
            FieldKeys { slots }
        })
    }

    /// The key of the field with this name.
    pub(super) fn key<'py>(&self, py: Python<'py>, name: &[u8]) -> PyResult<Bound<'py, PyString>> {
        let length = PREFIX.len() + name.len();
        let mut room = [0; KEY_BYTES_MAX];
        let Some(key) = room.get_mut(..length) else {
            return latin1(py, &key_text(name));
        };
        key[..PREFIX.len()].copy_from_slice(PREFIX);
        let mut hash = HASH_SEED;
        for (to, from) in key[PREFIX.len()..].iter_mut().zip(name) {
            *to = key_byte(*from);
            hash = hashed(hash, *to);
        }
        let mut slot = hash as usize % SLOTS;
        while let Some((known, object)) = &self.slots[slot] {
            if known.as_bytes() == key {
                return Ok(object.bind(py).clone());
            }
            slot = (slot + 1) % SLOTS;
        }
        latin1(py, key)
    }
}

/// The key of the field with this name, as text.
pub(super) fn key_text(name: &[u8]) -> Vec<u8> {
    let mut key = PREFIX.to_vec();
    key.extend(name.iter().map(|byte| key_byte(*byte)));
    key
}

fn key_byte(byte: u8) -> u8 {
    match byte {
        b'-' => b'_',
        byte => byte.to_ascii_uppercase(),
    }
}

const HASH_SEED: u32 = 0x811c_9dc5;

/// FNV-1a. Peers gain nothing from names that collide: the table never grows.
fn hashed(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_upper_case_with_underscores() {
        assert_eq!(key_text(b"Accept-encoding"), b"HTTP_ACCEPT_ENCODING");
        assert_eq!(key_text(b"x.y!z"), b"HTTP_X.Y!Z");
    }

    #[test]
    fn common_keys_stand_alone() {
        let mut names = COMMON.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMON.len());
        assert!(names.iter().all(|name| name.len() <= KEY_BYTES_MAX));
        const { assert!(COMMON.len() * 4 <= SLOTS) };
    }

    #[test]
    fn common_and_other_names_have_the_key_that_they_spell() {
        Python::initialize();
        Python::attach(|py| {
            let keys = FieldKeys::get(py);
            let long = [b'x'; 100];
            for name in [&b"host"[..], b"HOST", b"X-Own", b"sec-ch-ua", &long] {
                let key = keys.key(py, name).unwrap();
                assert_eq!(key.to_str().unwrap().as_bytes(), key_text(name));
            }
            let twice = [b"Cookie", b"cookie"].map(|name| keys.key(py, name).unwrap());
            assert!(twice[0].is(&twice[1]));
        });
    }
}
