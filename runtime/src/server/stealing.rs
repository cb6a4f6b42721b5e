//! The work-stealing runtime on a thread of its own, and the calling thread that stops it. Knows no shards.

use std::sync::{Arc, OnceLock};

use crossbeam_channel::Receiver;

use crate::config::ServerConfig;
use crate::engine::steal::{self, StealPlan};
use crate::net::listener::Listener;
use crate::server::beat::Beat;
use crate::server::per_core::send_pulse;
use crate::server::stop::{Stop, StopRequest};
use crate::server::watch::{News, Report, StartReport, Watch};
use crate::service::App;
use crate::shard::clock::Clock;
use crate::shard::host::WorkerThreadCounters;
use crate::shard::mailbox::{Control, mailbox};
use crate::start_error::StartError;

/// What a server of mode steal is made of.
pub(crate) struct Stealing<A: App> {
    pub(crate) app: Arc<A>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) requests: Receiver<StopRequest>,
    pub(crate) stop: Stop,
    /// Called once, when it serves.
    pub(crate) show_counters: Box<dyn FnOnce(Arc<WorkerThreadCounters>) + Send>,
}

impl<A: App> Stealing<A> {
    /// Runs it until it has drained.
    pub(crate) fn run(self, on_ready: impl FnOnce()) -> Result<(), StartError> {
        let (sender, mailbox) = mailbox();
        // How its start ended, and how it did.
        let (reports, reported) = crossbeam_channel::bounded(2);
        let start = StartReport::to(&reports);
        let show_counters = self.show_counters;
        let beat = Beat::new(self.config.sends_pulses);
        let counters = Arc::new(OnceLock::new());
        let shown = Arc::clone(&counters);
        let plan = StealPlan {
            app: Arc::clone(&self.app),
            listeners: self.listeners,
            config: self.config,
            clock: Clock::start(),
            mailbox,
            ready: Box::new(move |counters| {
                let _ = shown.set(Arc::clone(&counters));
                show_counters(counters);
                start.ready();
            }),
        };
        let cannot =
            |error| StartError::new(format!("the runtime's thread cannot be started: {error}"));
        let thread = std::thread::Builder::new()
            .name("steal-main".into())
            .spawn(move || drop(reports.send(Report::Ended(steal::run(plan)))))
            .map_err(cannot)?;
        let mut watch = Watch::new(self.stop, self.requests, reported);
        let ended = watch.until_ended(beat, on_ready, |control, stop| {
            if control == Control::Pulse {
                if let Some(counters) = counters.get() {
                    send_pulse(&counters.of_connections, &sender);
                }
                return;
            }
            self.app.stops_by(stop.finishes_by());
            sender.post(control);
        });
        match ended {
            // It is left behind.
            News::GiveUp => return Ok(()),
            _ => drop(thread.join()),
        }
        match ended {
            News::Reported(Err(error)) if watch.stop.interrupted_start() => {
                // The stop interrupted the start, or it failed by itself.
                log::debug!("the server has not come to the end of its start ({error})");
                Ok(())
            }
            News::Reported(result) => result.map_err(|error| StartError::new(error.to_string())),
            _ => Err(StartError::new("the work-stealing runtime panicked")),
        }
    }
}

#[cfg(test)]
#[path = "stealing_tests.rs"]
mod tests;
