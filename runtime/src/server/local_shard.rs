//! A shard without an engine, and its connections without sockets: their owner hands over bytes and turns it, on a thread of
//! its own choice. Everything above the sockets is what every engine serves with, so the answers are the same, byte for
//! byte. For clients in tests, simulations and fuzzing.
//!
//! ```text
//!   connection.send(bytes) ──► shard.turn(&mut [connection]) ──► connection.take_output()
//!                                   ▲           │ nothing moves
//!                                   └── shard.pause(…) ◄──┘
//! ```

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use turbo_shard_protocol::{Closing, Tick};

use crate::config::ServerConfig;
use crate::connection_info::{Address, ConnectionInfo, ListenerOptions};
use crate::metrics::counters::Counters;
use crate::service::{App, Service};
use crate::shard::advance::Advance;
use crate::shard::clock::Clock;
use crate::shard::driver::Driver;
use crate::shard::host::LocalHost;
use crate::shard::hosted_turn;
use crate::start_error::StartError;

/// Bytes that a connection is handed at once, as an engine reads them.
const READ_BYTES_MAX: usize = 64 * 1024;

/// One thread's service with what it needs to answer. Belongs to the thread that made it.
pub struct LocalShard<A: App> {
    app: Arc<A>,
    host: LocalHost<A>,
    bell: Arc<Bell>,
}

impl<A: App> LocalShard<A> {
    /// Makes the service of the calling thread. Of the settings, those of connections and answers count.
    pub fn new(app: Arc<A>, config: &ServerConfig) -> Result<LocalShard<A>, StartError> {
        config.check()?;
        let bell = Bell::new()
            .map_err(|error| StartError::new(format!("nothing could wake the shard: {error}")))?;
        app.thread_starts()?;
        let counters = Arc::new(Counters::default());
        let host = match LocalHost::new(&*app, 0, config, counters, Clock::start()) {
            Ok(host) => host,
            Err(error) => {
                app.thread_stops();
                return Err(error);
            }
        };
        host.host_loop();
        Ok(LocalShard {
            app,
            host,
            bell: Arc::new(bell),
        })
    }

    /// A fresh connection between these ends.
    pub fn connect(&self, peer: Address, local: Address) -> LocalConnection {
        let bench = &self.host.bench;
        let info = ConnectionInfo::fresh(peer, local, ListenerOptions::default());
        LocalConnection {
            driver: Driver::new(bench, info, bench.clock.now()),
            waker: Waker::from(Arc::clone(&self.bell)),
            unread: Vec::new(),
            has_finished: false,
            is_write_shut: false,
            is_over: false,
            output: Vec::new(),
        }
    }

    /// Moves the connection on as far as it goes, and gives the app's event loop its turn. Returns whether anything was done,
    /// so that another turn may do more.
    pub fn turn(&self, connection: &mut LocalConnection) -> bool {
        let has_moved = connection.turn(&self.host);
        has_moved | self.turn_loop()
    }

    /// Gives the app's event loop its turn, if it has something to run.
    pub fn turn_loop(&self) -> bool {
        match self.host.hosted() {
            Some(hosted) if hosted_turn::has_work(hosted) => {
                hosted_turn::turn(hosted, &self.host.bench);
                true
            }
            _ => false,
        }
    }

    /// What to wait for until a turn may do something: the event loop, an answer from another thread, a deadline of the
    /// connection. A plain value, so that the caller waits without its interpreter.
    pub fn pause(&self, connection: &LocalConnection, longest: Duration) -> Pause {
        let bench = &self.host.bench;
        let until_deadline = connection.driver.next_deadline().map(|deadline| {
            let instant = bench.clock.instant(deadline);
            instant.saturating_duration_since(Instant::now())
        });
        self.app.thread_parks();
        Pause {
            bell: Arc::clone(&self.bell),
            hosted: self.host.hosted().map_or(-1, |hosted| hosted.fd()),
            longest: until_deadline.map_or(longest, |deadline| deadline.min(longest)),
        }
    }

    /// Ends the service, on its own thread; what the app still does has until `deadline`. Let connections go before.
    pub fn stop(self, deadline: Instant) {
        self.app.stops_by(deadline);
        self.host.bench.service.stop();
        drop(self.host);
        self.app.thread_parks();
        self.app.thread_stops();
    }
}

/// A wait between turns of a shard.
pub struct Pause {
    bell: Arc<Bell>,
    /// The event loop's descriptor; -1 where there is no loop.
    hosted: RawFd,
    longest: Duration,
}

impl Pause {
    /// Returns when a turn may do something, after its time at the latest, and for a signal. On the shard's own thread.
    pub fn wait(self) {
        // A millisecond more than cut off: a deadline must have passed when it is looked at.
        let timeout_ms = i32::try_from(self.longest.as_millis() + 1).unwrap_or(i32::MAX);
        let mut watched = [self.bell.0.as_raw_fd(), self.hosted].map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: `watched` holds two pollfds that live through the call; poll leaves out a negative number.
        unsafe { libc::poll(watched.as_mut_ptr(), 2, timeout_ms) };
        self.bell.hush();
    }
}

/// One connection to a [`LocalShard`]: what its peer sends goes in, what the peer would read comes out.
pub struct LocalConnection {
    driver: Driver,
    waker: Waker,
    /// What the peer has sent and the connection has not read.
    unread: Vec<u8>,
    has_finished: bool,
    is_write_shut: bool,
    is_over: bool,
    output: Vec<u8>,
}

impl LocalConnection {
    /// The peer sends. The connection reads it in its turns, as far as it wants to.
    pub fn send(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The peer has sent its last byte; it may still read.
    pub fn finish(&mut self) {
        self.has_finished = true;
    }

    /// What was written since the last time.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Something was written since the last time.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// The server sends no more.
    pub fn is_write_shut(&self) -> bool {
        self.is_write_shut || self.is_over
    }

    /// The peer leaves, whatever is under way.
    pub fn leave<A: App>(mut self, shard: &LocalShard<A>) {
        self.end(&shard.host);
    }

    fn turn<A: App>(&mut self, host: &LocalHost<A>) -> bool {
        if self.is_over {
            return false;
        }
        let bench = &host.bench;
        let now = bench.clock.now();
        let mut has_moved = self.read(host, now);
        let advance = self.driver.advance(bench, now, &self.waker);
        let now = bench.latest(now);
        let written = self.driver.output().len();
        self.output.extend_from_slice(self.driver.output());
        self.driver.consume_output(now, written);
        has_moved |= written > 0 || advance == Advance::MoreToDo;
        match self.driver.closing() {
            Closing::Open => {}
            Closing::AfterOutput { linger: true } => self.is_write_shut = true,
            Closing::Now | Closing::AfterOutput { linger: false } => {
                self.end(host);
                return true;
            }
        }
        let is_late = self.driver.next_deadline().is_some_and(|at| at <= now);
        if is_late && !has_moved {
            has_moved = true;
            if self.driver.expire(bench, now) {
                self.end(host);
            }
        }
        has_moved
    }

    /// Hands over what the peer has sent, as much as an engine would read at once.
    fn read<A: App>(&mut self, host: &LocalHost<A>, now: Tick) -> bool {
        if !self.driver.wants_read() {
            return false;
        }
        if self.unread.is_empty() {
            let ends = std::mem::take(&mut self.has_finished);
            if ends {
                self.driver.receive_eof(&host.bench, now);
            }
            return ends;
        }
        let count = self.unread.len().min(READ_BYTES_MAX);
        self.driver.receive(&host.bench, now, &self.unread[..count]);
        self.unread.drain(..count);
        true
    }

    fn end<A: App>(&mut self, host: &LocalHost<A>) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.driver.abandon(&host.bench);
        }
    }
}

/// Wakes a waiting shard, from any thread.
struct Bell(File);

impl Bell {
    fn new() -> io::Result<Bell> {
        // SAFETY: a plain system call, whose result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it is fresh from the kernel and nothing else has it.
        Ok(Bell(unsafe { File::from_raw_fd(fd) }))
    }

    fn hush(&self) {
        // Nothing to read means that it has not rung.
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A counter that is full has rung often enough.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }
}
