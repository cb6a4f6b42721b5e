//! A worker of the process mode: one shard on the calling thread, which is the process's main one, and a thread beside
//! it that receives its orders. Knows neither the other workers nor the supervisor.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, after, never};

use crate::config::{EngineName, ServerConfig};
use crate::engine::plan::ShardPlan;
use crate::metrics::counters::Counters;
use crate::server::per_core;
use crate::server::stop::{Stop, StopRequest};
use crate::service::App;
use crate::shard::clock::Clock;
use crate::shard::hand_off::Intake;
use crate::shard::mailbox::{Control, MailboxSender, mailbox};
use crate::start_error::StartError;

/// What a worker of the process mode gets from its supervisor.
#[derive(Debug)]
pub struct Inheritance {
    /// Bound and listening; the worker's successor will inherit the same socket.
    pub listener: std::net::TcpListener,
    /// Its number among the workers.
    pub worker: usize,
    /// The core to stay on.
    pub core: Option<usize>,
    /// How often it was restarted.
    pub restarts: u64,
}

/// What a worker is made of.
pub(crate) struct Worker<A: App> {
    pub(crate) app: Arc<A>,
    /// Its number among the workers; in its own process it is the first shard, and the only one.
    pub(crate) number: usize,
    pub(crate) engine: EngineName,
    pub(crate) core: Option<usize>,
    pub(crate) listener: std::net::TcpListener,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) requests: Receiver<StopRequest>,
    /// How many requests are in flight.
    pub(crate) in_flight: Box<dyn Fn() -> u64 + Send>,
}

impl<A: App> Worker<A> {
    /// Runs the shard here until it has drained. `on_ready` is called on the other thread, once it serves.
    pub(crate) fn run(self, on_ready: impl FnOnce() + Send) -> Result<(), StartError> {
        let (sender, mailbox) = mailbox();
        let (tell_ready, ready) = crossbeam_channel::bounded(1);
        let (tell_end, ended) = crossbeam_channel::bounded::<()>(0);
        let control = ControlThread {
            app: Arc::clone(&self.app),
            stop: Stop::quiet(self.config.graceful_timeout_ms, self.in_flight),
            shard: sender,
            requests: self.requests,
            ready,
            ended,
        };
        let plan = ShardPlan {
            app: self.app,
            shard: 0,
            listener: self.listener,
            config: self.config,
            counters: self.counters,
            clock: Clock::start(),
            mailbox,
            intake: Intake::new(0, None),
            ready: Box::new(move || {
                let _ = tell_ready.send(());
            }),
        };
        std::thread::scope(|scope| {
            // Started before this thread is pinned: a busy shard must not hold up the thread that stops it.
            let started = std::thread::Builder::new()
                .name("control".into())
                .spawn_scoped(scope, move || control.run(on_ready));
            started.map_err(|error| {
                StartError::new(format!("the control thread cannot be started: {error}"))
            })?;
            name_this_thread(self.number);
            let result = per_core::live(self.engine, self.core, plan);
            drop(tell_end);
            result.map_err(|error| StartError::new(error.to_string()))
        })
    }
}

/// The thread that passes on to the shard what others ask of it.
struct ControlThread<A: App> {
    app: Arc<A>,
    stop: Stop,
    shard: MailboxSender,
    requests: Receiver<StopRequest>,
    ready: Receiver<()>,
    /// Never sent to: it is closed when the shard has ended.
    ended: Receiver<()>,
}

impl<A: App> ControlThread<A> {
    fn run(mut self, on_ready: impl FnOnce()) {
        let mut on_ready = Some(on_ready);
        loop {
            let deadline = self.stop.deadline.map_or_else(never, |at| {
                after(at.saturating_duration_since(Instant::now()))
            });
            let ready = match on_ready {
                Some(_) => self.ready.clone(),
                None => never(),
            };
            crossbeam_channel::select_biased! {
                recv(self.ended) -> _ => return,
                recv(ready) -> told => {
                    // A worker that was told to stop while it started was never ready, nor is one that failed to start.
                    let on_ready = on_ready.take().filter(|_| told.is_ok() && !self.stop.is_asked());
                    if let Some(on_ready) = on_ready {
                        self.stop.ready();
                        on_ready();
                    }
                }
                recv(self.requests) -> request => {
                    let mut control = self.stop.request(request.unwrap_or(StopRequest::Now));
                    if on_ready.is_some() {
                        // It was never announced as ready, so it owes no graceful time.
                        control = self.stop.request(StopRequest::Now).or(control);
                    }
                    control.into_iter().for_each(|control| self.tell(control));
                }
                recv(deadline) -> _ => match self.stop.deadline_passed() {
                    Some(control) => self.tell(control),
                    None => return self.app.given_up(),
                },
            }
        }
    }

    fn tell(&self, control: Control) {
        self.app.stops_by(self.stop.finishes_by());
        self.shard.post(control);
        match control {
            Control::Retire => self.app.retires(),
            Control::Drain => self.app.drains(self.stop.in_flight()),
            Control::Stop => {}
        }
    }
}

/// Lets `top` and `ps` say which worker it is, as they do for the shards of one process.
fn name_this_thread(number: usize) {
    if let Ok(name) = CString::new(format!("shard-{number}")) {
        // SAFETY: PR_SET_NAME reads a terminated string, which `name` is; it keeps the first 15 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
}
