//! Every known way to hide a request in another one (FACTS: "HTTP framing that must be refused"), run whole, byte by
//! byte and split at every position. A canary request follows each: it must never be seen.

#[path = "driver/driver.rs"]
mod driver;

use std::sync::Arc;

use driver::{CANARY, Reading, Run, chunked, decode_answers, post, run, run_dripping, run_whole};
use turbo_shard_protocol::{Limits, Violation};

/// All runs of `input`: whole, dripping, split at every position; with the body read in both ways.
fn for_every_split(input: &[u8], check: impl Fn(&Run, &str)) {
    let limits = Arc::new(Limits::sample());
    for reading in [Reading::Whole, Reading::Stream] {
        check(&run_whole(&limits, reading, input), "whole");
        check(&run_dripping(&limits, reading, input), "dripping");
        for cut in 1..input.len() {
            let (first, second) = input.split_at(cut);
            check(
                &run(&limits, reading, [first, second]),
                &format!("cut at {cut}"),
            );
        }
    }
}

#[track_caller]
fn assert_refused(attack: &[u8], violation: Violation) {
    let input = [attack, CANARY].concat();
    for_every_split(&input, |run, how| {
        let context = format!("{} {how}", attack.escape_ascii());
        assert_eq!(run.refused, Some(violation), "{context}");
        assert!(run.closed, "{context}");
        assert_eq!(run.seen, [], "{context}");
        let answers = decode_answers(&run.output, &["GET"]);
        assert_eq!(answers.len(), 1, "{context}");
        assert_eq!(answers[0].status, violation.status(), "{context}");
        assert_eq!(answers[0].header("connection"), Some(&b"close"[..]));
        assert_eq!(answers[0].body, violation.to_string().as_bytes());
        assert!(answers[0].header("date").is_some());
    });
}

/// The request passes and the canary is an ordinary second request.
#[track_caller]
fn assert_accepted(request: &[u8], body: &[u8]) {
    let input = [request, CANARY].concat();
    for_every_split(&input, |run, how| {
        let context = format!("{} {how}", request.escape_ascii());
        assert_eq!(run.refused, None, "{context}");
        assert_eq!(run.seen.len(), 2, "{context}");
        assert_eq!(run.seen[0].body, body, "{context}");
        assert_eq!(run.seen[1].path, b"/smuggled", "{context}");
        assert_eq!(decode_answers(&run.output, &["GET", "GET"]).len(), 2);
    });
}

#[test]
fn both_lengths() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_refused(&post(lines, "0\r\n\r\n"), Violation::BothLengths);
    }
}

#[test]
fn transfer_encoding_that_is_not_exactly_one_final_chunked() {
    for value in [
        "xchunked",
        "chunked, identity",
        "gzip, chunked",
        ",chunked",
        "chunked,",
        "chunked, chunked",
        "chunked;q=1",
        "\"chunked\"",
        "identity",
        "",
    ] {
        assert_refused(
            &post(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n"),
            Violation::TransferEncodingUnsupported,
        );
    }
    assert_refused(
        &post(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        Violation::TransferEncodingUnsupported,
    );
    assert_refused(
        &post(
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        Violation::TransferEncodingUnsupported,
    );
    assert_refused(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \xa0chunked\r\n\r\n0\r\n\r\n",
        Violation::TransferEncodingUnsupported,
    );
    assert_refused(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        Violation::FieldValueMalformed,
    );
}

#[test]
fn transfer_encoding_on_http_1_0() {
    assert_refused(
        b"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Violation::TransferEncodingOnHttp10,
    );
}

#[test]
fn content_length_that_is_not_digits() {
    for value in [
        "+5",
        "0x5",
        "5_0",
        "-1",
        "",
        "5, 5",
        "5,5",
        "5 5",
        "5;",
        "\"5\"",
        "5.0",
        "1e1",
        "18446744073709551616",
        "99999999999999999999999",
    ] {
        assert_refused(
            &post(&format!("Content-Length: {value}\r\n"), "12345"),
            Violation::ContentLengthInvalid,
        );
    }
}

#[test]
fn content_length_twice() {
    for second in ["5", "6"] {
        assert_refused(
            &post(
                &format!("Content-Length: 5\r\ncontent-length: {second}\r\n"),
                "12345",
            ),
            Violation::ContentLengthRepeated,
        );
    }
}

#[test]
fn chunk_sizes_that_are_not_bare_hexadecimal() {
    for size in [
        "0x3",
        "+3",
        "-3",
        "3_0",
        " 3",
        "3 ",
        "3 ;x",
        "\t3",
        "",
        ";x",
        "3g",
        "10000000000000000",
        "fffffffffffffffff",
    ] {
        assert_refused(
            &chunked(&format!("{size}\r\nabc\r\n0\r\n\r\n")),
            Violation::ChunkSizeInvalid,
        );
    }
    assert_refused(&chunked("3\nabc\r\n0\r\n\r\n"), Violation::ChunkSizeInvalid);
    assert_refused(&chunked("ffffffffffffffff\r\nabc"), Violation::BodyTooLarge);
}

#[test]
fn chunk_data_that_does_not_end_with_crlf() {
    for end in ["XY", "\rX", "X\n", "\n", "\n\n", "\r\r\n", ""] {
        assert_refused(
            &chunked(&format!("3\r\nabc{end}0\r\n\r\n")),
            Violation::ChunkEndMalformed,
        );
    }
}

#[test]
fn line_ends_in_chunk_extensions() {
    for extension in [";a\n", ";a\rb", ";a=\"\n\"", ";\0", ";\x0b"] {
        assert_refused(
            &chunked(&format!("3{extension}\r\nabc\r\n0\r\n\r\n")),
            Violation::ChunkExtensionInvalid,
        );
    }
}

#[test]
fn trailers_that_steer_framing_or_hide_a_request() {
    for field in [
        "Content-Length: 5",
        "transfer-encoding: chunked",
        "Host: b",
        "Connection: close",
    ] {
        assert_refused(
            &chunked(&format!("0\r\nx: y\r\n{field}\r\n\r\n")),
            Violation::TrailerForbidden,
        );
    }
    for line in [
        "GET /hidden HTTP/1.1",
        "x : y",
        " x: y",
        "x: y\r\n z",
        ": y",
    ] {
        assert_refused(
            &chunked(&format!("0\r\n{line}\r\n\r\n")),
            Violation::TrailerMalformed,
        );
    }
    assert_refused(&chunked("0\r\nx: y\n\r\n"), Violation::BareLineFeed);
    assert_refused(&chunked("0\r\n\n"), Violation::BareLineFeed);
}

#[test]
fn line_ends_that_are_not_crlf() {
    for head in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nx: y\nz: z\r\n\r\n",
    ] {
        assert_refused(head.as_bytes(), Violation::BareLineFeed);
    }
    for head in [
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nx: y\rz: z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_refused(head.as_bytes(), Violation::BareCarriageReturn);
    }
}

#[test]
fn control_bytes_in_fields() {
    for byte in [0, 1, 0x0b, 0x0c, 0x1b, 0x7f] {
        let value = [
            b"GET / HTTP/1.1\r\nHost: a\r\nx: y",
            &[byte][..],
            b"\r\n\r\n",
        ]
        .concat();
        assert_refused(&value, Violation::FieldValueMalformed);
        let name = [
            b"GET / HTTP/1.1\r\nHost: a\r\nx",
            &[byte][..],
            b": y\r\n\r\n",
        ]
        .concat();
        assert_refused(&name, Violation::FieldNameMalformed);
    }
}

#[test]
fn malformed_fields() {
    for line in [
        "Content-Length : 5",
        "Transfer-Encoding\t: chunked",
        ": y",
        "x y: z",
        "x",
        "x(y): z",
        "Content-Length: 5\r\n 0",
        "x: y\r\n\tTransfer-Encoding: chunked",
    ] {
        assert_refused(
            &post(&format!("{line}\r\n"), ""),
            Violation::FieldNameMalformed,
        );
    }
    assert_refused(
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        Violation::FieldNameMalformed,
    );
}

#[test]
fn host_missing_twice_or_invalid() {
    assert_refused(b"GET / HTTP/1.1\r\n\r\n", Violation::HostMissing);
    assert_refused(
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        Violation::HostRepeated,
    );
    for host in ["a b", "a/b", "u@a", "a:x", "a,b:1:2", "[::1", "a?x", "a\\b"] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_refused(head.as_bytes(), Violation::HostInvalid);
    }
}

#[test]
fn request_lines_that_are_none() {
    for line in [
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        "GET /",
        "get",
    ] {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        assert_refused(head.as_bytes(), Violation::RequestLineMalformed);
    }
    assert_refused(
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        Violation::VersionUnsupported,
    );
    assert_refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Violation::Http2Preface);
    assert_refused(b"\x16\x03\x01\x02\x00\x01", Violation::TlsRecord);
    assert_refused(
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
        Violation::ConnectUnsupported,
    );
    assert_refused(
        b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
        Violation::TargetInvalid,
    );
}

#[test]
fn unknown_expectations() {
    assert_refused(
        &post("Expect: 100-continue, x\r\nContent-Length: 1\r\n", "x"),
        Violation::ExpectationUnsupported,
    );
}

/// We never switch protocols, so what follows an `Upgrade` is the next HTTP request (RFC 9110 section 7.8).
#[test]
fn bytes_after_an_upgrade_are_http() {
    assert_accepted(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"",
    );
}

#[test]
fn what_is_not_an_error() {
    assert_accepted(b"GET / HTTP/1.1\r\nHost: a\r\nx: \x80\xff\r\n\r\n", b"");
    assert_accepted(b"GET / HTTP/1.1\r\nHost: a\r\nx:\r\ny: \t \r\n\r\n", b"");
    assert_accepted(b"GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", b"");
    assert_accepted(b"GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", b"");
    assert_accepted(b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", b"");
    assert_accepted(b"GET /%c0 HTTP/1.1\r\nHost: a\r\n\r\n", b"");
    assert_accepted(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"");
    assert_accepted(b"GET / HTTP/1.1\r\nHost:\r\n\r\n", b"");
    assert_accepted(&post("Content-Length: 005\r\n", "12345"), b"12345");
    assert_accepted(&post("Content-Length: 5\r\n", "12345\r\n"), b"12345");
    assert_accepted(
        &chunked("3;a=\"b;\"\r\nabc\r\n00\r\nX-Sum: 1\r\n\r\n"),
        b"abc",
    );
    assert_accepted(
        &post("transfer-encoding:\tChunked \r\n", "1\r\nx\r\n0\r\n\r\n"),
        b"x",
    );
    assert_accepted(
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
        b"x",
    );
}
