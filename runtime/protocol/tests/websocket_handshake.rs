//! The handshake (RFC 6455 section 4): what is taken for one, what is refused and how, what the 101 says.

use std::sync::Arc;

use turbo_shard_protocol::websocket::{
    Accepted, Compression, DeflateParams, Handshake, HandshakeFault, is_handshake,
};
use turbo_shard_protocol::{
    Connection, Event, HeaderLines, Limits, Misuse, RequestHead, Tick, Workspace,
};

/// The handshake of RFC 6455 section 1.3, line by line.
const LINES: [&[u8]; 6] = [
    b"GET /chat HTTP/1.1",
    b"Host: server.example.com",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
];

/// What `look` sees of a request made of these lines.
fn with_request<T>(lines: &[&[u8]], look: impl FnOnce(&RequestHead<'_>) -> T) -> T {
    let now = Tick::from_millis(0);
    let mut connection = Connection::new(Arc::new(Limits::sample()), now);
    connection.lend(Box::new(Workspace::new()));
    let bytes = [&lines.join(&b"\r\n"[..])[..], b"\r\n\r\n"].concat();
    connection.receive(now, &bytes);
    assert_eq!(connection.next_event(now), Event::Head);
    look(&connection.request())
}

fn check(lines: &[&[u8]]) -> Result<Handshake, HandshakeFault> {
    with_request(lines, Handshake::check)
}

/// The handshake with `line` in place of the line that begins like it, or at the end.
fn with_line(line: &'static [u8]) -> Vec<&'static [u8]> {
    let name = |line: &[u8]| {
        line.split(|byte| b" :".contains(byte))
            .next()
            .map(<[u8]>::to_vec)
    };
    let mut lines = LINES.to_vec();
    match lines.iter_mut().find(|old| name(old) == name(line)) {
        Some(old) => *old = line,
        None => lines.push(line),
    }
    lines
}

fn without_line(start: &[u8]) -> Vec<&'static [u8]> {
    let is_kept = |line: &&'static [u8]| !line.starts_with(start);
    LINES.iter().copied().filter(is_kept).collect()
}

#[track_caller]
fn fault(lines: &[&[u8]]) -> HandshakeFault {
    check(lines).expect_err("not refused")
}

fn accept(lines: &[&[u8]]) -> Accepted {
    let handshake = check(lines).unwrap();
    handshake
        .accept(&Compression::new(true), None, &HeaderLines::new())
        .unwrap()
}

#[test]
fn the_example_of_the_rfc_is_accepted() {
    assert!(with_request(&LINES, is_handshake));
    let accepted = accept(&LINES);
    assert_eq!(
        String::from_utf8(accepted.head).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\n\
         upgrade: websocket\r\n\
         connection: Upgrade\r\n\
         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    );
    assert_eq!(accepted.deflate, None);
}

#[test]
fn lists_and_cases_do_not_matter() {
    let mut lines = with_line(b"Connection: keep-alive, UPGRADE");
    lines[2] = b"uPGRADE: h2c, WebSocket";
    assert!(with_request(&lines, is_handshake));
    assert!(check(&lines).is_ok());
}

#[test]
fn other_requests_are_no_upgrades() {
    let mut post = LINES.to_vec();
    post[0] = b"POST /chat HTTP/1.1";
    let mut http_1_0 = LINES.to_vec();
    http_1_0[0] = b"GET /chat HTTP/1.0";
    for lines in [
        post,
        without_line(b"Upgrade"),
        with_line(b"Upgrade: h2c"),
        with_line(b"Upgrade: websocket2"),
        http_1_0,
    ] {
        assert!(!with_request(&lines, is_handshake), "{lines:?}");
    }
}

#[test]
fn only_get_of_http_1_1_becomes_a_websocket() {
    let mut lines = LINES.to_vec();
    lines[0] = b"POST /chat HTTP/1.1";
    assert_eq!(fault(&lines), HandshakeFault::MethodNotGet);
    lines[0] = b"GET /chat HTTP/1.0";
    assert_eq!(fault(&lines), HandshakeFault::VersionTooOld);
}

#[test]
fn upgrade_and_connection_must_agree() {
    assert_eq!(
        fault(&with_line(b"Upgrade: h2c")),
        HandshakeFault::UpgradeMissing
    );
    assert_eq!(
        fault(&with_line(b"Connection: keep-alive")),
        HandshakeFault::ConnectionNotUpgrade
    );
    assert_eq!(
        fault(&without_line(b"Connection")),
        HandshakeFault::ConnectionNotUpgrade
    );
}

#[test]
fn another_version_gets_426_and_is_told_ours() {
    for lines in [
        with_line(b"Sec-WebSocket-Version: 8"),
        with_line(b"Sec-WebSocket-Version: 13, 8"),
        with_line(b"Sec-WebSocket-Version: "),
        without_line(b"Sec-WebSocket-Version"),
        [&LINES[..], &[b"sec-websocket-version: 13"]].concat(),
    ] {
        let fault = fault(&lines);
        assert_eq!(fault, HandshakeFault::WebSocketVersionUnsupported);
        assert_eq!(fault.status(), 426);
        assert_eq!(fault.lines(), [("sec-websocket-version", "13")]);
    }
}

#[test]
fn there_is_one_key_of_16_bytes() {
    let twice = [&LINES[..], &[LINES[4]]].concat();
    assert_eq!(fault(&twice), HandshakeFault::KeyNotSingle);
    assert_eq!(
        fault(&without_line(b"Sec-WebSocket-Key")),
        HandshakeFault::KeyNotSingle
    );
    for line in [
        &b"Sec-WebSocket-Key: "[..],
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXg=",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXh4",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j=A==",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25\x80\xff==",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        assert_eq!(fault(&with_line(line)), HandshakeFault::KeyInvalid);
    }
    assert_eq!(HandshakeFault::KeyInvalid.status(), 400);
}

#[test]
fn a_body_has_no_place_in_it() {
    let lines = with_line(b"Content-Length: 1");
    assert_eq!(fault(&lines), HandshakeFault::BodyPresent);
    let lines = with_line(b"Transfer-Encoding: chunked");
    assert_eq!(fault(&lines), HandshakeFault::BodyPresent);
    assert!(check(&with_line(b"Content-Length: 0")).is_ok());
}

#[test]
fn subprotocols_are_listed_in_the_clients_order() {
    let mut lines = with_line(b"Sec-WebSocket-Protocol: chat, , superchat");
    lines.push(b"sec-websocket-protocol: v2.x");
    let handshake = check(&lines).unwrap();
    assert_eq!(handshake.subprotocols(), ["chat", "superchat", "v2.x"]);
    assert_eq!(check(&LINES).unwrap().subprotocols(), [""; 0]);
}

#[test]
fn subprotocols_that_are_no_tokens_are_refused() {
    for line in [
        &b"Sec-WebSocket-Protocol: \x80\xff"[..],
        b"Sec-WebSocket-Protocol: ok, a b",
        b"Sec-WebSocket-Protocol: \"chat\"",
        "Sec-WebSocket-Protocol: chät".as_bytes(),
    ] {
        assert_eq!(
            fault(&with_line(line)),
            HandshakeFault::SubprotocolsMalformed
        );
    }
}

#[test]
fn the_app_chooses_one_of_the_offered_subprotocols() {
    let handshake = check(&with_line(b"Sec-WebSocket-Protocol: chat, superchat")).unwrap();
    let answer = |subprotocol| {
        handshake.accept(
            &Compression::new(true),
            Some(subprotocol),
            &HeaderLines::new(),
        )
    };
    let head = String::from_utf8(answer("superchat").unwrap().head).unwrap();
    assert!(head.contains("\r\nsec-websocket-protocol: superchat\r\n"));
    for other in ["Chat", "", "chat, superchat", "x\r\ny: z"] {
        assert_eq!(answer(other).unwrap_err(), Misuse::SubprotocolNotOffered);
    }
}

#[test]
fn the_apps_own_lines_go_out_but_not_those_of_the_handshake() {
    let handshake = check(&LINES).unwrap();
    let mut lines = HeaderLines::new();
    lines.push(b"Set-Cookie", b"a=b").unwrap();
    lines.push(b"content-length", b"5").unwrap();
    lines.push(b"connection", b"close").unwrap();
    lines.push(b"x-note", b"sec-websocket-accept: no").unwrap();
    let accepted = handshake
        .accept(&Compression::new(true), None, &lines)
        .unwrap();
    let head = String::from_utf8(accepted.head).unwrap();
    assert!(head.ends_with("\r\nSet-Cookie: a=b\r\nx-note: sec-websocket-accept: no\r\n"));
    assert!(!head.contains("content-length") && !head.contains("close"));
    for name in [&b"Sec-WebSocket-Protocol"[..], b"sec-websocket-accept"] {
        let mut lines = lines.clone();
        lines.push(name, b"x").unwrap();
        assert_eq!(
            handshake
                .accept(&Compression::new(true), None, &lines)
                .unwrap_err(),
            Misuse::HandshakeFieldReserved
        );
    }
}

#[test]
fn compression_is_agreed_on_if_it_is_offered_and_switched_on() {
    let lines = with_line(
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10",
    );
    let accepted = accept(&lines);
    assert_eq!(
        accepted.deflate,
        Some(DeflateParams {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: 10,
        })
    );
    let head = String::from_utf8(accepted.head).unwrap();
    assert!(head.contains(
        "\r\nsec-websocket-extensions: permessage-deflate; server_no_context_takeover; \
         client_no_context_takeover; server_max_window_bits=10\r\n"
    ));
    let off = Compression {
        is_enabled: false,
        ..Compression::new(true)
    };
    let accepted = check(&lines)
        .unwrap()
        .accept(&off, None, &HeaderLines::new())
        .unwrap();
    assert_eq!(accepted.deflate, None);
    let head = String::from_utf8(accepted.head).unwrap();
    assert!(!head.contains("extensions"));
}

#[test]
fn the_first_offer_of_several_lines_that_can_be_honoured_counts() {
    let mut lines = with_line(b"Sec-WebSocket-Extensions: permessage-deflate; unknown");
    lines.push(b"Sec-WebSocket-Extensions: x, permessage-deflate; server_max_window_bits=9");
    lines.push(b"Sec-WebSocket-Extensions: permessage-deflate");
    let params = accept(&lines).deflate.unwrap();
    assert_eq!(params.server_max_window_bits, 9);
}

#[test]
fn extensions_that_are_no_list_are_refused() {
    for line in [
        &b"Sec-WebSocket-Extensions: \x80\xff"[..],
        b"Sec-WebSocket-Extensions: permessage-deflate; =",
    ] {
        assert_eq!(fault(&with_line(line)), HandshakeFault::ExtensionsMalformed);
    }
}
