//! The same things happen however a stream of requests is cut into pieces.

#[path = "driver/driver.rs"]
mod driver;

use std::sync::Arc;

use driver::{Reading, Run, Seen, decode_answers, run_cut, run_dripping, run_whole};
use proptest::prelude::*;
use turbo_shard_protocol::Limits;

/// A valid request: its bytes and what the app should see of it.
#[derive(Clone, Debug)]
struct Request {
    bytes: Vec<u8>,
    expected: Seen,
}

/// The framing of a body, and its pieces.
#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>),
    Chunked {
        chunks: Vec<(Vec<u8>, String)>,
        trailers: Vec<(String, String)>,
    },
}

impl Body {
    fn decoded(&self) -> Vec<u8> {
        match self {
            Body::None => Vec::new(),
            Body::Length(bytes) => bytes.clone(),
            Body::Chunked { chunks, .. } => {
                chunks.iter().flat_map(|(data, _)| data.clone()).collect()
            }
        }
    }

    fn field(&self) -> Option<(String, String)> {
        match self {
            Body::None => None,
            Body::Length(bytes) => Some(("Content-Length".into(), bytes.len().to_string())),
            Body::Chunked { .. } => Some(("Transfer-Encoding".into(), "chunked".into())),
        }
    }

    fn encoded(&self) -> Vec<u8> {
        let Body::Chunked { chunks, trailers } = self else {
            return self.decoded();
        };
        let mut bytes = Vec::new();
        for (data, extension) in chunks {
            bytes.extend(format!("{:x}{extension}\r\n", data.len()).bytes());
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n");
        for (name, value) in trailers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

fn bodies() -> impl Strategy<Value = Body> {
    let data = || proptest::collection::vec(any::<u8>(), 0..200);
    let extension = prop_oneof![Just(String::new()), "(;[a-z]{1,5}(=[a-z0-9]{1,5})?){1,2}"];
    let chunk = (proptest::collection::vec(any::<u8>(), 1..60), extension);
    let trailer = ("x-[a-z]{1,8}", "[ -~]{0,20}");
    prop_oneof![
        2 => Just(Body::None),
        2 => data().prop_map(Body::Length),
        3 => (
            proptest::collection::vec(chunk, 0..6),
            proptest::collection::vec(trailer, 0..3),
        )
            .prop_map(|(chunks, trailers)| Body::Chunked { chunks, trailers }),
    ]
}

prop_compose! {
    fn requests()(
        method in "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|[A-Z]{3,8}",
        path in "/[a-zA-Z0-9/%._~-]{0,30}",
        query in proptest::option::of("[a-z0-9=&?/]{0,20}"),
        absolute in any::<bool>(),
        other_host in any::<bool>(),
        fields in proptest::collection::vec(("x-[a-zA-Z0-9_-]{1,12}", "[!-~]([ -~]{0,30}[!-~])?"), 0..8),
        white_space in "[ \t]{0,3}",
        empty_lines in 0..3usize,
        body in bodies(),
    ) -> Request {
        // The generic pattern could spell the one method that is refused.
        let method = if method == "CONNECT" { "CONNECTED".into() } else { method };
        let mut headers = vec![("Host".to_owned(), "example.org".to_owned())];
        headers.extend(fields);
        headers.extend(body.field());
        let mut target = if absolute { "http://example.org".to_owned() } else { String::new() };
        target.push_str(&path);
        if let Some(query) = &query {
            target.push('?');
            target.push_str(query);
        }
        let mut text = "\r\n".repeat(empty_lines);
        text.push_str(&format!("{method} {target} HTTP/1.1\r\n"));
        for (name, value) in &headers {
            // The host of an absolute-form target wins over `Host` (RFC 9112 section 3.2.2).
            let value = match name.as_str() {
                "Host" if absolute && other_host => "other.example:81",
                _ => value.as_str(),
            };
            text.push_str(&format!("{name}:{white_space}{value}{white_space}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend(body.encoded());
        Request {
            bytes,
            expected: Seen {
                method: method.into_bytes(),
                path: path.into_bytes(),
                query: query.unwrap_or_default().into_bytes(),
                headers: headers
                    .into_iter()
                    .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
                    .collect(),
                body: body.decoded(),
            },
        }
    }
}

fn assert_all_seen(run: &Run, requests: &[Request]) {
    assert_eq!(run.refused, None);
    assert!(!run.closed);
    let expected: Vec<_> = requests
        .iter()
        .map(|request| request.expected.clone())
        .collect();
    assert_eq!(run.seen, expected);
    let methods: Vec<_> = expected
        .iter()
        .map(|seen| std::str::from_utf8(&seen.method).unwrap())
        .collect();
    let answers = decode_answers(&run.output, &methods);
    assert_eq!(answers.len(), expected.len());
    for (answer, seen) in answers.iter().zip(&expected) {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-path"), Some(&seen.path[..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_split_of_valid_requests_gives_the_same_events(
        requests in proptest::collection::vec(requests(), 1..6),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        reading in prop_oneof![Just(Reading::Whole), Just(Reading::Stream)],
    ) {
        let limits = Arc::new(Limits::sample());
        let input: Vec<u8> = requests.iter().flat_map(|request| request.bytes.clone()).collect();
        let whole = run_whole(&limits, reading, &input);
        assert_all_seen(&whole, &requests);
        prop_assert_eq!(&run_cut(&limits, reading, &input, &cuts), &whole);
        prop_assert_eq!(&run_dripping(&limits, reading, &input), &whole);
    }

    /// Requests that the app answers without reading: as long as the bodies are short, nothing gets lost.
    #[test]
    fn unread_bodies_do_not_disturb_what_follows(
        requests in proptest::collection::vec(requests(), 1..6),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let limits = Arc::new(Limits::sample());
        let input: Vec<u8> = requests.iter().flat_map(|request| request.bytes.clone()).collect();
        let whole = run_whole(&limits, Reading::Never, &input);
        prop_assert_eq!(whole.seen.len(), requests.len());
        prop_assert!(whole.seen.iter().zip(&requests).all(|(seen, request)| seen.path == request.expected.path));
        prop_assert_eq!(&run_cut(&limits, Reading::Never, &input, &cuts), &whole);
        prop_assert_eq!(&run_dripping(&limits, Reading::Never, &input), &whole);
    }

    /// Valid requests with a few bytes changed, within limits that some of them exceed: the outcome is open, but it
    /// does not depend on the split.
    #[test]
    fn any_split_of_damaged_requests_gives_the_same_events(
        requests in proptest::collection::vec(requests(), 1..4),
        damages in proptest::collection::vec((any::<usize>(), damage()), 1..4),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        reading in prop_oneof![Just(Reading::Whole), Just(Reading::Stream), Just(Reading::Never)],
        limits in prop_oneof![Just(Limits::sample()), Just(tight())],
    ) {
        let limits = Arc::new(limits);
        let mut input: Vec<u8> = requests.iter().flat_map(|request| request.bytes.clone()).collect();
        for (place, damage) in damages {
            damage.apply(place, &mut input);
        }
        let whole = run_whole(&limits, reading, &input);
        prop_assert_eq!(&run_cut(&limits, reading, &input, &cuts), &whole);
        prop_assert_eq!(&run_dripping(&limits, reading, &input), &whole);
    }
}

/// Limits that an ordinary generated request may exceed.
fn tight() -> Limits {
    Limits {
        head_bytes_max: 220,
        header_fields_max: 7,
        target_bytes_max: 40,
        body_bytes_max: 120,
        discard_bytes_max: 100,
        trailer_bytes_max: 40,
        chunk_line_bytes_max: 12,
        ..Limits::sample()
    }
}

/// A way to damage a stream, with bytes that matter to a parser.
#[derive(Clone, Debug)]
enum Damage {
    Replace(u8),
    Insert(Vec<u8>),
    Remove(usize),
}

impl Damage {
    fn apply(&self, place: usize, input: &mut Vec<u8>) {
        if input.is_empty() {
            return;
        }
        let place = place % input.len();
        match self {
            Damage::Replace(byte) => input[place] = *byte,
            Damage::Insert(bytes) => drop(input.splice(place..place, bytes.iter().copied())),
            Damage::Remove(count) => {
                let end = input.len().min(place + count);
                input.drain(place..end);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![
        proptest::sample::select(b"\r\n \t:;,0f/?#\0\x7f\xff".to_vec()),
        any::<u8>()
    ];
    let snippet = proptest::sample::select(vec![
        b"\r\n".to_vec(),
        b"\n".to_vec(),
        b"\r\n\r\n".to_vec(),
        b"0\r\n\r\n".to_vec(),
        b"\r\nContent-Length: 3".to_vec(),
        b"\r\nTransfer-Encoding: chunked".to_vec(),
        b"\r\nConnection: close".to_vec(),
        b"GET / HTTP/1.1\r\n".to_vec(),
    ]);
    prop_oneof![
        byte.prop_map(Damage::Replace),
        snippet.prop_map(Damage::Insert),
        (1..5usize).prop_map(Damage::Remove),
    ]
}
