//! Several listeners, and Unix sockets: what they have in common with one TCP port, whatever moves the bytes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use turbo_shard_runtime::{Bind, BindPlace, BoundServer, Mode, ServerConfig};

use crate::on_every_arm;
use crate::test_server::{Arm, HANG, TestServer, arms};
use crate::wire::{get, read_answer};

/// A directory for sockets, removed with what is in it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("ts-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Place(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("app.sock")
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(arm: Arm, shards: usize, binds: &[Bind]) -> TestServer {
    TestServer::with(arm, shards, |config| config.binds = binds.to_vec())
}

#[test]
fn every_address_is_served_and_none_after_a_stop() {
    on_every_arm(|arm| {
        let server = start(
            arm,
            2,
            &[Bind::tcp("127.0.0.1", 0), Bind::tcp("127.0.0.2", 0)],
        );
        let addresses: Vec<_> = server.addresses.iter().flat_map(|one| one.tcp()).collect();
        assert_eq!(addresses.len(), 2);
        for address in &addresses {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(HANG)).unwrap();
            let ends = get(&mut stream, "/ends").body;
            let expected = format!("{} {address}", stream.local_addr().unwrap());
            assert_eq!(String::from_utf8_lossy(&ends), expected, "{arm:?}");
        }
        server.handle.stop();
        server.join().unwrap();
        for address in addresses {
            assert!(TcpStream::connect(address).is_err(), "{arm:?}");
        }
    });
}

#[test]
fn a_unix_socket_is_served_beside_tcp_and_its_file_goes_with_the_server() {
    on_every_arm(|arm| {
        let place = Place::new("beside");
        let binds = [Bind::tcp("127.0.0.1", 0), Bind::unix(place.socket())];
        let server = start(arm, 2, &binds);
        assert_eq!(get(&mut server.connect(), "/hello").body, b"hello");
        let mut stream = place.connect();
        let ends = String::from_utf8(get(&mut stream, "/ends").body).unwrap();
        let expected = format!("unix: unix:{}", place.socket().display());
        assert_eq!(ends, expected, "{arm:?}");
        // Bodies and pipelines, as over TCP.
        stream
            .write_all(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody")
            .unwrap();
        stream
            .write_all(b"GET /later HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        assert_eq!(read_answer(&mut stream).body, b"body");
        assert_eq!(read_answer(&mut stream).body, b"later");
        server.handle.stop();
        server.join().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        assert!(!place.socket().exists(), "{arm:?}");
    });
}

#[test]
fn the_connections_of_a_unix_socket_are_shared_out_evenly() {
    for arm in arms().filter(|arm| arm.mode == Mode::Shard) {
        let place = Place::new("evenly");
        let server = start(arm, 3, &[Bind::unix(place.socket())]);
        let open = |server: &TestServer| {
            let counts = server.handle.counts();
            let open = counts.iter().map(|row| row.counts.connections_open);
            open.collect::<Vec<_>>()
        };
        let mut held = Vec::new();
        for _ in 0..9 {
            let mut stream = place.connect();
            assert_eq!(get(&mut stream, "/hello").status, 200);
            held.push(stream);
        }
        assert_eq!(open(&server), [3, 3, 3], "{arm:?}");
        // Connections that end at once go round as well.
        let accepted = |server: &TestServer| {
            let counts = server.handle.counts();
            let accepted = counts.iter().map(|row| row.counts.connections_accepted);
            accepted.collect::<Vec<_>>()
        };
        let before = accepted(&server);
        for _ in 0..12 {
            assert_eq!(get(&mut place.connect(), "/hello").status, 200);
            server.until("it has ended", |server| open(server) == [3, 3, 3]);
        }
        let came = accepted(&server).into_iter().zip(before);
        let came: Vec<u64> = came.map(|(after, before)| after - before).collect();
        assert_eq!(came, [4, 4, 4], "{arm:?}");
    }
}

#[test]
fn what_waits_at_a_unix_socket_is_answered_before_the_end() {
    on_every_arm(|arm| {
        let place = Place::new("waits");
        let server = start(arm, 1, &[Bind::unix(place.socket())]);
        let mut streams: Vec<UnixStream> = (0..20).map(|_| place.connect()).collect();
        for stream in &mut streams {
            stream
                .write_all(b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n")
                .unwrap();
        }
        server.handle.stop();
        for stream in &mut streams {
            assert_eq!(read_answer(stream).body, b"hello", "{arm:?}");
        }
        server.join().unwrap();
    });
}

#[test]
fn an_inherited_socket_is_served_and_stays_its_givers_after_the_end() {
    on_every_arm(|arm| {
        let given = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = given.local_addr().unwrap();
        let bind = Bind::plain(BindPlace::Inherited(given.as_raw_fd()));
        let server = start(arm, 2, std::slice::from_ref(&bind));
        assert_eq!(get(&mut server.connect(), "/hello").body, b"hello");
        server.handle.stop();
        server.join().unwrap();
        // What comes between two servers waits for the next one.
        let mut waiting = TcpStream::connect(address).unwrap();
        let _next = start(arm, 1, &[bind]);
        assert_eq!(get(&mut waiting, "/hello").body, b"hello", "{arm:?}");
    });
}

#[test]
fn of_several_binds_all_are_bound_or_none() {
    let place = Place::new("none");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let file = File::open("/dev/null").unwrap();
    for wrong in [
        Bind::tcp("127.0.0.1", port),
        Bind::plain(BindPlace::Inherited(file.as_raw_fd())),
        Bind::unix(place.0.join("nowhere/app.sock")),
    ] {
        let config = ServerConfig {
            binds: vec![Bind::unix(place.socket()), wrong],
            ..ServerConfig::sample()
        };
        let error = BoundServer::bind(config).err().unwrap().to_string();
        assert!(error.starts_with("cannot listen on"), "{error}");
        assert!(!place.socket().exists());
    }
}
