//! A shard without sockets: what its connections are sent and what they answer, turn by turn.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use turbo_shard_runtime::protocol::HeaderLines;
use turbo_shard_runtime::{
    Address, App, Exchange, LocalConnection, LocalShard, Outcome, Place, ServerConfig, Service,
    StartError,
};

const LONGEST: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Seen {
    started: AtomicUsize,
    stopped: AtomicUsize,
    service_stopped: AtomicUsize,
    left: AtomicUsize,
}

struct Plain(Arc<Seen>);

impl App for Plain {
    type Service = PlainService;

    fn thread_starts(&self) -> Result<(), StartError> {
        self.0.started.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn service(&self, _place: Place) -> Result<PlainService, StartError> {
        Ok(PlainService(Arc::clone(&self.0)))
    }

    fn thread_stops(&self) {
        self.0.stopped.fetch_add(1, Ordering::SeqCst);
    }
}

struct PlainService(Arc<Seen>);

struct Leaving(Arc<Seen>);

impl turbo_shard_runtime::ReplyListener for Leaving {
    fn room(&self) {}

    fn peer_left(&self) {
        self.0.left.fetch_add(1, Ordering::SeqCst);
    }
}

impl Service for PlainService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let none = HeaderLines::new();
        match exchange.request.path() {
            b"/now" => exchange.response.whole(200, &none, b"now").unwrap(),
            b"/later" => {
                let reply = exchange.defer();
                std::thread::spawn(move || reply.whole(200, HeaderLines::new(), b"later".to_vec()));
                return Outcome::Deferred;
            }
            b"/never" => {
                let reply = exchange.defer();
                reply.listen(Arc::new(Leaving(Arc::clone(&self.0))));
                // Held for ever, as by an app that never answers.
                Box::leak(Box::new(reply));
                return Outcome::Deferred;
            }
            b"/echo" => match exchange.body {
                None => return Outcome::READ_BODY,
                Some(body) => exchange.response.whole(200, &none, body).unwrap(),
            },
            _ => exchange.response.whole(404, &none, b"").unwrap(),
        }
        Outcome::Answered
    }

    fn stop(&self) {
        self.0.service_stopped.fetch_add(1, Ordering::SeqCst);
    }
}

fn shard(seen: &Arc<Seen>) -> LocalShard<Plain> {
    LocalShard::new(Arc::new(Plain(Arc::clone(seen))), &ServerConfig::sample()).unwrap()
}

fn connect(shard: &LocalShard<Plain>) -> LocalConnection {
    let end = |port| Address::Tcp(([127, 0, 0, 1], port).into());
    shard.connect(end(1), end(2))
}

/// Turns and waits until as many answers have come whole as `marks` counts.
fn answers(
    shard: &LocalShard<Plain>,
    connection: &mut LocalConnection,
    mark: &str,
    marks: usize,
) -> String {
    let deadline = Instant::now() + LONGEST;
    let mut text = String::new();
    while text.matches(mark).count() < marks {
        assert!(Instant::now() < deadline, "only {text:?} has come");
        while shard.turn(connection) {}
        text += &String::from_utf8(connection.take_output()).unwrap();
        if text.matches(mark).count() < marks {
            shard.pause(connection, LONGEST).wait();
        }
    }
    text
}

const NOW: &str = "GET /now HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn a_request_is_answered_whole_byte_by_byte_and_split_anywhere() {
    let shard = shard(&Arc::default());
    let request = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nmark";
    let cuts = (0..request.len()).map(|at| vec![&request[..at], &request[at..]]);
    let bytes = (0..request.len()).map(|at| &request[at..=at]).collect();
    for parts in cuts.chain([bytes]) {
        let mut connection = connect(&shard);
        for part in parts {
            connection.send(part.as_bytes());
            while shard.turn(&mut connection) {}
        }
        let answer = answers(&shard, &mut connection, "mark", 1);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(!connection.is_write_shut());
    }
}

#[test]
fn an_answer_from_another_thread_ends_the_wait() {
    let shard = shard(&Arc::default());
    let mut connection = connect(&shard);
    connection.send(b"GET /later HTTP/1.1\r\nhost: a\r\n\r\n");
    connection.send(NOW.as_bytes());
    let answer = answers(&shard, &mut connection, "\r\n\r\nnow", 1);
    assert!(answer.contains("\r\n\r\nlater"), "{answer}");
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let shard = shard(&Arc::default());
    let mut connection = connect(&shard);
    connection.send(NOW.repeat(1000).as_bytes());
    answers(&shard, &mut connection, "\r\n\r\nnow", 1000);
}

#[test]
fn a_refusal_ends_what_the_server_sends_and_what_is_behind_it_is_not_read() {
    let shard = shard(&Arc::default());
    let mut connection = connect(&shard);
    connection.send(b"GET / HTTP/9.9\r\n\r\n");
    connection.send(NOW.as_bytes());
    let answer = answers(&shard, &mut connection, "\r\n\r\n", 1);
    assert!(answer.starts_with("HTTP/1.1 505"), "{answer}");
    assert!(connection.is_write_shut());
}

#[test]
fn a_peer_that_has_finished_is_answered_and_then_the_connection_is_over() {
    let shard = shard(&Arc::default());
    let mut connection = connect(&shard);
    connection.send(NOW.as_bytes());
    connection.finish();
    answers(&shard, &mut connection, "\r\n\r\nnow", 1);
    while shard.turn(&mut connection) {}
    assert!(connection.is_write_shut());
}

#[test]
fn the_app_hears_of_a_peer_that_leaves() {
    let seen: Arc<Seen> = Arc::default();
    let shard = shard(&seen);
    let mut connection = connect(&shard);
    connection.send(b"GET /never HTTP/1.1\r\nhost: a\r\n\r\n");
    while shard.turn(&mut connection) {}
    assert_eq!(seen.left.load(Ordering::SeqCst), 0);
    connection.leave(&shard);
    assert_eq!(seen.left.load(Ordering::SeqCst), 1);
}

#[test]
fn a_silent_peer_is_refused_when_its_time_is_over() {
    let mut config = ServerConfig::sample();
    config.limits.head_timeout_ms = 10;
    let app = Arc::new(Plain(Arc::default()));
    let shard = LocalShard::new(app, &config).unwrap();
    let mut connection = connect(&shard);
    connection.send(b"GET /now HTTP/1.1\r\n");
    let answer = answers(&shard, &mut connection, "\r\n\r\n", 1);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[test]
fn the_thread_and_its_service_start_and_stop_once_and_no_descriptor_stays() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let seen: Arc<Seen> = Arc::default();
    for _ in 0..3 {
        shard(&seen).stop(Instant::now() + LONGEST);
    }
    let counts = [&seen.started, &seen.stopped, &seen.service_stopped];
    assert_eq!(counts.map(|count| count.load(Ordering::SeqCst)), [3, 3, 3]);
    // Other tests of this program open and close their own: a leak here would show as one more each time.
    let (first, kept): (RawFd, Vec<_>) = (open() as RawFd, (0..64).map(|_| shard(&seen)).collect());
    kept.into_iter()
        .for_each(|shard| shard.stop(Instant::now() + LONGEST));
    assert!((open() as RawFd) < first + 64);
}
