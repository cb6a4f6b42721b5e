//! Tests of TLS from the driver: a client of rustls over memory, bytes cut in every way.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::Waker;

use rustix::fs::{MemfdFlags, memfd_create};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use turbo_shard_protocol::websocket::{WebSocketLimits, WebSocketSettings};
use turbo_shard_protocol::{ChosenLines, Closing, HeaderLines, Limits, Tick};

use crate::connection_info::{Address, Alpn, ConnectionInfo, ListenerOptions, Scheme};
use crate::metrics::counters::Counters;
use crate::service::{Exchange, Outcome, Service};
use crate::shard::clock::Clock;
use crate::shard::driver::Driver;
use crate::shard::workbench::Workbench;
use crate::tls::client_certificates::ClientCertificates;
use crate::tls::context::{HANDSHAKES_IN_FLIGHT_MAX, Tls, TlsSettings, TlsVersion};
use crate::tls::files::{PairPaths, TlsPaths};

const HANDSHAKE_TIMEOUT_MS: u64 = 7_000;
const REQUEST: &[u8] = b"GET /5 HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers with as many bytes as the path says.
struct Sized;

impl Service for Sized {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let tls = exchange.connection.tls.as_ref().unwrap();
        assert_eq!((tls.alpn, tls.version), (Some(Alpn::Http11), 0x0304));
        assert_eq!(tls.server_name.as_deref(), Some("localhost"));
        assert_eq!(exchange.connection.scheme, Scheme::Https);
        let path = str::from_utf8(exchange.request.path()).unwrap();
        let body = vec![b'x'; path[1..].parse().unwrap()];
        let lines = HeaderLines::of_json(None);
        exchange.response.whole(200, &lines, &body).unwrap();
        Outcome::Answered
    }
}

/// Both ends of one connection.
struct Pair {
    bench: Workbench<Sized>,
    driver: Driver,
    client: ClientConnection,
    now: Tick,
    /// How many bytes travel at once.
    piece: usize,
}

fn at(millis: u64) -> Tick {
    Tick::from_millis(millis)
}

impl Pair {
    fn new(alpn: &[u8], piece: usize) -> Pair {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        // A file for both, which is gone once it was read.
        let both = memfd_create(c"pair", MemfdFlags::CLOEXEC).unwrap();
        let text = own.cert.pem() + &own.signing_key.serialize_pem();
        rustix::io::write(&both, text.as_bytes()).unwrap();
        let pair = PairPaths {
            certificate: format!("/proc/self/fd/{}", both.as_raw_fd()).into(),
            key: None,
        };
        let settings = TlsSettings {
            paths: TlsPaths {
                pairs: vec![pair],
                ..TlsPaths::default()
            },
            client_certificates: ClientCertificates::None,
            key_password: None,
            min_version: TlsVersion::Tls12,
            offers_http2: false,
            handshake_timeout_ms: HANDSHAKE_TIMEOUT_MS,
        };
        let limits = Limits::sample();
        let websocket = WebSocketLimits::new(WebSocketSettings::sample(), &limits);
        let bench = Workbench::new(
            Sized,
            Arc::new(limits),
            Arc::new(websocket),
            Arc::new(Counters::default()),
            Clock::start(),
            None,
            ChosenLines::default(),
        )
        .with_tls(Some(Tls::new(settings).unwrap()));
        let listener = ListenerOptions {
            speaks_tls: true,
            ..ListenerOptions::default()
        };
        let end = |text: &str| Address::Tcp(text.parse().unwrap());
        let info = ConnectionInfo::fresh(end("127.0.0.1:5"), end("127.0.0.1:443"), listener);
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        client.set_buffer_limit(None);
        Pair {
            driver: Driver::new(&bench, info, at(0)),
            bench,
            client,
            now: at(0),
            piece,
        }
    }

    /// Lets both talk until neither has more to say. Returns what the client has read.
    fn talk(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        loop {
            let mut up = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut up).unwrap();
            }
            for piece in up.chunks(self.piece) {
                self.driver.receive(&self.bench, self.now, piece);
                self.driver.advance(&self.bench, self.now, Waker::noop());
            }
            let mut is_quiet = up.is_empty();
            while !self.driver.output().is_empty() {
                is_quiet = false;
                let length = self.driver.output().len().min(self.piece);
                let mut piece = &self.driver.output()[..length];
                while !piece.is_empty() {
                    self.client.read_tls(&mut piece).unwrap();
                    self.client.process_new_packets().unwrap();
                    let _ = self.client.reader().read_to_end(&mut read);
                }
                self.driver.consume_output(self.now, length);
                self.driver.advance(&self.bench, self.now, Waker::noop());
            }
            if is_quiet {
                return read;
            }
        }
    }

    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.client.writer().write_all(request).unwrap();
        self.talk()
    }
}

fn length_of(answer: &[u8]) -> usize {
    let start = answer.windows(4).position(|four| four == b"\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    answer.len() - start.unwrap() - 4
}

#[test]
fn requests_are_answered_however_the_bytes_are_cut() {
    for piece in [1, 2, 7, 100, 4096, 65_536] {
        let mut pair = Pair::new(b"http/1.1", piece);
        for length in [5, 0, 16_384, 16_385, 300_000] {
            let request = format!("GET /{length} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(length_of(&pair.ask(request.as_bytes())), length);
        }
        assert_eq!(pair.driver.closing(), Closing::Open);
        assert_eq!(pair.bench.counters.tls_handshakes.value(), 1);
    }
}

#[test]
fn memory_that_engines_swap_away_holds_all_of_an_answer() {
    let mut pair = Pair::new(b"http/1.1", 65_536);
    pair.talk();
    pair.client
        .writer()
        .write_all(b"GET /300000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut up = Vec::new();
    pair.client.write_tls(&mut up).unwrap();
    pair.driver.receive(&pair.bench, at(1), &up);
    pair.driver.advance(&pair.bench, at(1), Waker::noop());
    let (mut read, mut most) = (Vec::new(), 0);
    while !pair.driver.output().is_empty() {
        let mut taken = Vec::new();
        let start = pair.driver.swap_output(at(1), &mut taken).unwrap();
        most = most.max(taken.len());
        let mut piece = &taken[start..];
        while !piece.is_empty() {
            pair.client.read_tls(&mut piece).unwrap();
            pair.client.process_new_packets().unwrap();
            let _ = pair.client.reader().read_to_end(&mut read);
        }
    }
    assert_eq!(length_of(&read), 300_000);
    assert!(most <= 64 * 1024 + 17 * 1024, "{most}");
}

#[test]
fn an_answer_that_says_close_is_followed_by_close_notify() {
    let mut pair = Pair::new(b"http/1.1", 100);
    let answer = pair.ask(b"GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(length_of(&answer), 5);
    assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
    assert_eq!(pair.driver.closing(), Closing::Now);
}

#[test]
fn a_client_that_says_goodbye_is_answered_first() {
    let mut pair = Pair::new(b"http/1.1", 100);
    pair.talk();
    pair.client.writer().write_all(REQUEST).unwrap();
    pair.client.send_close_notify();
    assert_eq!(length_of(&pair.talk()), 5);
    assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
    assert_eq!(pair.driver.closing(), Closing::Now);
}

#[test]
fn an_idle_client_and_one_that_is_drained_hear_close_notify() {
    for drains in [false, true] {
        let mut pair = Pair::new(b"http/1.1", 100);
        pair.ask(REQUEST);
        if drains {
            pair.driver.drain(at(0));
        } else {
            pair.now = pair.driver.next_deadline().unwrap();
            assert!(!pair.driver.expire(&pair.bench, pair.now));
        }
        pair.talk();
        assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
        assert_eq!(pair.driver.closing(), Closing::Now);
    }
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut pair = Pair::new(b"http/1.1", 65_536);
    pair.ask(b"GET /60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    pair.driver.rest(&pair.bench);
    let mut taken = Vec::new();
    pair.driver.swap_output(at(0), &mut taken);
    assert!(taken.capacity() <= super::IDLE_BUFFER_BYTES_MAX);
}

#[test]
fn a_peer_that_reads_slowly_what_was_swapped_away_has_time_for_the_rest() {
    let mut pair = Pair::new(b"http/1.1", 65_536);
    pair.ask(REQUEST);
    let large = b"GET /1000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    pair.client.writer().write_all(large).unwrap();
    let mut up = Vec::new();
    pair.client.write_tls(&mut up).unwrap();
    pair.driver.receive(&pair.bench, at(0), &up);
    pair.driver.advance(&pair.bench, at(0), Waker::noop());
    let mut taken = Vec::new();
    pair.driver.swap_output(at(0), &mut taken);
    assert!(!pair.driver.output().is_empty(), "more waits behind it");
    let timeout_ms = pair.bench.limits.write_timeout_ms;
    assert_eq!(pair.driver.next_deadline(), Some(at(timeout_ms)));
    pair.driver.output_leaves_late(at(timeout_ms - 1));
    assert!(!pair.driver.expire(&pair.bench, at(timeout_ms)));
    let deadline = pair.driver.next_deadline();
    assert_eq!(deadline, Some(at(2 * timeout_ms - 1)));
    assert!(pair.driver.expire(&pair.bench, at(2 * timeout_ms - 1)));
}

#[test]
fn a_handshake_has_its_time() {
    for hello in [&b""[..], b"\x16\x03\x01"] {
        let mut pair = Pair::new(b"http/1.1", 1);
        pair.driver.receive(&pair.bench, at(0), hello);
        assert_eq!(pair.driver.next_deadline(), Some(at(HANDSHAKE_TIMEOUT_MS)));
        assert!(
            !pair
                .driver
                .expire(&pair.bench, at(HANDSHAKE_TIMEOUT_MS - 1))
        );
        assert!(pair.driver.expire(&pair.bench, at(HANDSHAKE_TIMEOUT_MS)));
    }
}

#[test]
fn one_handshake_too_many_is_closed_and_each_that_ends_makes_room() {
    let mut pair = Pair::new(b"http/1.1", 100);
    let tls = pair.bench.tls.clone().unwrap();
    // That of the pair is one of them.
    let mut places: Vec<_> = (1..HANDSHAKES_IN_FLIGHT_MAX)
        .map(|_| tls.place().unwrap())
        .collect();
    let end = |text: &str| Address::Tcp(text.parse().unwrap());
    let begin = |pair: &Pair| {
        let listener = ListenerOptions {
            speaks_tls: true,
            ..ListenerOptions::default()
        };
        let info = ConnectionInfo::fresh(end("127.0.0.1:6"), end("127.0.0.1:443"), listener);
        Driver::new(&pair.bench, info, at(0))
    };
    for refused in 1..=3 {
        let mut driver = begin(&pair);
        driver.receive(&pair.bench, at(0), b"\x16\x03\x01");
        let said = (driver.closing(), driver.wants_read(), driver.output());
        assert_eq!(said, (Closing::Now, false, &b""[..]));
        assert_eq!(pair.bench.counters.tls_failures_crowd.value(), refused);
    }
    // One that is over has given its place back, and one that was broken off.
    assert_eq!(length_of(&pair.ask(REQUEST)), 5);
    let next = begin(&pair);
    assert_eq!(next.closing(), Closing::Open);
    assert_eq!(begin(&pair).closing(), Closing::Now);
    drop(next);
    assert_eq!(begin(&pair).closing(), Closing::Open);
    assert_eq!(length_of(&pair.ask(REQUEST)), 5);
    places.clear();
    assert_eq!(begin(&pair).closing(), Closing::Open);
}

#[test]
fn a_client_that_speaks_another_protocol_is_told() {
    let mut pair = Pair::new(b"acme-tls/1", 50);
    let mut up = Vec::new();
    pair.client.write_tls(&mut up).unwrap();
    pair.driver.receive(&pair.bench, at(0), &up);
    let mut alert = pair.driver.output();
    pair.client.read_tls(&mut alert).unwrap();
    let error = pair.client.process_new_packets().unwrap_err();
    let told = rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol);
    assert_eq!(error, told);
    assert_eq!(pair.driver.closing(), Closing::AfterOutput { linger: true });
    assert_eq!(pair.bench.counters.tls_failures_incompatible.value(), 1);
}

#[test]
fn plain_http_is_answered_in_plain_words() {
    let mut pair = Pair::new(b"http/1.1", 1);
    pair.driver.receive(&pair.bench, at(0), REQUEST);
    let answer = String::from_utf8_lossy(pair.driver.output()).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(answer.contains("this port speaks TLS"));
    assert_eq!(pair.driver.closing(), Closing::AfterOutput { linger: true });
}

#[test]
fn bytes_of_peers_never_panic() {
    let mut state = 7_u32;
    for _ in 0..2_000 {
        let mut pair = Pair::new(b"http/1.1", 1);
        let mut hello = Vec::new();
        pair.client.write_tls(&mut hello).unwrap();
        for _ in 0..3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = state as usize % hello.len();
            hello[place] ^= (state >> 24) as u8 | 1;
        }
        pair.driver.receive(&pair.bench, at(0), &hello);
        pair.driver.advance(&pair.bench, at(0), Waker::noop());
        let length = pair.driver.output().len();
        pair.driver.consume_output(at(0), length);
        pair.driver.receive_eof(&pair.bench, at(0));
    }
}
