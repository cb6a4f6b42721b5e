//! A shard that was held up, on every arm: it reads what has arrived before it looks at deadlines that have passed meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use turbo_shard_runtime::ServerConfig;

use crate::on_every_arm;
use crate::test_app::{BIG_BYTES, HELD_BYTES};
use crate::test_server::{Arm, TestServer};
use crate::websockets::{CLOSE, HANDSHAKE, TEXT, close_frame, frame, read_frame};
use crate::wire::{get, read_answer, read_until};

const TIMEOUT_MS: u64 = 300;

/// Every wait is short.
fn impatient(config: &mut ServerConfig) {
    let limits = &mut config.limits;
    limits.head_timeout_ms = TIMEOUT_MS;
    limits.keep_alive_timeout_ms = TIMEOUT_MS;
    limits.body_timeout_ms = TIMEOUT_MS;
    limits.write_timeout_ms = TIMEOUT_MS;
    limits.linger_timeout_ms = TIMEOUT_MS;
}

/// Lets a handler hold the server's only thread while `meanwhile` runs and every time-out passes. Returns the
/// connection that waits for the handler's answer.
fn hold_up(server: &TestServer, meanwhile: impl FnOnce()) -> TcpStream {
    server.seen.holds_on.store(true, Ordering::SeqCst);
    let mut holder = server.connect();
    holder
        .write_all(b"GET /hold HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    server.until("the thread is held", |server| {
        server.seen.is_holding.load(Ordering::SeqCst)
    });
    let since = Instant::now();
    meanwhile();
    while since.elapsed() < Duration::from_millis(3 * TIMEOUT_MS) {
        std::thread::park_timeout(Duration::from_millis(TIMEOUT_MS));
    }
    server.seen.holds_on.store(false, Ordering::SeqCst);
    holder
}

fn start(arm: Arm, change: impl FnOnce(&mut ServerConfig)) -> TestServer {
    TestServer::with(arm, 1, |config| {
        impatient(config);
        change(config);
    })
}

#[test]
fn what_came_while_a_shard_was_held_up_came_in_time() {
    on_every_arm(|arm| {
        let server = start(arm, |_| {});
        let (mut idle, mut fresh) = (server.connect(), server.connect());
        let (mut head, mut body) = (server.connect(), server.connect());
        head.write_all(b"GET /hello HTTP/1.1\r\nHo").unwrap();
        body.write_all(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n01234")
            .unwrap();
        assert_eq!(get(&mut idle, "/hello").status, 200);
        server.until("all are accepted", |server| server.open_connections() == 4);
        let request = b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n";
        let mut holder = hold_up(&server, || {
            idle.write_all(request).unwrap();
            fresh.write_all(request).unwrap();
            head.write_all(b"st: t\r\n\r\n").unwrap();
            body.write_all(b"56789").unwrap();
        });
        for (what, stream) in [
            ("idle", &mut idle),
            ("fresh", &mut fresh),
            ("head", &mut head),
        ] {
            assert_eq!(read_answer(stream).body, b"hello", "{arm:?}: {what}");
        }
        assert_eq!(read_answer(&mut body).body, b"0123456789", "{arm:?}");
        assert_eq!(read_answer(&mut holder).body.len(), HELD_BYTES, "{arm:?}");
    });
}

#[test]
fn who_was_silent_while_a_shard_was_held_up_is_told_so() {
    on_every_arm(|arm| {
        let server = start(arm, |_| {});
        let mut idle = server.connect();
        assert_eq!(get(&mut idle, "/hello").status, 200);
        let mut head = server.connect();
        head.write_all(b"GET /hello HTTP/1.1\r\nHo").unwrap();
        server.until("both are accepted", |server| server.open_connections() == 2);
        let _holder = hold_up(&server, || {});
        assert_eq!(read_answer(&mut head).status, 408, "{arm:?}");
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "{arm:?}");
    });
}

#[test]
fn a_client_that_read_while_a_shard_was_held_up_gets_the_rest() {
    on_every_arm(|arm| {
        let server = start(arm, |_| {});
        let mut reader = server.connect();
        reader
            .write_all(b"GET /big HTTP/1.1\r\nHost: t\r\n\r\n")
            .unwrap();
        // Its first byte is here: the rest fills every buffer on the way.
        let mut begun = [0; 9];
        reader.read_exact(&mut begun).unwrap();
        assert_eq!(&begun, b"HTTP/1.1 ");
        let mut copy = reader.try_clone().unwrap();
        let mut early = 0;
        let _holder = hold_up(&server, || {
            copy.set_read_timeout(Some(Duration::from_millis(TIMEOUT_MS / 2)))
                .unwrap();
            let mut piece = vec![0; 1 << 16];
            while let Ok(count) = copy.read(&mut piece) {
                early += count;
            }
        });
        reader
            .set_read_timeout(Some(crate::test_server::HANG))
            .unwrap();
        // All of it, head included, where the shard was held up only after its answer was out.
        let mut rest = vec![0; BIG_BYTES.saturating_sub(early)];
        reader
            .read_exact(&mut rest)
            .unwrap_or_else(|error| panic!("{arm:?}: {error} after {early} bytes"));
    });
}

#[test]
fn a_websocket_that_spoke_while_a_shard_was_held_up_stays() {
    on_every_arm(|arm| {
        let server = start(arm, |config| {
            config.websocket.ping_interval_ms = TIMEOUT_MS / 2;
            config.websocket.ping_timeout_ms = TIMEOUT_MS;
        });
        let mut stream = server.connect();
        stream.write_all(HANDSHAKE).unwrap();
        read_until(&mut stream, b"\r\n\r\n");
        let _reply = server.conversation();
        // The ping has come, and its answer leaves while the shard does not look.
        assert_eq!(read_frame(&mut stream), (9, Vec::new()), "{arm:?}");
        let _holder = hold_up(&server, || {
            stream.write_all(&frame(10, b"")).unwrap();
            stream.write_all(&frame(TEXT, b"here")).unwrap();
        });
        // The next thing is a ping again, not a goodbye.
        assert_eq!(read_frame(&mut stream), (9, Vec::new()), "{arm:?}");
        stream.write_all(&close_frame(1000)).unwrap();
        while read_frame(&mut stream).0 != CLOSE {}
    });
}

#[test]
fn a_close_that_came_while_a_shard_was_held_up_was_heard() {
    on_every_arm(|arm| {
        let server = start(arm, |_| {});
        let mut stream = server.connect();
        stream.write_all(HANDSHAKE).unwrap();
        read_until(&mut stream, b"\r\n\r\n");
        let reply = server.conversation();
        let _holder = hold_up(&server, || {
            stream.write_all(&close_frame(4000)).unwrap();
        });
        assert_eq!(
            read_frame(&mut stream),
            (CLOSE, 4000_u16.to_be_bytes().to_vec()),
            "{arm:?}"
        );
        drop(reply);
    });
}
