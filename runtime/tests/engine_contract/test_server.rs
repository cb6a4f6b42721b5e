//! A server around the test app, on a thread of the test, and the arms that it runs in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use turbo_shard_runtime::{
    Address, BoundServer, Caller, EngineChoice, EngineName, HttpReply, Inheritance,
    InheritedListener, Listener, Mode, ServerConfig, ServerHandle, StartError, UringFeature,
    WebSocketReply,
};

use crate::test_app::{Seen, TestApp};

/// No answer takes this long unless something hangs.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// One way to run a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arm {
    pub(crate) mode: Mode,
    pub(crate) engine: EngineName,
    pub(crate) caller: Caller,
    /// What the `uring` engine must do without.
    pub(crate) without: &'static [UringFeature],
}

/// Every engine with shards and in a worker process, work stealing, and what differs with the caller and the kernel.
pub(crate) fn arms() -> impl Iterator<Item = Arm> {
    let arm = |mode, engine| Arm {
        mode,
        engine,
        caller: Caller::Supervises,
        without: &[],
    };
    let of_all = move |mode| EngineName::ALL.map(|engine| arm(mode, engine));
    let beside_first_shard = Arm {
        caller: Caller::IsFirstShard,
        ..arm(Mode::Shard, EngineName::Tokio)
    };
    let on_older_kernels = OLDER_KERNELS.map(|without| Arm {
        without,
        ..arm(Mode::Shard, EngineName::Uring)
    });
    of_all(Mode::Shard)
        .into_iter()
        .chain([beside_first_shard])
        .chain(on_older_kernels)
        .chain([arm(Mode::Steal, EngineName::Tokio)])
        .chain(of_all(Mode::Process))
}

/// The `uring` engine comes three times more: as Linux 6.1 has it, as 5.19 has it, and with completions that come at any
/// time.
const OLDER_KERNELS: [&[UringFeature]; 3] = [
    &[UringFeature::NoSqArray, UringFeature::IncrementalBuffers],
    &[
        UringFeature::SingleIssuer,
        UringFeature::NoSqArray,
        UringFeature::MultishotReceive,
        UringFeature::IncrementalBuffers,
    ],
    &[
        UringFeature::SingleIssuer,
        UringFeature::CoopTaskrun,
        UringFeature::RegisteredRing,
    ],
];

/// Says that something is over, at the latest when it is dropped: after a failed assertion too, so that the threads which wait
/// for it end and the test fails instead of hanging.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The TCP address of a server that has none: nobody listens there.
pub(crate) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server that runs on a thread of the test and is stopped with it.
pub(crate) struct TestServer {
    /// The first of TCP, or [`NOWHERE`].
    pub(crate) address: SocketAddr,
    pub(crate) addresses: Vec<Address>,
    pub(crate) handle: ServerHandle,
    pub(crate) seen: Arc<Seen>,
    /// Process mode: what stands for the supervisor, which has bound the sockets.
    binder: Option<BoundServer>,
    thread: Option<JoinHandle<Result<(), StartError>>>,
}

impl TestServer {
    pub(crate) fn start(arm: Arm, shards: usize) -> TestServer {
        TestServer::with(arm, shards, |_| {})
    }

    pub(crate) fn with(
        arm: Arm,
        mut shards: usize,
        change: impl FnOnce(&mut ServerConfig),
    ) -> TestServer {
        if arm.mode == Mode::Process {
            shards = 1;
        }
        let mut config = ServerConfig {
            mode: arm.mode,
            engine: EngineChoice::Named(arm.engine),
            shards: NonZeroUsize::new(shards).unwrap(),
            uring_without: arm.without.to_vec(),
            ..ServerConfig::sample()
        };
        change(&mut config);
        let bound = BoundServer::bind(config.clone());
        let mut server = bound.unwrap_or_else(|error| panic!("{arm:?}: {error}"));
        let mut binder = None;
        if arm.mode == Mode::Process {
            // As the first worker, on a thread of the test.
            let inheritance = Inheritance {
                listeners: server.listeners_of(0).map(copy).collect(),
                worker: 0,
                core: None,
                restarts: 0,
                redirects_to: server.redirects_to(),
            };
            let worker = BoundServer::inherit(config, inheritance).unwrap();
            binder = Some(std::mem::replace(&mut server, worker));
        }
        let (addresses, handle) = (server.report().addresses.clone(), server.handle());
        let seen = Arc::new(Seen::default());
        let app = TestApp {
            seen: Arc::clone(&seen),
        };
        let (tell, ready) = crossbeam_channel::bounded(1);
        let run = move || server.run(app, arm.caller, false, move || tell.send(()).unwrap());
        let thread = std::thread::spawn(run);
        ready
            .recv_timeout(HANG)
            .unwrap_or_else(|_| panic!("{arm:?} is not ready"));
        TestServer {
            address: addresses.iter().find_map(Address::tcp).unwrap_or(NOWHERE),
            addresses,
            handle,
            seen,
            binder,
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
        drop(self.binder.take());
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&TestServer) -> bool) {
        let start = std::time::Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < HANG, "waited in vain for: {what}");
            std::thread::yield_now();
        }
    }

    /// The reply to a request that has come and that the test must answer.
    pub(crate) fn held(&self) -> HttpReply {
        let mut held = None;
        self.until("a request is held", |server| {
            held = server.seen.held.lock().unwrap().pop();
            held.is_some()
        });
        held.unwrap()
    }

    /// A WebSocket that was opened and that the test must serve.
    pub(crate) fn conversation(&self) -> WebSocketReply {
        let mut conversation = None;
        self.until("a WebSocket is open", |server| {
            conversation = server.seen.conversations.lock().unwrap().pop();
            conversation.is_some()
        });
        conversation.unwrap()
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.handle
            .counts()
            .iter()
            .map(|row| row.counts.restarts)
            .sum()
    }

    pub(crate) fn open_connections(&self) -> u64 {
        self.handle
            .counts()
            .iter()
            .map(|row| row.counts.connections_open)
            .sum()
    }
}

fn copy((listener, is_shared): (&Listener, bool)) -> InheritedListener {
    InheritedListener {
        listener: listener.try_clone().unwrap(),
        is_shared,
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
