//! How connections end, on every arm: clients that leave, stop talking, are too slow, too many or refused.

use std::io::{Read, Write};
use std::sync::atomic::Ordering;

use turbo_shard_runtime::protocol::HeaderLines;

use crate::on_every_arm;
use crate::test_server::TestServer;
use crate::wire::{get, read_answer};

#[test]
fn a_client_that_leaves_is_noticed_and_forgotten() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        stream
            .write_all(b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        server.until("the request is held", |server| {
            server.seen.held.lock().unwrap().len() == 1
        });
        // With an answer unread or a linger of zero the kernel resets instead of saying goodbye.
        socket2::SockRef::from(&stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(stream);
        server.until("the connection is gone", |server| {
            server.open_connections() == 0
        });
        server.until("its handler was told", |server| {
            server.seen.peers_left.load(Ordering::SeqCst) == 1
        });
        server.seen.held.lock().unwrap().clear();
    });
}

#[test]
fn a_half_closed_client_still_gets_its_answer() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        stream
            .write_all(b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        server.until("the request is held", |server| {
            server.seen.held.lock().unwrap().len() == 1
        });
        let reply = server.seen.held.lock().unwrap().pop().unwrap();
        reply.whole(200, HeaderLines::new(), b"still here".to_vec());
        assert_eq!(read_answer(&mut stream).body, b"still here");
        assert_eq!(
            stream.read(&mut [0]).unwrap(),
            0,
            "the connection ends after it"
        );
    });
}

#[test]
fn a_half_closed_client_that_is_sent_nothing_is_given_up() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| config.limits.half_close_timeout_ms = 50);
        let mut stream = server.connect();
        stream
            .write_all(b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        server.until("the connection is gone", |server| {
            server.seen.peers_left.load(Ordering::SeqCst) == 1 && server.open_connections() == 0
        });
        server.seen.held.lock().unwrap().clear();
    });
}

#[test]
fn a_refused_request_is_told_why_and_its_leftovers_are_never_answered() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        stream
            .write_all(
                b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
                  GET /hello HTTP/1.1\r\nHost: t\r\n\r\n",
            )
            .unwrap();
        assert_eq!(read_answer(&mut stream).status, 400);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
        drop(stream);
        server.until("the connection is gone", |server| {
            server.open_connections() == 0
        });
    });
}

#[test]
fn a_slow_head_gets_408_and_an_idle_connection_is_closed() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| {
            config.limits.head_timeout_ms = 50;
            config.limits.keep_alive_timeout_ms = 60;
        });
        let mut slow = server.connect();
        slow.write_all(b"GET /hello HTTP/1.1\r\nHo").unwrap();
        assert_eq!(read_answer(&mut slow).status, 408);
        let mut idle = server.connect();
        assert_eq!(get(&mut idle, "/hello").status, 200);
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn connections_beyond_the_limit_get_503() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| config.connections_max = 2);
        let mut held: Vec<_> = (0..2).map(|_| server.connect()).collect();
        for stream in &mut held {
            assert_eq!(get(stream, "/hello").status, 200);
        }
        let mut extra = server.connect();
        let answer = read_answer(&mut extra);
        assert_eq!(answer.status, 503);
        assert!(
            answer
                .head
                .to_ascii_lowercase()
                .contains("\r\nretry-after: "),
            "{}",
            answer.head
        );
        assert_eq!(get(&mut held[0], "/hello").status, 200);
    });
}

#[test]
fn a_peer_that_reads_slowly_is_not_idle() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| {
            config.limits.keep_alive_timeout_ms = 50;
        });
        let mut stream = server.connect();
        socket2::SockRef::from(&stream)
            .set_recv_buffer_size(128 * 1024)
            .unwrap();
        stream
            .write_all(b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        // More than the sockets hold: the answer is on its way until it is read.
        let body = vec![b'x'; 16 << 20];
        server.held().whole(200, HeaderLines::new(), body.clone());
        let start = std::time::Instant::now();
        let mut some = [0; 4096];
        let mut read = stream.read(&mut some).unwrap();
        while start.elapsed() < std::time::Duration::from_millis(200) {
            std::thread::park_timeout(std::time::Duration::from_millis(5));
            read += stream.read(&mut some).unwrap();
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(
            read + rest.len() > body.len(),
            "{arm:?}: the answer was cut"
        );
    });
}

#[test]
fn a_peer_that_stops_reading_its_answer_is_cut_off() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| config.limits.write_timeout_ms = 50);
        let mut stream = server.connect();
        // The second answer waits behind the first, which is more than the sockets hold.
        stream
            .write_all(&b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n".repeat(2))
            .unwrap();
        server
            .held()
            .whole(200, HeaderLines::new(), vec![b'x'; 16 << 20]);
        server.until("the connection is gone", |server| {
            server.open_connections() == 0
        });
        server.seen.held.lock().unwrap().clear();
    });
}
