//! What every engine and mode must do alike, shown with a Rust service over real sockets.

mod balance;
mod endings;
mod held_up;
mod listeners;
mod streams;
mod test_app;
mod test_server;
mod websockets;
mod wire;

use std::io::{Read, Write};
use std::sync::atomic::Ordering;

use test_app::{FLOOD_CHUNK_BYTES, FLOOD_CHUNKS};
use test_server::{Arm, TestServer, arms};
use turbo_shard_runtime::protocol::HeaderLines;
use turbo_shard_runtime::{Bind, BoundServer, Mode, ServerConfig, UringFeature};
use wire::{get, read_answer};

/// Runs a test on every arm; the arm's name is in the panic message of the server's start or of the assertion.
pub(crate) fn on_every_arm(test: impl Fn(Arm)) {
    for arm in arms() {
        println!("{arm:?}");
        test(arm);
    }
}

#[test]
fn answers_many_requests_on_one_connection() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 2);
        let mut stream = server.connect();
        for _ in 0..100 {
            let answer = get(&mut stream, "/hello");
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (200, &b"hello"[..])
            );
            assert!(
                answer.head.to_ascii_lowercase().contains("\r\ndate: "),
                "{}",
                answer.head
            );
        }
        assert_eq!(get(&mut stream, "/nowhere").status, 404);
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        let mut requests = Vec::new();
        // More than one turn's worth, with answers that come from elsewhere in between.
        for index in 0..500 {
            let path = if index % 50 == 0 { "/later" } else { "/hello" };
            requests
                .extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        }
        let mut writer = stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || writer.write_all(&requests).unwrap());
        for index in 0..500 {
            let expected: &[u8] = if index % 50 == 0 { b"later" } else { b"hello" };
            assert_eq!(read_answer(&mut stream).body, expected, "answer {index}");
        }
        sender.join().unwrap();
    });
}

#[test]
fn a_pipeline_that_came_in_one_piece_is_answered_to_its_end() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        // One read brings them all, and they are more than one turn may answer: nothing that arrives later reminds the
        // connection of the rest.
        let requests = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n".repeat(300);
        stream.write_all(requests.as_bytes()).unwrap();
        for index in 0..300 {
            assert_eq!(read_answer(&mut stream).body, b"hello", "answer {index}");
        }
    });
}

#[test]
fn bodies_come_whole_whether_counted_or_chunked() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        let body = vec![b'x'; 300_000];
        write!(
            stream,
            "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        stream.write_all(&body).unwrap();
        assert_eq!(read_answer(&mut stream).body, body);
        stream
            .write_all(b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        stream
            .write_all(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            .unwrap();
        assert_eq!(read_answer(&mut stream).body, b"hello world");
    });
}

#[test]
fn a_body_that_came_with_its_head_is_at_hand_wherever_a_buffer_ends() {
    const REQUESTS: usize = 60;
    on_every_arm(|arm| {
        // There each receive is asked for by itself, and brings at most a buffer.
        let is_asked_singly = arm.without.contains(&UringFeature::MultishotReceive);
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        // Not a divisor of what buffers hold, so some of them end in the middle of a body.
        let body = vec![b'x'; 10_007];
        let mut request = format!(
            "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        for _ in 0..REQUESTS {
            stream.write_all(&request).unwrap();
            assert_eq!(read_answer(&mut stream).body, body);
        }
        // The kernel itself may cut what was written at once; on loopback it hardly ever does.
        let early = server.seen.calls_before_body.load(Ordering::SeqCst);
        let is_fine = is_asked_singly || early <= REQUESTS / 10;
        assert!(is_fine, "{early} calls on {arm:?}");
    });
}

#[test]
fn answers_from_other_threads_arrive_whole_or_in_pieces() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        for _ in 0..50 {
            assert_eq!(get(&mut stream, "/later").body, b"later");
            let streamed = get(&mut stream, "/stream");
            assert_eq!(streamed.body, b"one two three");
            assert!(
                streamed
                    .head
                    .to_ascii_lowercase()
                    .contains("transfer-encoding: chunked")
            );
        }
    });
}

#[test]
fn a_stream_waits_for_its_reader_and_then_goes_on_to_its_end() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        stream
            .write_all(b"GET /flood HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        // The client does not read: the sender stops long before its end. It has stopped if nothing moves for long.
        let mut flooded = 0;
        let mut still = 0;
        server.until("the sender stands still", |server| {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
            let now = server.seen.flooded.load(Ordering::SeqCst);
            still = if now == flooded && now > 0 {
                still + 1
            } else {
                0
            };
            flooded = now;
            still == 10
        });
        assert!(
            flooded < FLOOD_CHUNKS * FLOOD_CHUNK_BYTES,
            "{flooded} bytes went nowhere"
        );
        let answer = read_answer(&mut stream);
        assert_eq!(answer.body.len(), FLOOD_CHUNKS * FLOOD_CHUNK_BYTES);
        assert_eq!(get(&mut stream, "/hello").body, b"hello");
    });
}

#[test]
fn a_broken_handler_costs_its_own_connection_only() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut bystander = server.connect();
        assert_eq!(get(&mut bystander, "/hello").status, 200);
        for path in ["/panic", "/unfinished", "/dropped"] {
            let mut stream = server.connect();
            assert_eq!(get(&mut stream, path).status, 500, "{path}");
        }
        assert_eq!(get(&mut bystander, "/hello").status, 200);
        assert_eq!(
            server
                .handle
                .counts()
                .iter()
                .map(|row| row.counts.handler_panics)
                .sum::<u64>(),
            1
        );
    });
}

#[test]
fn a_hosted_loop_runs_on_the_shards_thread() {
    for arm in arms().filter(|arm| arm.mode == Mode::Shard) {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        for _ in 0..20 {
            assert_eq!(get(&mut stream, "/loop").body, b"from the loop", "{arm:?}");
        }
        assert!(server.seen.turns.load(Ordering::SeqCst) >= 20);
    }
}

#[test]
fn a_hosted_loop_that_is_not_done_after_a_turn_has_another_one() {
    for arm in arms().filter(|arm| arm.mode == Mode::Shard) {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        // Nothing else happens meanwhile that would wake the shard.
        for turns in [
            &server.seen.idle_turns_ready,
            &server.seen.idle_turns_readable,
        ] {
            turns.store(3, Ordering::SeqCst);
            assert_eq!(get(&mut stream, "/loop").body, b"from the loop", "{arm:?}");
            assert_eq!(turns.load(Ordering::SeqCst), 0, "{arm:?}");
        }
    }
}

#[test]
fn a_shard_that_dies_is_started_again_and_counted() {
    for arm in arms().filter(|arm| arm.mode == Mode::Shard) {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        assert_eq!(get(&mut stream, "/hello").status, 200);
        server.seen.break_loop.store(true, Ordering::SeqCst);
        stream
            .write_all(b"GET /loop HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        server.until("a second service", |server| {
            server.seen.services.load(Ordering::SeqCst) == 2
        });
        // The listener outlived its shard: no client is turned away.
        let mut again = server.connect();
        assert_eq!(get(&mut again, "/hello").status, 200, "{arm:?}");
        let counts = server.handle.counts();
        assert_eq!((counts.len(), counts[0].counts.restarts), (1, 1), "{arm:?}");
        server.seen.held.lock().unwrap().clear();
    }
}

#[test]
fn a_stop_finishes_what_is_in_flight_and_ends() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 2);
        let mut idle = server.connect();
        assert_eq!(get(&mut idle, "/hello").status, 200);
        let mut busy = server.connect();
        busy.write_all(b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        server.until("the request is held", |server| {
            server.seen.held.lock().unwrap().len() == 1
        });
        server.handle.stop();
        assert_eq!(
            idle.read(&mut [0]).unwrap(),
            0,
            "an idle connection is closed"
        );
        let reply = server.seen.held.lock().unwrap().pop().unwrap();
        reply.whole(200, HeaderLines::new(), b"finished".to_vec());
        let answer = read_answer(&mut busy);
        assert_eq!(answer.body, b"finished");
        // Its shard may hear of the stop just after the answer: then the end comes without an announcement.
        assert_eq!(busy.read(&mut [0]).unwrap(), 0, "the connection ends");
        let (address, seen) = (server.address, server.seen.clone());
        server.join().unwrap();
        assert_eq!(
            seen.started.load(Ordering::SeqCst),
            seen.stopped.load(Ordering::SeqCst),
            "{arm:?}"
        );
        assert!(
            std::net::TcpStream::connect(address).is_err(),
            "nobody listens any more"
        );
    });
}

#[test]
fn the_graceful_time_ends_what_does_not_finish() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| config.graceful_timeout_ms = 50);
        let mut stream = server.connect();
        stream
            .write_all(b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        server.until("the request is held", |server| {
            server.seen.held.lock().unwrap().len() == 1
        });
        let seen = server.seen.clone();
        server.handle.stop();
        server.join().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        assert_eq!(seen.peers_left.load(Ordering::SeqCst), 1, "{arm:?}");
        seen.held.lock().unwrap().clear();
    });
}

#[test]
fn every_shard_serves_on_its_own_thread() {
    for arm in arms().filter(|arm| arm.mode == Mode::Shard) {
        let server = TestServer::start(arm, 3);
        let distinct = |server: &TestServer| {
            let mut threads = server.seen.threads.lock().unwrap().clone();
            threads.sort_by_key(|id| format!("{id:?}"));
            threads.dedup();
            threads.len()
        };
        // The kernel spreads connections by a hash: enough of them reach all three.
        server.until("all shards have served", |server| {
            assert_eq!(get(&mut server.connect(), "/thread").status, 200);
            distinct(server) == 3
        });
        let rows = server.handle.counts();
        assert!(rows.iter().all(|row| row.counts.requests > 0), "{rows:?}");
    }
}

#[test]
fn threads_park_after_their_batches() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        let before = server.seen.parks.load(Ordering::SeqCst);
        assert_eq!(get(&mut stream, "/hello").status, 200);
        server.until("a park after the batch", |server| {
            server.seen.parks.load(Ordering::SeqCst) > before
        });
    });
}

#[test]
fn a_port_in_use_is_refused_before_anything_starts() {
    let server = TestServer::start(arms().next().unwrap(), 1);
    let config = ServerConfig {
        binds: vec![Bind::tcp("127.0.0.1", server.address.port())],
        ..ServerConfig::sample()
    };
    let error = BoundServer::bind(config)
        .err()
        .expect("the port is taken")
        .to_string();
    assert!(error.contains("in use"), "{error}");
}

#[test]
fn ipv6_is_served() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| config.binds = vec![Bind::tcp("::1", 0)]);
        assert!(server.address.is_ipv6());
        assert_eq!(get(&mut server.connect(), "/hello").body, b"hello");
    });
}

#[test]
fn an_idle_server_does_not_run() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 2);
        let mut stream = server.connect();
        assert_eq!(get(&mut stream, "/hello").status, 200);
        // An engine that wakes on a timer parks each time: the count stands still only if nothing wakes.
        let mut parks = server.seen.parks.load(Ordering::SeqCst);
        let mut still = 0;
        server.until("the parks stand still", |server| {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
            let now = server.seen.parks.load(Ordering::SeqCst);
            still = if now == parks { still + 1 } else { 0 };
            parks = now;
            still == 10
        });
    });
}

#[test]
fn a_shard_that_is_never_done_is_seen_to_be_busy() {
    for arm in arms().filter(|arm| arm.mode == Mode::Shard) {
        println!("{arm:?}");
        let server = TestServer::start(arm, 1);
        server
            .seen
            .idle_turns_ready
            .store(usize::MAX, Ordering::SeqCst);
        // Its loop begins with this request, and does not end.
        let mut stream = server.connect();
        stream
            .write_all(b"GET /loop HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        server.until("work is counted", |server| {
            server.handle.counts()[0].counts.busy_us > 50_000
        });
        server.seen.idle_turns_ready.store(0, Ordering::SeqCst);
        assert_eq!(read_answer(&mut stream).body, b"from the loop", "{arm:?}");
    }
}
