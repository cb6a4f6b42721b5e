//! Lines of each format, and that no bytes of a peer break one.

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::connection_info::{Address, MadeOnce, TlsFacts};
use crate::edge::access_log::record::{
    Fixed, Protocol, begin, finish, push_client, push_text, push_tls,
};
use crate::edge::access_log::told::{ToldRequest, ToldValue};
use crate::metrics::route_names::RouteId;

const GUNICORN: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" "%(m)s" "%(U)s" "%(q)s" %(H)s %(s)s %(B)s %(b)s "%(f)s" "%(a)s" %(T)s %(D)s %(M)s %(L)s "%({x-a}i)s" "%({x-b}o)s" "%({route}x)s" %({shard}x)s %({client-port}x)s"#;
const FORMATS: [&str; 5] = ["uvicorn", "combined", "json", "logfmt", GUNICORN];

/// A record with these texts.
fn record_of(texts: &[(Tag, u8, &[u8])], fixed: Fixed) -> Vec<u8> {
    let mut record = Vec::new();
    begin(&mut record);
    push_client(
        &mut record,
        &Address::Tcp("192.0.2.7:5000".parse().unwrap()),
    );
    for (tag, number, text) in texts {
        push_text(&mut record, *tag, *number, text);
    }
    finish(&mut record, fixed);
    record
}

fn line_of(format: &str, record: &[u8]) -> String {
    let (record, _) = Record::read(record).unwrap();
    let occasion = Occasion {
        at: UNIX_EPOCH + Duration::from_millis(1_796_113_256_123),
        shard: 3,
    };
    let mut out = Vec::new();
    push_line(
        &LineFormat::parse(format, "x-request-id", false).unwrap(),
        &record,
        occasion,
        &mut out,
    );
    String::from_utf8(out).unwrap()
}

const FIXED: Fixed = Fixed {
    ended_ns: 0,
    took_ns: 1_234_567_890,
    body_bytes: 42,
    route: RouteId::UNKNOWN,
    status: 200,
    protocol: Protocol::Http11,
    is_whole: true,
};

fn usual() -> Vec<u8> {
    record_of(
        &[
            (Tag::Method, 0, b"GET"),
            (Tag::Target, 0, b"/a?b=c"),
            (Tag::User, 0, b"me"),
            (Tag::RequestField, 0, b"http://before/"),
            (Tag::RequestField, 1, b"curl/8"),
        ],
        FIXED,
    )
}

fn over_tls() -> Vec<u8> {
    let facts = TlsFacts {
        version: 0x0304,
        cipher_suite: 0x1302,
        alpn: None,
        server_name: Some("a.example".into()),
        server_certificate: "".into(),
        client_certificates: Vec::new(),
        client_name: Some("CN=a \"client\"\n,C=DE".into()),
        asks_clients: true,
        told: MadeOnce::default(),
    };
    let mut record = Vec::new();
    begin(&mut record);
    push_client(&mut record, &Address::Unix(None));
    push_tls(&mut record, &facts);
    push_text(&mut record, Tag::Method, 0, b"GET");
    push_text(&mut record, Tag::Target, 0, b"/");
    finish(&mut record, FIXED);
    record
}

#[test]
fn tls_is_told_where_it_was_spoken() {
    let atoms =
        "%({SSL_PROTOCOL}x)s %({SSL_CIPHER}x)s %({SSL_TLS_SNI}x)s \"%({SSL_CLIENT_S_DN}x)s\"";
    assert_eq!(line_of(atoms, &usual()), "- - - \"-\"\n");
    assert_eq!(
        line_of(atoms, &over_tls()),
        "TLSv1.3 TLS_AES_256_GCM_SHA384 a.example \"CN=a \\x22client\\x22\\x0A,C=DE\"\n"
    );
    let json = line_of("json", &over_tls());
    let told = r#""tls_version":"TLSv1.3","tls_cipher":"TLS_AES_256_GCM_SHA384","tls_server_name":"a.example","tls_client":"CN=a \"client\"\u000a,C=DE""#;
    assert!(json.contains(told), "{json}");
    assert!(!line_of("json", &usual()).contains("tls"));
    assert!(line_of("logfmt", &over_tls()).contains(" tls_version=TLSv1.3 "));
}

#[test]
fn the_usual_line_of_each_format() {
    let record = usual();
    assert_eq!(
        line_of("uvicorn", &record),
        "INFO:     192.0.2.7:5000 - \"GET /a?b=c HTTP/1.1\" 200 OK\n"
    );
    assert_eq!(
        line_of("combined", &record),
        "192.0.2.7 - me [01/Dec/2026:08:20:56 +0000] \"GET /a?b=c HTTP/1.1\" 200 42 \"http://before/\" \"curl/8\"\n"
    );
    assert_eq!(
        line_of("json", &record),
        "{\"time\":\"2026-12-01T08:20:56.123Z\",\"client\":\"192.0.2.7\",\"client_port\":5000,\"method\":\"GET\",\
         \"path\":\"/a\",\"query\":\"b=c\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":42,\
         \"duration_ms\":1234.567,\"shard\":3,\"request_id\":\"http://before/\",\"user_agent\":\"curl/8\"}\n"
    );
    assert_eq!(
        line_of("logfmt", &record),
        "time=2026-12-01T08:20:56.123Z client=192.0.2.7 client_port=5000 method=GET path=/a query=\"b=c\" \
         protocol=HTTP/1.1 status=200 bytes=42 duration_ms=1234.567 shard=3 request_id=http://before/ user_agent=curl/8\n"
    );
    assert_eq!(
        line_of(
            "%(m)s %(U)s %(q)s %(T)s %(D)s %(M)s %(L)s %(b)s 100%%",
            &record
        ),
        "GET /a b=c 1 1234567 1234 1.234567 42 100%\n"
    );
}

#[test]
fn a_trace_has_the_id_of_a_traceparent_that_is_one() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let of = |traceparent: &str| {
        let record = record_of(
            &[(Tag::RequestField, TRACEPARENT, traceparent.as_bytes())],
            FIXED,
        );
        line_of("json", &record)
    };
    let told = format!(",\"trace_id\":\"{TRACE}\"");
    for whole in ["00", "cc"].map(|version| format!("{version}-{TRACE}-00f067aa0ba902b7-01")) {
        assert!(of(&whole).contains(&format!("\"traceparent\":\"{whole}\"{told}")));
    }
    for wrong in [
        String::new(),
        TRACE.into(),
        format!("ff-{TRACE}-00f067aa0ba902b7-01"),
        format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
        format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        format!("00-{TRACE}-short-01"),
        format!("00-{TRACE}"),
    ] {
        assert!(!of(&wrong).contains("trace_id"), "{wrong}");
    }
    let record = record_of(
        &[(
            Tag::RequestField,
            0,
            format!("00-{TRACE}-00f067aa0ba902b7-01").as_bytes(),
        )],
        FIXED,
    );
    assert_eq!(line_of("%({trace-id}x)s", &record), format!("{TRACE}\n"));
}

#[test]
fn a_told_request_has_what_its_line_says_and_no_control_character() {
    let record = record_of(
        &[
            (Tag::Method, 0, b"GET"),
            (Tag::Target, 0, b"/a?b=\xc3\xa9"),
            (Tag::RequestField, 0, b"id-1"),
            (Tag::RequestField, 1, b"a\tb\x1b\xe2\x80\xa8"),
        ],
        FIXED,
    );
    let (record, _) = Record::read(&record).unwrap();
    let occasion = Occasion {
        at: UNIX_EPOCH,
        shard: 3,
    };
    let told = |format: &str| {
        let format = LineFormat::parse(format, "x-request-id", true).unwrap();
        ToldRequest::of(&format, &record, occasion)
    };
    let one = told("uvicorn");
    assert_eq!(
        (
            &*one.client,
            &*one.method,
            &*one.target,
            one.version,
            one.status
        ),
        ("192.0.2.7:5000", "GET", "/a?b=\u{e9}", "1.1", 200)
    );
    assert_eq!(one.line, None);
    let value = |name: &str| one.pairs.iter().find(|(known, _)| *known == name);
    assert_eq!(
        value("user_agent").unwrap().1,
        ToldValue::Text("a\\tb\\u{1b}\\u{2028}".into())
    );
    assert_eq!(
        value("request_id").unwrap().1,
        ToldValue::Text("id-1".into())
    );
    assert_eq!(
        value("duration_ms").unwrap().1,
        ToldValue::Decimal(1234.567)
    );
    assert_eq!(value("time"), None);
    assert_eq!(told("%(s)s %(B)s").line.as_deref(), Some("200 42"));
}

#[test]
fn what_is_missing_is_a_dash_or_not_there() {
    let record = record_of(
        &[(Tag::Raw, 0, b"NONSENSE")],
        Fixed {
            status: 400,
            body_bytes: 0,
            protocol: Protocol::Unknown,
            is_whole: false,
            took_ns: 0,
            ..FIXED
        },
    );
    assert_eq!(
        line_of("uvicorn", &record),
        "INFO:     192.0.2.7:5000 - \"NONSENSE\" 400 Bad Request\n"
    );
    assert_eq!(
        line_of(
            "%(m)s %(U)s [%(q)s] %(H)s %(b)s %(u)s %(f)s %({a}o)s",
            &record
        ),
        "- - [] - - - - -\n"
    );
    assert!(line_of("json", &record).contains("\"request\":\"NONSENSE\",\"status\":400"));
    assert!(line_of("json", &record).ends_with(",\"complete\":false}\n"));
}

#[test]
fn statuses_without_a_phrase_stand_alone() {
    let with = |status| {
        let record = record_of(&[], Fixed { status, ..FIXED });
        line_of("uvicorn", &record)
    };
    assert!(with(599).ends_with("\" 599\n"));
    assert!(with(499).ends_with("\" 499 Client Closed Request\n"));
    assert!(
        with(101).ends_with("\" 101 Switching Protocols\n"),
        "{}",
        with(101)
    );
}

/// Quotes that are not escaped, which a reader takes for those of the format.
fn open_quotes(line: &str) -> usize {
    let bytes = line.as_bytes();
    let mut count = 0;
    let mut is_escaped = false;
    for &byte in bytes {
        count += usize::from(byte == b'"' && !is_escaped);
        is_escaped = byte == b'\\' && !is_escaped;
    }
    count
}

proptest! {
    /// Whatever a peer sends: one line, no control character, and no quote that the format has not put there.
    #[test]
    fn no_bytes_forge_or_break_a_line(
        texts in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                proptest::collection::vec(
                    proptest::sample::select(b"\r\n\"\\ \x00\x1b\x7f=%{}\xc2\x85\xe2\x80\xa8x".to_vec()), 0..40),
            ],
            8,
        ),
        is_nonsense in any::<bool>(),
    ) {
        let tags = [
            (Tag::Method, 0), (Tag::Target, 0), (Tag::User, 0), (Tag::RequestField, 0),
            (Tag::RequestField, 1), (Tag::RequestField, 2), (Tag::AnswerField, 0), (Tag::RequestField, 3),
        ];
        let mut fields: Vec<_> = tags.iter().zip(&texts)
            .map(|((tag, number), text)| (*tag, *number, &text[..]))
            .collect();
        if is_nonsense {
            fields = vec![(Tag::Raw, 0, &texts[0][..])];
        }
        let record = record_of(&fields, FIXED);
        for format in FORMATS {
            let line = line_of(format, &record);
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1), "{}", line);
            prop_assert!(!line.trim_end_matches('\n').contains(char::is_control), "{:?}", line);
            prop_assert!(!line.contains(['\u{2028}', '\u{2029}']), "{:?}", line);
            match format {
                "uvicorn" => prop_assert_eq!(open_quotes(&line), 2, "{}", line),
                "combined" => prop_assert_eq!(open_quotes(&line), 6, "{}", line),
                "json" | "logfmt" => prop_assert_eq!(open_quotes(&line) % 2, 0, "{}", line),
                _ => prop_assert_eq!(open_quotes(&line), 18, "{}", line),
            }
            if !matches!(format, "json" | "logfmt") {
                prop_assert!(line.is_ascii(), "{:?}", line);
                // Words between blanks stay where they are.
                if format == "combined" {
                    prop_assert_eq!(line.split(' ').next(), Some("192.0.2.7"));
                    prop_assert_eq!(line.split(' ').nth(3), Some("[01/Dec/2026:08:20:56"), "{}", line);
                }
            }
        }
    }
}
