//! A worker process and its supervisor: what the worker inherits, and the line on which it hears of a stop, from before
//! its app's import until its end. Knows nothing of requests.
//!
//! The line is a socket of packets. Python sends the worker's news (`turbo_shard.process_mode.worker`); the
//! supervisor's messages arrive here, on a thread without Python, so that even an app that holds the GIL for ever does
//! not leave its process an orphan.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use turbo_shard_runtime::{
    BoundServer, Inheritance, InheritedListener, Listener, ListenerOptions, ServerHandle,
};

use super::log_writer;
use super::logging;

/// What `NativeServer` is told of an inheritance: the listeners, the worker's number, its core, how often it was
/// restarted, and the descriptor of what was read for TLS, or -1.
pub(crate) type Inherits = (Vec<ListenerFd>, usize, Option<usize>, u64, RawFd);

/// A listener's descriptor; whether all workers share it, whether it is lent to the server, whether its connections
/// begin with a PROXY header, whether they speak TLS, and the port that they are led to, if they are.
pub(crate) type ListenerFd = (RawFd, bool, bool, bool, bool, Option<u16>);

/// The listeners that a worker inherits, as the worker will be told of them.
pub(crate) fn bequeathed(server: &BoundServer, worker: usize) -> Vec<ListenerFd> {
    let tell = |(listener, is_shared): (&Listener, bool)| {
        (
            listener.as_raw_fd(),
            is_shared,
            listener.is_lent(),
            listener.options().expects_proxy_protocol,
            listener.options().speaks_tls,
            listener
                .options()
                .redirects
                .then(|| server.redirects_to())
                .flatten(),
        )
    };
    server.listeners_of(worker).map(tell).collect()
}

/// What the supervisor says; if it is gone, that means the same as the first.
const DRAIN: &[u8] = b"drain";
const STOP_NOW: &[u8] = b"stop now";
/// It says as well that files of logs were moved away.
const REOPEN: &[u8] = b"reopen";

/// How long a worker that does not serve may take to end: its app may still be importing.
const LEAVE_SECONDS: Duration = Duration::from_secs(2);

/// Exit status of a worker that was stopped before it served.
const STATUS_INTERRUPTED: i32 = 130;

/// Takes over the listeners that a worker was started with.
pub(crate) fn inherit((listeners, worker, core, restarts, _): Inherits) -> PyResult<Inheritance> {
    let redirects_to = listeners.iter().find_map(|listener| listener.5);
    logging::speak_as(format!("worker {worker}: "));
    let listener = |one: ListenerFd| {
        let (fd, is_shared, is_lent, expects_proxy_protocol, speaks_tls, redirects_to) = one;
        let options = ListenerOptions {
            expects_proxy_protocol,
            speaks_tls,
            redirects: redirects_to.is_some(),
        };
        let socket = own(fd)?.into();
        let listener = match is_lent {
            true => Listener::lent(socket, options)?,
            false => Listener::new(socket, options)?,
        };
        PyResult::Ok(InheritedListener {
            listener,
            is_shared,
        })
    };
    Ok(Inheritance {
        listeners: listeners
            .into_iter()
            .map(listener)
            .collect::<PyResult<_>>()?,
        worker,
        core,
        restarts,
        redirects_to,
    })
}

/// Makes an inherited descriptor ours; programs that the app starts do not get it.
pub(super) fn own(fd: RawFd) -> PyResult<OwnedFd> {
    if fd < 0 {
        return Err(PyValueError::new_err(format!("{fd} is no descriptor")));
    }
    // SAFETY: only asks about a number.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(PyOSError::new_err(io::Error::last_os_error()));
    }
    // SAFETY: it is open, and the supervisor has left it to this process, where this is its only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A worker's end of the line.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct WorkerLink(Arc<Line>);

#[pymethods]
impl WorkerLink {
    /// Make it on the main thread, which a SIGINT interrupts when a stop comes before the server runs.
    #[new]
    fn new(fd: RawFd) -> PyResult<WorkerLink> {
        let line = Arc::new(Line {
            socket: UnixDatagram::from(own(fd)?),
            state: Mutex::default(),
            left: Condvar::new(),
            asked: AtomicBool::new(false),
            // SAFETY: asks for the calling thread.
            main: unsafe { libc::pthread_self() },
        });
        let listening = Arc::clone(&line);
        std::thread::Builder::new()
            .name("supervisor".into())
            .spawn(move || listening.listen())?;
        Ok(WorkerLink(line))
    }

    /// Tells the supervisor; whether it heard.
    fn tell(&self, news: &[u8]) -> bool {
        self.0.socket.send(news).is_ok()
    }

    /// Whether this worker was told to stop.
    fn is_stop_asked(&self) -> bool {
        self.0.asked.load(Ordering::Acquire)
    }
}

impl WorkerLink {
    pub(crate) fn line(&self) -> Arc<Line> {
        Arc::clone(&self.0)
    }
}

/// The socket, and what a stop concerns at present.
pub(crate) struct Line {
    socket: UnixDatagram,
    state: Mutex<LineState>,
    left: Condvar,
    asked: AtomicBool,
    main: libc::pthread_t,
}

#[derive(Default)]
enum LineState {
    /// The app is being imported.
    #[default]
    Starting,
    Serving(ServerHandle),
    /// The server has ended, and the interpreter is about to.
    Ending,
}

impl Line {
    /// From now on a stop is the server's.
    pub(crate) fn connect(self: &Arc<Self>, server: ServerHandle) -> Connected {
        let mut state = self.state.lock();
        if self.asked.load(Ordering::Acquire) {
            server.stop_now();
        }
        *state = LineState::Serving(server);
        Connected(Arc::clone(self))
    }

    pub(crate) fn tell_retirement(&self) {
        let _ = self.socket.send(br#"{"event": "retires"}"#);
    }

    /// Every worker drains, and this one has so many requests in flight.
    pub(crate) fn tell_drain(&self, in_flight: u64) {
        let news = format!(r#"{{"event": "drains", "message": "{in_flight}"}}"#);
        let _ = self.socket.send(news.as_bytes());
    }

    fn listen(&self) {
        let mut packet = [0; 16];
        loop {
            let length = match self.socket.recv(&mut packet) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
                Ok(length) => length,
            };
            match &packet[..length] {
                DRAIN => self.pass_on(false),
                STOP_NOW => self.pass_on(true),
                REOPEN => {
                    if let LineState::Serving(server) = &*self.state.lock() {
                        server.reopen_logs();
                    }
                }
                // The supervisor is gone. A worker that already drains goes on draining.
                _ if self.asked.load(Ordering::Acquire) => return,
                _ => return self.pass_on(false),
            }
        }
    }

    fn pass_on(&self, now: bool) {
        let mut state = self.state.lock();
        self.asked.store(true, Ordering::Release);
        match &*state {
            LineState::Serving(server) if now => server.stop_now(),
            LineState::Serving(server) => server.stop(),
            // Threads of the app may have what is left of the time; `serving/leaving.py` hears this.
            // SAFETY: the main thread is there for as long as the process is; SIGINT has a handler of ours.
            LineState::Ending if now => _ = unsafe { libc::pthread_kill(self.main, libc::SIGINT) },
            LineState::Ending => {}
            LineState::Starting => {
                // SAFETY: the main thread is there for as long as the process is; SIGINT has a handler of ours.
                unsafe { libc::pthread_kill(self.main, libc::SIGINT) };
                let is_starting = |state: &mut LineState| matches!(state, LineState::Starting);
                let waited = self
                    .left
                    .wait_while_for(&mut state, is_starting, LEAVE_SECONDS);
                if waited.timed_out() {
                    log_writer::flush();
                    // SAFETY: ends the process; nothing runs after it.
                    unsafe { libc::_exit(STATUS_INTERRUPTED) }
                }
            }
        }
    }
}

/// A server that hears of stops; until it is dropped.
pub(crate) struct Connected(Arc<Line>);

impl Drop for Connected {
    fn drop(&mut self) {
        *self.0.state.lock() = LineState::Ending;
        self.0.left.notify_all();
    }
}
