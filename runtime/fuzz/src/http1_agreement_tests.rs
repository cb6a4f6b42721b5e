//! Where hyper 1.12 and we differ, case by case, and what both refuse that hides requests elsewhere. We refuse all of it: the
//! rows say what hyper makes of it, so that a release which reads otherwise is noticed and judged.

use turbo_shard_protocol::Violation::{self, *};

use crate::hyper_reading;
use crate::pieces::ways;
use crate::session::{limits, tell};

/// Follows each case: who reads it takes the case to end before it.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
const HELLO: &str = "5\r\nhello\r\n0\r\n\r\n";

/// Name, bytes, the rule by which we refuse them, and the bodies of the requests that hyper reads in them and in what
/// follows; None is a body that it refuses.
type Case = (
    &'static str,
    String,
    Violation,
    &'static [Option<&'static str>],
);

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn get_of(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

fn assert_refused(cases: &[Case]) {
    for (name, case, ours, hypers) in cases {
        let input = [case, NEXT].concat();
        for pieces in ways(input.as_bytes()) {
            let story = tell(&limits(), &pieces);
            assert_eq!(story.refused, Some(*ours), "{name}");
            assert!(story.asked.iter().all(|asked| !asked.is_answered), "{name}");
        }
        let readings = hyper_reading::read(input.as_bytes(), 100);
        let bodies: Vec<_> = readings
            .iter()
            .map(|reading| reading.body.as_deref())
            .collect();
        let expected: Vec<_> = hypers.iter().map(|body| body.map(str::as_bytes)).collect();
        assert_eq!(bodies, expected, "{name}");
    }
}

/// Where hyper finds one end of a body, another reader may find another: two lengths, or a length beside a coding,
/// are the classic way to hide a request (RFC 9112 section 6.3 lets a server refuse all of them). hyper believes
/// two equal lengths, and the coding where there is a length as well, after which it closes; it takes `chunked`
/// from the end of any list.
#[test]
fn lengths_and_codings() {
    assert_refused(&[
        (
            "two lengths that agree",
            post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
            ContentLengthRepeated,
            &[Some("hello"), Some("")],
        ),
        (
            "two lengths that differ",
            post("Content-Length: 5\r\nContent-Length: 4\r\n", "hello"),
            ContentLengthRepeated,
            &[],
        ),
        (
            "a list of lengths",
            post("Content-Length: 5, 5\r\n", "hello"),
            ContentLengthInvalid,
            &[],
        ),
        (
            "a length with a sign",
            post("Content-Length: +5\r\n", "hello"),
            ContentLengthInvalid,
            &[],
        ),
        (
            "a length before chunked",
            post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", HELLO),
            BothLengths,
            &[Some("hello")],
        ),
        (
            "a length after chunked",
            post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", HELLO),
            BothLengths,
            &[Some("hello")],
        ),
        (
            "another coding before chunked",
            post("Transfer-Encoding: gzip, chunked\r\n", HELLO),
            TransferEncodingUnsupported,
            &[Some("hello"), Some("")],
        ),
        (
            "chunked twice in a list",
            post("Transfer-Encoding: chunked, chunked\r\n", HELLO),
            TransferEncodingUnsupported,
            &[Some("hello"), Some("")],
        ),
        (
            "chunked in two lines",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                HELLO,
            ),
            TransferEncodingUnsupported,
            &[Some("hello"), Some("")],
        ),
        (
            "chunked after an empty element",
            post("Transfer-Encoding: ,chunked\r\n", HELLO),
            TransferEncodingUnsupported,
            &[Some("hello"), Some("")],
        ),
        (
            "a coding after chunked",
            post("Transfer-Encoding: chunked, identity\r\n", HELLO),
            TransferEncodingUnsupported,
            &[],
        ),
        (
            "no coding at all",
            post("Transfer-Encoding:\r\n", ""),
            TransferEncodingUnsupported,
            &[],
        ),
        (
            "chunked on HTTP/1.0",
            format!("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{HELLO}"),
            TransferEncodingOnHttp10,
            &[],
        ),
    ]);
}

/// What one reader takes for the end of a line or for part of a name, another does not. hyper takes bare line feeds
/// in a head, as RFC 9112 section 2.2 allows.
#[test]
fn lines() {
    assert_refused(&[
        (
            "bare line feeds in a head",
            "GET / HTTP/1.1\nHost: a\n\n".into(),
            BareLineFeed,
            &[Some(""), Some("")],
        ),
        (
            "a bare line feed in a field",
            get("x: y\nz: z\r\n"),
            BareLineFeed,
            &[Some(""), Some("")],
        ),
        (
            "a bare line feed before a head",
            format!("\n{}", get("")),
            BareLineFeed,
            &[Some(""), Some("")],
        ),
        (
            "a bare carriage return in a field",
            get("x: y\rz: z\r\n"),
            BareCarriageReturn,
            &[],
        ),
        (
            "a folded field",
            get("x: y\r\n Content-Length: 5\r\n"),
            FieldNameMalformed,
            &[],
        ),
        (
            "a field folded by a tab",
            get("x: y\r\n\tz\r\n"),
            FieldNameMalformed,
            &[],
        ),
        (
            "a space before the colon",
            post("Content-Length : 5\r\n", "hello"),
            FieldNameMalformed,
            &[],
        ),
        (
            "a space before the first name",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n".into(),
            FieldNameMalformed,
            &[],
        ),
        (
            "a zero byte in a value",
            get("x: a\0b\r\n"),
            FieldValueMalformed,
            &[],
        ),
        (
            "two spaces in the request line",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            RequestLineMalformed,
            &[],
        ),
        (
            "nine empty lines before a head",
            format!("{}{}", "\r\n".repeat(9), get("")),
            TooManyEmptyLines,
            &[Some(""), Some("")],
        ),
    ]);
}

/// hyper takes blanks after a size, zeros without end before it and control bytes in an extension, and drops
/// trailers without looking at their names. After a chunk of data, and in an extension, it is as strict as we are;
/// a line feed alone in the trailer section leaves it unsure where the next request begins.
#[test]
fn chunks() {
    assert_refused(&[
        (
            "a space after a size",
            chunked("5 \r\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[Some("hello"), Some("")],
        ),
        (
            "a space before an extension",
            chunked("5 ;x\r\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[Some("hello"), Some("")],
        ),
        (
            "a space before a size",
            chunked(" 5\r\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[None],
        ),
        (
            "a size with a base",
            chunked("0x5\r\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[None],
        ),
        (
            "a size of 17 digits",
            chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[Some("hello"), Some("")],
        ),
        (
            "a size that overflows",
            chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[None],
        ),
        (
            "no size",
            chunked("\r\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[None],
        ),
        (
            "a bare line feed after a size",
            chunked("5\nhello\r\n0\r\n\r\n"),
            ChunkSizeInvalid,
            &[None],
        ),
        (
            "a bare line feed in an extension",
            chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"),
            ChunkExtensionInvalid,
            &[None],
        ),
        (
            "a bare carriage return in an extension",
            chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"),
            ChunkExtensionInvalid,
            &[None],
        ),
        (
            "a zero byte in an extension",
            chunked("5;a\0\r\nhello\r\n0\r\n\r\n"),
            ChunkExtensionInvalid,
            &[Some("hello"), Some("")],
        ),
        (
            "data without an end",
            chunked("5\r\nhelloXY0\r\n\r\n"),
            ChunkEndMalformed,
            &[None],
        ),
        (
            "a bare line feed after data",
            chunked("5\r\nhello\n0\r\n\r\n"),
            ChunkEndMalformed,
            &[None],
        ),
        (
            "a length in a trailer",
            chunked("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
            TrailerForbidden,
            &[Some("hello"), Some("")],
        ),
        (
            "a request in a trailer",
            chunked("5\r\nhello\r\n0\r\nGET /hidden HTTP/1.1\r\n\r\n"),
            TrailerMalformed,
            &[None],
        ),
        (
            "a bare line feed in a trailer",
            chunked("5\r\nhello\r\n0\r\nx: y\n\r\n"),
            BareLineFeed,
            &[Some("hello")],
        ),
        (
            "a bare line feed at the end",
            chunked("5\r\nhello\r\n0\r\n\n"),
            BareLineFeed,
            &[Some("hello")],
        ),
    ]);
}

/// hyper leaves these to its user: which host is meant and what a target stands for. A server that routes, logs and
/// checks by them may not: two readers would see two requests.
#[test]
fn targets_and_hosts() {
    assert_refused(&[
        (
            "no host",
            "GET / HTTP/1.1\r\n\r\n".into(),
            HostMissing,
            &[Some(""), Some("")],
        ),
        (
            "two hosts",
            get("Host: b\r\n"),
            HostRepeated,
            &[Some(""), Some("")],
        ),
        (
            "a host that is a path",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into(),
            HostInvalid,
            &[Some(""), Some("")],
        ),
        (
            "a user in the target",
            get_of("http://u@a/"),
            TargetInvalid,
            &[Some(""), Some("")],
        ),
        (
            "another scheme",
            get_of("ftp://a/"),
            TargetInvalid,
            &[Some(""), Some("")],
        ),
        (
            "a target without a slash",
            get_of("first"),
            TargetInvalid,
            &[Some(""), Some("")],
        ),
        (
            "a fragment",
            get_of("/first#x"),
            TargetInvalid,
            &[Some(""), Some("")],
        ),
        (
            "a target that is not ASCII",
            get_of("/\u{e4}"),
            TargetInvalid,
            &[Some(""), Some("")],
        ),
        (
            "an asterisk without OPTIONS",
            get_of("*"),
            TargetInvalid,
            &[Some(""), Some("")],
        ),
        (
            "CONNECT",
            "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n".into(),
            ConnectUnsupported,
            &[Some("")],
        ),
        (
            "an unknown expectation",
            post("Expect: x\r\n", ""),
            ExpectationUnsupported,
            &[Some(""), Some("")],
        ),
    ]);
}

/// The one way in which hyper is the stricter one: characters that RFC 3986 does not have in a path and that clients send.
#[test]
fn targets_that_hyper_alone_refuses() {
    for target in ["/a<b", "/a`b", "/a>b", "http://a%41/"] {
        let input = get_of(target);
        let story = tell(&limits(), &[input.as_bytes()]);
        assert_eq!((story.asked.len(), story.refused), (1, None), "{target}");
        assert_eq!(hyper_reading::read(input.as_bytes(), 100), [], "{target}");
    }
}
