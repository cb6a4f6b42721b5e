//! Header names as Python bytes in lower case, as ASGI wants them: common ones are made once for each thread.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::python::thread::Owned;

/// Names that browsers, proxies and clients send; any other is made for each request.
const COMMON: [&str; 56] = [
    "host",
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-charset",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-api-key",
    "x-csrf-token",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

/// Places of the table: four times as many as there are names, so most names stand alone.
const PLACES: usize = 256;

/// One thread's names.
pub(super) struct HeaderNames {
    table: Vec<Vec<(&'static str, Owned<PyBytes>)>>,
}

impl HeaderNames {
    pub(super) fn new(py: Python<'_>) -> HeaderNames {
        let mut table: Vec<Vec<_>> = (0..PLACES).map(|_| Vec::new()).collect();
        for name in COMMON {
            let bytes = Owned::new(PyBytes::new(py, name.as_bytes()).unbind());
            table[place_of(name.as_bytes())].push((name, bytes));
        }
        HeaderNames { table }
    }

    /// `name` in lower case.
    #[inline]
    pub(super) fn get<'py>(&self, py: Python<'py>, name: &[u8]) -> Bound<'py, PyBytes> {
        for (common, bytes) in &self.table[place_of(name)] {
            if common.as_bytes().eq_ignore_ascii_case(name) {
                return bytes.bind(py).clone();
            }
        }
        PyBytes::new(py, &name.to_ascii_lowercase())
    }
}

/// Tells names apart by their length, first, middle and last letter, whatever their case.
#[inline]
fn place_of(name: &[u8]) -> usize {
    let letter = |at: usize| usize::from(name.get(at).copied().unwrap_or(0) | 0x20);
    let len = name.len();
    (len * 31 + letter(0) * 7 + letter(len / 2) * 13 + letter(len.wrapping_sub(1))) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_do_not_depend_on_case_and_hold_few_names() {
        let mut used = [0usize; PLACES];
        for name in COMMON {
            let place = place_of(name.as_bytes());
            assert_eq!(place, place_of(name.to_ascii_uppercase().as_bytes()));
            used[place] += 1;
        }
        assert!(used.iter().all(|&names| names <= 3), "{used:?}");
        assert!(place_of(b"") < PLACES);
    }
}
