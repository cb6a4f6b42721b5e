//! How connections are spread over shards, on every engine with shards: by least connections, by CPU, and rebalanced.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use turbo_shard_runtime::{Balance, Mode, ServerConfig, Steering, allowed_cores};

use crate::test_server::{Arm, Over, TestServer, arms};
use crate::wire::{get, read_answer};

fn on_every_shard_engine(test: impl Fn(Arm)) {
    for arm in arms().filter(|arm| arm.mode == Mode::Shard) {
        println!("{arm:?}");
        test(arm);
    }
}

fn least(config: &mut ServerConfig) {
    config.balance = Balance::Least;
}

fn open_by_shard(server: &TestServer) -> Vec<u64> {
    let rows = server.handle.counts();
    rows.iter().map(|row| row.counts.connections_open).collect()
}

/// A connection that has been served once, so that its shard counts it.
fn served(server: &TestServer) -> TcpStream {
    let mut stream = server.connect();
    assert_eq!(get(&mut stream, "/hello").body, b"hello");
    stream
}

/// Whether the request was answered; a connection that ends first is no answer, one that hangs fails the test.
fn is_answered(stream: &mut TcpStream) -> bool {
    let mut answer = Vec::new();
    let mut bytes = [0; 1024];
    while !answer.ends_with(b"hello") {
        match stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(read) => answer.extend_from_slice(&bytes[..read]),
            Err(error) => {
                let hangs = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                assert!(!hangs, "a connection was lost: nobody serves it");
                return false;
            }
        }
    }
    true
}

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn least_spreads_few_connections_evenly() {
    on_every_shard_engine(|arm| {
        for shards in [2, 3] {
            let server = TestServer::with(arm, shards, least);
            let streams: Vec<_> = (0..4 * shards).map(|_| served(&server)).collect();
            assert_eq!(open_by_shard(&server), vec![4; shards], "{arm:?}");
            // What was handed over is served like any other.
            for mut stream in streams {
                assert_eq!(get(&mut stream, "/later").body, b"later");
            }
        }
    });
}

#[test]
fn least_fills_the_place_of_connections_that_have_left() {
    on_every_shard_engine(|arm| {
        let server = TestServer::with(arm, 2, least);
        let mut streams: Vec<_> = (0..8).map(|_| served(&server)).collect();
        streams.truncate(3);
        server.until("the others are gone", |server| {
            server.open_connections() == 3
        });
        streams.extend((0..5).map(|_| served(&server)));
        assert_eq!(open_by_shard(&server), [4, 4], "{arm:?}");
    });
}

#[test]
fn every_shard_is_full_before_a_connection_is_refused() {
    on_every_shard_engine(|arm| {
        let server = TestServer::with(arm, 2, |config| {
            least(config);
            config.connections_max = 2;
        });
        let _streams: Vec<_> = (0..4).map(|_| served(&server)).collect();
        assert_eq!(read_answer(&mut server.connect()).status, 503, "{arm:?}");
    });
}

#[test]
fn a_storm_of_connections_loses_none_while_shards_die_and_start_again() {
    const CLIENTS: usize = 4;
    const DEATHS: usize = 3;
    on_every_shard_engine(|arm| {
        let server = TestServer::with(arm, 3, least);
        let (over, cut, answered) = (
            AtomicBool::new(false),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            let _over = Over(&over);
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while !over.load(SeqCst) {
                        let mut stream = server.connect();
                        let sent = stream.write_all(HELLO).is_ok();
                        let counter = match sent && is_answered(&mut stream) {
                            true => &answered,
                            false => &cut,
                        };
                        counter.fetch_add(1, SeqCst);
                    }
                });
            }
            for death in 1..=DEATHS {
                server.seen.break_loop.store(true, SeqCst);
                let mut stream = server.connect();
                stream
                    .write_all(b"GET /loop HTTP/1.1\r\nHost: test\r\n\r\n")
                    .unwrap();
                server.until("the shard to restart", |server| {
                    server.seen.services.load(SeqCst) == 3 + death
                });
                let before = answered.load(SeqCst);
                server.until("clients are served again", |_| {
                    answered.load(SeqCst) > before + 10 * CLIENTS
                });
            }
        });
        server.seen.held.lock().unwrap().clear();
        // A shard that dies takes along what it serves at that moment, but nothing that is on its way to it.
        let cut = cut.load(SeqCst);
        assert!(
            cut <= DEATHS * CLIENTS,
            "{arm:?}: {cut} connections were cut"
        );
        assert_eq!(server.restarts(), DEATHS as u64, "{arm:?}");
    });
}

#[test]
fn a_stop_in_a_storm_of_connections_answers_what_was_asked_before_it() {
    on_every_shard_engine(|arm| {
        let server = TestServer::with(arm, 3, least);
        let (stopping, answered, lost) = (
            AtomicBool::new(false),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        let address = server.address;
        std::thread::scope(|scope| {
            let stop = Over(&stopping);
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stopping.load(SeqCst) {
                        let stream = TcpStream::connect(address);
                        let mut was_before = false;
                        let is_good = stream.is_ok_and(|mut stream| {
                            stream
                                .set_read_timeout(Some(crate::test_server::HANG))
                                .unwrap();
                            let sent = stream.write_all(HELLO).is_ok();
                            was_before = !stopping.load(SeqCst);
                            sent && is_answered(&mut stream)
                        });
                        match is_good {
                            true => _ = answered.fetch_add(1, SeqCst),
                            false if was_before => _ = lost.fetch_add(1, SeqCst),
                            false => {}
                        }
                    }
                });
            }
            server.until("the storm to blow", |_| answered.load(SeqCst) > 200);
            drop(stop);
            server.handle.stop();
        });
        server.join().unwrap();
        assert_eq!(lost.load(SeqCst), 0, "{arm:?}");
    });
}

#[test]
fn steering_leads_to_the_shard_on_the_cpu_that_takes_the_packet() {
    on_every_shard_engine(|arm| {
        let shards = allowed_cores().cores.len().min(2);
        let server = TestServer::with(arm, shards, |config| config.steering = Steering::Cpu);
        for row in server.handle.counts() {
            let core = row.core.expect("steered shards are pinned");
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Over loopback the client's CPU takes the packet.
                    assert!(core_affinity::set_for_current(core_affinity::CoreId {
                        id: core
                    }));
                    let _streams: Vec<_> = (0..8).map(|_| served(&server)).collect();
                    let accepted = server.handle.counts()[row.shard]
                        .counts
                        .connections_accepted;
                    assert_eq!(accepted, 8, "{arm:?}: core {core}");
                });
            });
        }
    });
}

#[test]
fn steering_without_a_core_for_each_shard_is_refused() {
    let bind = |change: fn(&mut ServerConfig)| {
        let mut config = ServerConfig {
            steering: Steering::Cpu,
            ..ServerConfig::sample()
        };
        change(&mut config);
        let bound = turbo_shard_runtime::BoundServer::bind(config);
        bound.err().expect("it must be refused").to_string()
    };
    let error = bind(|config| config.pin = false);
    assert!(error.contains("not pinned"), "{error}");
    let error = bind(|config| {
        let more = allowed_cores().cores.len() + 1;
        config.shards = std::num::NonZeroUsize::new(more).unwrap();
    });
    assert!(
        error.contains("no more shards than there are cores"),
        "{error}"
    );
}

/// Connections that all live on shard 0, by trying: the kernel's hash spreads them.
fn all_on_shard_0(server: &TestServer, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    server.until("connections that the kernel leads to shard 0", |server| {
        let before = open_by_shard(server)[0];
        let stream = served(server);
        if open_by_shard(server)[0] > before {
            streams.push(stream);
        } else {
            drop(stream);
            server.until("the other one is gone", |server| {
                open_by_shard(server)[1] == 0
            });
        }
        streams.len() == count
    });
    streams
}

#[test]
fn rebalancing_moves_clients_off_a_busy_shard_and_fails_no_request() {
    on_every_shard_engine(|arm| {
        let server = TestServer::with(arm, 2, |config| config.rebalance = true);
        let streams = all_on_shard_0(&server, 6);
        let (over, moved) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let _over = Over(&over);
            for mut stream in streams {
                let (server, over, moved) = (&server, &over, &moved);
                scope.spawn(move || {
                    while !over.load(SeqCst) {
                        let answer = get(&mut stream, "/hello");
                        assert_eq!(answer.body, b"hello");
                        if answer
                            .head
                            .to_ascii_lowercase()
                            .contains("connection: close")
                        {
                            moved.fetch_add(1, SeqCst);
                            stream = server.connect();
                        }
                    }
                });
            }
            server.until(
                "a client of shard 0 to have come back on shard 1",
                |server| {
                    moved.load(SeqCst) > 0 && server.handle.counts()[1].counts.connections_open > 0
                },
            );
        });
        assert!(moved.load(SeqCst) < 100, "{arm:?}: bounded");
    });
}

#[test]
fn without_rebalancing_nobody_is_sent_away() {
    on_every_shard_engine(|arm| {
        let server = TestServer::with(arm, 2, least);
        let mut stream = server.connect();
        for _ in 0..200 {
            let answer = get(&mut stream, "/hello");
            assert!(!answer.head.to_ascii_lowercase().contains("connection:"));
        }
    });
}
