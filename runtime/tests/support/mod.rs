//! A small Rust app and a server around it, for the contract that every engine has to keep.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use turbo_shard_runtime::protocol::{BodyLength, HeaderLines};
use turbo_shard_runtime::{
    App, BoundServer, EngineChoice, EngineName, Exchange, Flow, HostedLoop, Mode, Outcome, Place,
    ReplyHandle, ReplyListener, ServerConfig, ServerHandle, Service, StartError,
};

/// No answer takes this long unless something hangs.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// One way to run a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arm {
    pub(crate) mode: Mode,
    pub(crate) engine: EngineName,
}

pub(crate) const ARMS: [Arm; 3] = [
    Arm {
        mode: Mode::Shard,
        engine: EngineName::Tokio,
    },
    Arm {
        mode: Mode::Shard,
        engine: EngineName::Glommio,
    },
    Arm {
        mode: Mode::Steal,
        engine: EngineName::Tokio,
    },
];

/// What the app has seen; shared with the test.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) started: AtomicUsize,
    pub(crate) stopped: AtomicUsize,
    pub(crate) services: AtomicUsize,
    pub(crate) parks: AtomicUsize,
    pub(crate) peers_left: AtomicUsize,
    pub(crate) turns: AtomicUsize,
    /// Replies that a test holds back: `/held` waits for them.
    pub(crate) held: Mutex<Vec<ReplyHandle>>,
    pub(crate) break_loop: AtomicBool,
    pub(crate) threads: Mutex<Vec<std::thread::ThreadId>>,
}

pub(crate) struct TestApp {
    pub(crate) seen: Arc<Seen>,
}

pub(crate) struct TestService {
    seen: Arc<Seen>,
    hosted: Option<Arc<OwnedFd>>,
}

impl App for TestApp {
    type Service = TestService;

    fn thread_starts(&self) -> Result<(), StartError> {
        self.seen.started.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn service(&self, place: Place) -> Result<TestService, StartError> {
        self.seen.services.fetch_add(1, Ordering::SeqCst);
        let hosted = matches!(place, Place::Shard(_)).then(|| Arc::new(eventfd()));
        Ok(TestService {
            seen: Arc::clone(&self.seen),
            hosted,
        })
    }

    fn thread_parks(&self) {
        self.seen.parks.fetch_add(1, Ordering::SeqCst);
    }

    fn thread_stops(&self) {
        self.seen.stopped.fetch_add(1, Ordering::SeqCst);
    }
}

struct LeaveListener(Arc<Seen>);

impl ReplyListener for LeaveListener {
    fn room(&self) {}
    fn peer_left(&self) {
        self.0.peers_left.fetch_add(1, Ordering::SeqCst);
    }
}

impl Service for TestService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let none = HeaderLines::new();
        match exchange.request.path() {
            b"/hello" => exchange.response.whole(200, &none, b"hello").unwrap(),
            b"/thread" => {
                self.seen
                    .threads
                    .lock()
                    .unwrap()
                    .push(std::thread::current().id());
                exchange.response.whole(200, &none, b"noted").unwrap();
            }
            b"/echo" => match exchange.body {
                None => {
                    return Outcome::ReadBody {
                        bytes_max: 1 << 20,
                        tag: 7,
                    };
                }
                Some(body) => {
                    assert_eq!(exchange.tag, 7);
                    exchange.response.whole(200, &none, body).unwrap();
                }
            },
            b"/later" => {
                let reply = exchange.defer();
                std::thread::spawn(move || reply.whole(200, HeaderLines::new(), b"later".to_vec()));
                return Outcome::Deferred;
            }
            b"/held" => {
                let reply = exchange.defer();
                reply.listen(Box::new(LeaveListener(Arc::clone(&self.seen))));
                self.seen.held.lock().unwrap().push(reply);
                return Outcome::Deferred;
            }
            b"/stream" => {
                let reply = exchange.defer();
                std::thread::spawn(move || {
                    reply.start(200, HeaderLines::new(), BodyLength::Unknown);
                    for piece in [&b"one "[..], b"two ", b"three"] {
                        assert_eq!(reply.chunk(piece.to_vec()), Flow::Ready);
                    }
                    reply.end();
                });
                return Outcome::Deferred;
            }
            b"/dropped" => {
                drop(exchange.defer());
                return Outcome::Deferred;
            }
            b"/loop" => {
                // What a coroutine that waits would do: ask the hosted loop for a turn.
                let Some(fd) = &self.hosted else {
                    exchange
                        .response
                        .whole(200, &none, b"no loop here")
                        .unwrap();
                    return Outcome::Answered;
                };
                let reply = exchange.defer();
                self.seen.held.lock().unwrap().push(reply);
                let one = 1_u64.to_ne_bytes();
                // SAFETY: eight readable bytes, which is what an eventfd takes.
                let written = unsafe { libc::write(fd.as_raw_fd(), one.as_ptr().cast(), 8) };
                assert_eq!(written, 8);
                return Outcome::Deferred;
            }
            b"/panic" => panic!("on purpose"),
            b"/unfinished" => return Outcome::Answered,
            _ => exchange
                .response
                .whole(404, &none, b"no such path")
                .unwrap(),
        }
        Outcome::Answered
    }

    fn hosted_loop(&self) -> Option<Box<dyn HostedLoop>> {
        let fd = Arc::clone(self.hosted.as_ref()?);
        Some(Box::new(TestLoop {
            fd,
            seen: Arc::clone(&self.seen),
        }))
    }
}

struct TestLoop {
    fd: Arc<OwnedFd>,
    seen: Arc<Seen>,
}

impl HostedLoop for TestLoop {
    fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    fn is_ready(&self) -> bool {
        false
    }

    fn turn(&self) -> bool {
        let mut count = [0_u8; 8];
        // SAFETY: eight writable bytes; the descriptor is non-blocking.
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), 8) };
        assert!(
            !self.seen.break_loop.swap(false, Ordering::SeqCst),
            "the loop breaks on purpose"
        );
        self.seen.turns.fetch_add(1, Ordering::SeqCst);
        for reply in self.seen.held.lock().unwrap().drain(..) {
            reply.whole(200, HeaderLines::new(), b"from the loop".to_vec());
        }
        false
    }
}

fn eventfd() -> OwnedFd {
    // SAFETY: a plain system call; its descriptor is owned from here on.
    unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }
}

/// A server that runs on a thread of the test and is stopped with it.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) seen: Arc<Seen>,
    thread: Option<JoinHandle<Result<(), StartError>>>,
}

impl TestServer {
    pub(crate) fn start(arm: Arm, shards: usize) -> TestServer {
        TestServer::with(arm, shards, |_| {})
    }

    pub(crate) fn with(
        arm: Arm,
        shards: usize,
        change: impl FnOnce(&mut ServerConfig),
    ) -> TestServer {
        let mut config = ServerConfig {
            mode: arm.mode,
            engine: EngineChoice::Named(arm.engine),
            shards: NonZeroUsize::new(shards).unwrap(),
            port: 0,
            ..ServerConfig::default()
        };
        change(&mut config);
        let server = BoundServer::bind(config).unwrap_or_else(|error| panic!("{arm:?}: {error}"));
        let (address, handle) = (server.report().addresses[0], server.handle());
        let seen = Arc::new(Seen::default());
        let app = TestApp {
            seen: Arc::clone(&seen),
        };
        let (tell, ready) = crossbeam_channel::bounded(1);
        let thread =
            std::thread::spawn(move || server.run(app, false, move || tell.send(()).unwrap()));
        ready
            .recv_timeout(HANG)
            .unwrap_or_else(|_| panic!("{arm:?} is not ready"));
        TestServer {
            address,
            handle,
            seen,
            thread: Some(thread),
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream
    }

    /// Waits for the end of a server that was told to stop.
    pub(crate) fn join(mut self) -> Result<(), StartError> {
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&TestServer) -> bool) {
        let start = std::time::Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < HANG, "waited in vain for: {what}");
            std::thread::yield_now();
        }
    }

    pub(crate) fn open_connections(&self) -> u64 {
        self.handle
            .counts()
            .iter()
            .map(|row| row.connections_open)
            .sum()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.handle.stop_now();
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}

/// An answer as it was on the wire, its body decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn get(stream: &mut TcpStream, path: &str) -> Answer {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
        .unwrap();
    read_answer(stream)
}

/// Reads one answer, byte by byte, so that nothing of the next one is taken.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    let head = read_until(stream, b"\r\n\r\n");
    let head = String::from_utf8(head).unwrap();
    let status = head
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("no status in {head:?}"))
        .parse()
        .unwrap();
    let lower = head.to_ascii_lowercase();
    let body = if let Some(length) = lower.split("content-length: ").nth(1) {
        let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        body
    } else if lower.contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        loop {
            let line = read_until(stream, b"\r\n");
            let size =
                usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break body;
            }
        }
    } else {
        Vec::new()
    };
    Answer { status, head, body }
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(end) {
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)));
        bytes.push(byte[0]);
    }
    bytes
}
