//! A small Rust app that answers in every way an app can.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use turbo_shard_runtime::protocol::websocket::Handshake;
use turbo_shard_runtime::protocol::{BodyLength, HeaderLines};
use turbo_shard_runtime::{
    App, ConnectionInfo, Exchange, Flow, HostedLoop, HttpReply, Outcome, Place, ReplyListener,
    Service, StartError, WebSocketReply,
};

/// `/flood` streams this much: far more than all buffers on the way hold.
pub(crate) const FLOOD_CHUNKS: usize = 1024;
pub(crate) const FLOOD_CHUNK_BYTES: usize = 32 * 1024;

/// `/hold` answers with this much, and `/big` with more than the sockets' buffers hold.
pub(crate) const HELD_BYTES: usize = 3 << 20;
pub(crate) const BIG_BYTES: usize = 16 << 20;

/// What the app has seen; shared with the test.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) started: AtomicUsize,
    pub(crate) stopped: AtomicUsize,
    pub(crate) services: AtomicUsize,
    pub(crate) parks: AtomicUsize,
    pub(crate) peers_left: AtomicUsize,
    /// How often a listener heard of room, and of something to take.
    pub(crate) rooms: AtomicUsize,
    pub(crate) inputs: AtomicUsize,
    pub(crate) turns: AtomicUsize,
    /// Calls of `/echo` that came before the whole body had.
    pub(crate) calls_before_body: AtomicUsize,
    /// Bytes that `/flood` has sent.
    pub(crate) flooded: AtomicUsize,
    /// Replies that a test holds back: `/held` waits for them.
    pub(crate) held: Mutex<Vec<HttpReply>>,
    /// WebSockets that are the test's: `/websocket` opens them.
    pub(crate) conversations: Mutex<Vec<WebSocketReply>>,
    pub(crate) break_loop: AtomicBool,
    /// `/hold` has the thread, as long as the other says so.
    pub(crate) is_holding: AtomicBool,
    pub(crate) holds_on: AtomicBool,
    /// Turns in which the hosted loop does nothing: it says that it is ready, or leaves its descriptor readable.
    pub(crate) idle_turns_ready: AtomicUsize,
    pub(crate) idle_turns_readable: AtomicUsize,
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

struct RoomListener(crossbeam_channel::Sender<()>);

impl ReplyListener for RoomListener {
    fn room(&self) {
        let _ = self.0.send(());
    }
    /// A sender that waits for room finds out when it sends on.
    fn peer_left(&self) {
        let _ = self.0.send(());
    }
}

/// Counts a connection's news.
struct Counting(Arc<Seen>);

impl ReplyListener for Counting {
    fn room(&self) {
        self.0.rooms.fetch_add(1, Ordering::SeqCst);
    }
    fn peer_left(&self) {
        self.0.peers_left.fetch_add(1, Ordering::SeqCst);
    }
    fn input_ready(&self) {
        self.0.inputs.fetch_add(1, Ordering::SeqCst);
    }
}

impl TestService {
    /// The test answers.
    fn hold(&self, reply: HttpReply) -> Outcome {
        reply.listen(Arc::new(Counting(Arc::clone(&self.seen))));
        self.seen.held.lock().unwrap().push(reply);
        Outcome::Deferred
    }
}

impl Service for TestService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let none = HeaderLines::new();
        match exchange.request.path() {
            b"/hello" => exchange.response.whole(200, &none, b"hello").unwrap(),
            b"/ends" => {
                let ConnectionInfo { peer, local, .. } = exchange.connection;
                let ends = format!("{peer} {local}");
                exchange
                    .response
                    .whole(200, &none, ends.as_bytes())
                    .unwrap()
            }
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
                    if !exchange.is_body_at_hand {
                        self.seen.calls_before_body.fetch_add(1, Ordering::SeqCst);
                    }
                    return Outcome::ReadBody { bytes_max: 1 << 20 };
                }
                Some(body) => exchange.response.whole(200, &none, body).unwrap(),
            },
            b"/later" => {
                let reply = exchange.defer();
                std::thread::spawn(move || reply.whole(200, HeaderLines::new(), b"later".to_vec()));
                return Outcome::Deferred;
            }
            b"/hold" => {
                self.seen.is_holding.store(true, Ordering::SeqCst);
                while self.seen.holds_on.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                self.seen.is_holding.store(false, Ordering::SeqCst);
                exchange
                    .response
                    .whole(200, &none, &vec![b'h'; HELD_BYTES])
                    .unwrap();
            }
            b"/big" => exchange
                .response
                .whole(200, &none, &vec![b'b'; BIG_BYTES])
                .unwrap(),
            b"/held" => {
                let reply = exchange.defer();
                return self.hold(reply);
            }
            b"/body" => {
                let reply = exchange.defer_streaming();
                return self.hold(reply);
            }
            b"/websocket" => {
                let handshake = Handshake::check(&exchange.request).unwrap();
                let compression = &exchange.websocket_limits.compression;
                let accepted = handshake.accept(compression, None, &none).unwrap();
                let reply = exchange.defer();
                reply.listen(Arc::new(Counting(Arc::clone(&self.seen))));
                let conversation = reply.accept(accepted);
                self.seen.conversations.lock().unwrap().push(conversation);
                return Outcome::Deferred;
            }
            b"/stream" => {
                let reply = exchange.defer();
                std::thread::spawn(move || {
                    reply.start(200, HeaderLines::new(), BodyLength::Unknown);
                    for piece in [&b"one "[..], b"two ", b"three"] {
                        assert_ne!(reply.chunk(piece.to_vec()), Flow::Wait);
                    }
                    reply.end();
                });
                return Outcome::Deferred;
            }
            b"/flood" => {
                let reply = exchange.defer();
                let (room, wait) = crossbeam_channel::unbounded();
                reply.listen(Arc::new(RoomListener(room)));
                let seen = Arc::clone(&self.seen);
                std::thread::spawn(move || {
                    reply.start(200, HeaderLines::new(), BodyLength::Unknown);
                    for _ in 0..FLOOD_CHUNKS {
                        let flow = reply.chunk(vec![b'x'; FLOOD_CHUNK_BYTES]);
                        seen.flooded.fetch_add(FLOOD_CHUNK_BYTES, Ordering::SeqCst);
                        if flow == Flow::PeerLeft || flow == Flow::Wait && wait.recv().is_err() {
                            return;
                        }
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
        self.seen.idle_turns_ready.load(Ordering::SeqCst) > 0
    }

    fn turn(&self) {
        let one_less = |turns: usize| turns.checked_sub(1);
        for turns in [&self.seen.idle_turns_readable, &self.seen.idle_turns_ready] {
            let order = Ordering::SeqCst;
            if turns.fetch_update(order, order, one_less).is_ok() {
                return;
            }
        }
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
    }
}

fn eventfd() -> OwnedFd {
    // SAFETY: a plain system call; its descriptor is owned from here on.
    unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }
}
