//! What a request head may say, rule by rule.

use super::*;
use crate::body_framing::BodyFraming;
use crate::request_head::RequestHead;

fn parse(head: &[u8]) -> Result<HeadIndex, Violation> {
    let mut index = HeadIndex::new();
    parse_head(head, &Limits::sample(), &mut index).map(|()| index)
}

/// Parses a head of HTTP/1.1 with a good `Host` and these lines.
fn parse_lines(lines: &[u8]) -> Result<HeadIndex, Violation> {
    parse(&[b"GET / HTTP/1.1\r\nHost: a\r\n", lines, b"\r\n"].concat())
}

#[test]
fn every_part_of_a_head_is_found() {
    let bytes = b"BREW http://a:1/pot?x=y HTTP/1.1\r\nHost: a:1\r\nx-Empty:\r\nX-Text: \t a b\xff \t\r\n\r\n";
    let index = parse(bytes).unwrap();
    let head = RequestHead::new(bytes, &index);
    assert_eq!(head.method(), Method::Other);
    assert_eq!(head.method_bytes(), b"BREW");
    assert_eq!(head.target(), b"http://a:1/pot?x=y");
    assert_eq!(head.path(), b"/pot");
    assert_eq!(head.query(), b"x=y");
    assert_eq!(head.version(), Version::Http11);
    assert_eq!(head.framing(), BodyFraming::None);
    assert!(head.keep_alive());
    assert_eq!(head.headers().len(), 3);
    let headers: Vec<_> = head.headers().collect();
    assert_eq!(
        headers,
        [
            (&b"Host"[..], &b"a:1"[..]),
            (b"x-Empty", b""),
            (b"X-Text", b"a b\xff")
        ]
    );
    assert_eq!(head.header("X-EMPTY"), Some(&b""[..]));
    assert_eq!(head.header("x-none"), None);
}

#[test]
fn an_absolute_target_without_path_means_the_root() {
    let bytes = b"GET http://a?q HTTP/1.1\r\nHost: A\r\n\r\n";
    let index = parse(bytes).unwrap();
    assert_eq!(RequestHead::new(bytes, &index).path(), b"/");
    assert_eq!(RequestHead::new(bytes, &index).query(), b"q");
}

#[test]
fn malformed_request_lines_are_refused() {
    for line in [
        &b"GET / HTTP/1.1 "[..],
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1x",
        b"GET / http/1.1",
        b"GET / HTTP/11",
        b"GET / HTTP/1.10",
        b"GET /",
        b"GET",
        b"G(T / HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b" / HTTP/1.1",
        b"GET  HTTP/1.1",
    ] {
        let head = [line, b"\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(
            parse(&head).unwrap_err(),
            Violation::RequestLineMalformed,
            "{}",
            line.escape_ascii()
        );
    }
}

#[test]
fn other_versions_get_505() {
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"] {
        let head = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(
            parse(head.as_bytes()).unwrap_err(),
            Violation::VersionUnsupported
        );
    }
}

#[test]
fn malformed_field_names_are_refused() {
    for line in [
        &b": v\r\n"[..],
        b"a : v\r\n",
        b"a\t: v\r\n",
        b"a b: v\r\n",
        b"a(: v\r\n",
        b"a\x00b: v\r\n",
        b"\xc3\xa4: v\r\n",
        b"no-colon\r\n",
        b" folded\r\n",
        b"a: b\r\n folded\r\n",
        b"a: b\r\n\tfolded: c\r\n",
        b"a: b\r\n \r\n",
    ] {
        assert_eq!(
            parse_lines(line).unwrap_err(),
            Violation::FieldNameMalformed,
            "{}",
            line.escape_ascii()
        );
    }
    let first_line_indented = b"GET / HTTP/1.1\r\n Host: a\r\n\r\n";
    assert_eq!(
        parse(first_line_indented).unwrap_err(),
        Violation::FieldNameMalformed
    );
}

/// At every place in a long value, because httparse looks at many bytes at once.
#[test]
fn control_bytes_in_values_are_refused_wherever_they_stand() {
    for byte in (0..=0x1fu8).chain([0x7f]) {
        if matches!(byte, b'\t' | b'\n') {
            continue;
        }
        for before in 0..70 {
            let mut line = b"x: ".to_vec();
            line.extend(std::iter::repeat_n(b'v', before));
            line.push(byte);
            line.extend_from_slice(b"vvv\r\n");
            let expected = match byte {
                b'\r' => Violation::BareCarriageReturn,
                _ => Violation::FieldValueMalformed,
            };
            assert_eq!(
                parse_lines(&line).unwrap_err(),
                expected,
                "{byte:#x} after {before}"
            );
        }
    }
}

#[test]
fn obs_text_and_tabs_in_values_pass() {
    let all: Vec<u8> = (0x20..=0x7e).chain(0x80..=0xff).chain([b'\t']).collect();
    assert!(parse_lines(&[b"x: a", &all[..], b"a\r\n"].concat()).is_ok());
}

#[test]
fn bare_carriage_returns_are_refused() {
    for head in [
        &b"GET / HTTP/1.1\rHost: a\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\rb: c\r\n\r\n",
        b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(
            parse(head).unwrap_err(),
            Violation::BareCarriageReturn,
            "{}",
            head.escape_ascii()
        );
    }
}

#[test]
fn host_of_an_absolute_target_wins_over_the_field() {
    for (head, fields) in [
        (
            &b"GET http://a:1/ HTTP/1.1\r\nx: y\r\nhOST: b\r\n\r\n"[..],
            &[(&b"x"[..], &b"y"[..]), (b"hOST", b"a:1")][..],
        ),
        (
            b"GET http://a HTTP/1.0\r\nHost: b\r\n\r\n",
            &[(b"Host", b"a")],
        ),
        (b"GET http://a HTTP/1.0\r\n\r\n", &[]),
        (b"GET / HTTP/1.1\r\nHost: b\r\n\r\n", &[(b"Host", b"b")]),
    ] {
        let index = parse(head).unwrap();
        let seen: Vec<_> = RequestHead::new(head, &index).headers().collect();
        assert_eq!(seen, fields, "{}", head.escape_ascii());
    }
    // It must be valid all the same.
    assert_eq!(
        parse(b"GET http://a/ HTTP/1.1\r\nHost: b/c\r\n\r\n").unwrap_err(),
        Violation::HostInvalid
    );
}

#[test]
fn host_is_needed_once_and_valid() {
    let refused = |head: &[u8]| parse(head).unwrap_err();
    assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n"), Violation::HostMissing);
    assert_eq!(
        refused(b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        Violation::HostRepeated
    );
    assert_eq!(
        refused(b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        Violation::HostRepeated
    );
    assert_eq!(
        refused(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        Violation::HostInvalid
    );
    assert!(parse(b"GET / HTTP/1.1\r\nHost:\r\n\r\n").is_ok());
    assert!(parse(b"GET / HTTP/1.0\r\n\r\n").is_ok());
    assert!(parse(b"GET http://a/ HTTP/1.0\r\n\r\n").is_ok());
}

#[test]
fn persistence_follows_version_and_connection() {
    let keep_alive = |version: &str, connection: &str| {
        let head = format!("GET / {version}\r\nHost: a\r\n{connection}\r\n");
        parse(head.as_bytes()).unwrap().keep_alive
    };
    assert!(keep_alive("HTTP/1.1", ""));
    assert!(keep_alive("HTTP/1.1", "Connection: upgrade\r\n"));
    assert!(!keep_alive("HTTP/1.1", "Connection: Close\r\n"));
    assert!(!keep_alive("HTTP/1.1", "Connection: keep-alive, close\r\n"));
    assert!(!keep_alive(
        "HTTP/1.1",
        "Connection: keep-alive\r\nConnection: x , close\r\n"
    ));
    assert!(!keep_alive("HTTP/1.0", ""));
    assert!(keep_alive("HTTP/1.0", "Connection: Keep-Alive\r\n"));
    assert!(!keep_alive("HTTP/1.0", "Connection: keep-alive,close\r\n"));
}

#[test]
fn expectations_other_than_continue_get_417() {
    assert!(
        parse_lines(b"Expect: 100-Continue\r\n")
            .unwrap()
            .expects_continue
    );
    for line in [
        &b"Expect: 200-ok\r\n"[..],
        b"Expect: 100-continue, x\r\n",
        b"Expect: x\r\nExpect: 100-continue\r\n",
        b"Expect:\r\n",
    ] {
        assert_eq!(
            parse_lines(line).unwrap_err(),
            Violation::ExpectationUnsupported
        );
    }
    let http10 = parse(b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert!(!http10.expects_continue);
    assert!(parse(b"GET / HTTP/1.0\r\nExpect: x\r\n\r\n").is_ok());
}

#[test]
fn field_count_and_target_length_are_bounded() {
    let limits = Limits::sample();
    let lines = |count: usize| "x: y\r\n".repeat(count).into_bytes();
    assert!(parse_lines(&lines(limits.header_fields_max - 1)).is_ok());
    assert_eq!(
        parse_lines(&lines(limits.header_fields_max)).unwrap_err(),
        Violation::TooManyFields
    );
    let head_of = |target_len: usize| {
        format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "x".repeat(target_len - 1)
        )
    };
    assert!(parse(head_of(limits.target_bytes_max).as_bytes()).is_ok());
    assert_eq!(
        parse(head_of(limits.target_bytes_max + 1).as_bytes()).unwrap_err(),
        Violation::TargetTooLong
    );
}

#[test]
fn trailers_are_fields_that_steer_nothing() {
    let check = |section: &[u8]| check_trailers(section, &Limits::sample());
    assert_eq!(check(b"\r\n"), Ok(()));
    assert_eq!(check(b"X-Checksum: 1\r\nempty:\r\n\r\n"), Ok(()));
    for section in [
        &b"Content-Length: 5\r\n\r\n"[..],
        b"x: y\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
        b"Host: a\r\n\r\n",
    ] {
        assert_eq!(check(section), Err(Violation::TrailerForbidden));
    }
    for section in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"x : y\r\n\r\n",
        b" x: y\r\n\r\n",
        b"x: \0\r\n\r\n",
        b"x: a\rb\r\n\r\n",
        b": y\r\n\r\n",
    ] {
        assert_eq!(
            check(section),
            Err(Violation::TrailerMalformed),
            "{}",
            section.escape_ascii()
        );
    }
    let many = ["x: y\r\n".repeat(101).as_bytes(), b"\r\n"].concat();
    assert_eq!(check(&many), Err(Violation::TrailerTooLarge));
}
