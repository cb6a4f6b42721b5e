//! Keeps shards running: starts them, starts again what dies, and sees them to the end of their drain.

use crate::net::placement::Affinity;
use crate::server::per_core::{PerCore, ShardEvent, ShardLife};
use crate::server::stop::StopRequest;
use crate::server::watch::{News, Watch};
use crate::service::App;
use crate::shard::mailbox::Control;
use crate::start_error::StartError;

/// Keeps shards running until they have drained.
pub(crate) struct Supervisor<A: App> {
    pub(crate) shards: PerCore<A>,
    pub(crate) watch: Watch<ShardEvent>,
    /// Shards that have not finished their first start.
    pub(crate) starting: Vec<usize>,
}

impl<A: App> Supervisor<A> {
    /// As [`run`](Supervisor::run), with the first shard on the calling thread and the supervisor on another.
    pub(crate) fn run_beside_first_shard(
        mut self,
        on_ready: impl FnOnce() + Send,
    ) -> Result<(), StartError> {
        let (lend, lent) = crossbeam_channel::bounded::<ShardLife>(1);
        self.shards.lend_first_thread(lend);
        std::thread::scope(|scope| {
            let supervise = move || {
                let result = self.run(on_ready);
                if self.shards.holds_lent_thread() {
                    if let Some(log) = &self.shards.config.edge.access_log {
                        log.finish();
                    }
                    self.shards.app.given_up();
                }
                result
            };
            let supervisor = std::thread::Builder::new()
                .name("supervisor".into())
                .spawn_scoped(scope, supervise)
                .map_err(|error| {
                    StartError::new(format!(
                        "the supervisor's thread cannot be started: {error}"
                    ))
                })?;
            if let Ok(live) = lent.recv() {
                // The calling thread must not stay where the shard was pinned.
                let before = Affinity::of_this_thread();
                live();
                before.restore();
            }
            supervisor
                .join()
                .unwrap_or_else(|_| Err(StartError::new("the supervisor panicked")))
        })
    }

    pub(crate) fn run(&mut self, on_ready: impl FnOnce()) -> Result<(), StartError> {
        if let Err(error) = self.start_all().and_then(|()| self.accept_shared()) {
            // The start has failed: nothing is started again, and a shard that does not end is given up.
            if let Some(control) = self.watch.stop.request(StopRequest::Now) {
                self.tell(control);
            }
            self.until_ended();
            return Err(error);
        }
        if self.watch.stop.ready() {
            on_ready();
        }
        self.until_ended();
        Ok(())
    }

    /// Starts every shard, one after another where the app does not say otherwise, and waits until all serve. Starts no
    /// more once a stop is asked for.
    fn start_all(&mut self) -> Result<(), StartError> {
        for index in 0..self.shards.len() {
            if !self.shards.starts_side_by_side(index) {
                self.until_ready()?;
            }
            if self.watch.stop.is_asked() {
                return Ok(());
            }
            self.shards.start(index)?;
            self.starting.push(index);
        }
        self.until_ready()
    }

    fn accept_shared(&mut self) -> Result<(), StartError> {
        match self.watch.stop.is_asked() {
            true => Ok(()),
            false => self.shards.accept_shared(),
        }
    }

    /// Waits for the first readiness of these shards. A shard that ends before it has failed to start. An app that does
    /// not finish its start holds up no stop that is asked for meanwhile.
    fn until_ready(&mut self) -> Result<(), StartError> {
        while !self.starting.is_empty() && !self.watch.stop.is_asked() {
            match self.watch.next(None) {
                News::Reported(ShardEvent::Ready(ready)) if self.starting.contains(&ready) => {
                    self.starting.retain(|&index| index != ready);
                }
                News::Reported(ShardEvent::Ended(ended, result))
                    if self.starting.contains(&ended) =>
                {
                    self.shards.ended(ended);
                    let reason = result
                        .err()
                        .map_or_else(|| "it ended".into(), |error| error.to_string());
                    return Err(StartError::new(reason));
                }
                News::Reported(event) => self.heard(event),
                News::Tell(control) => self.tell(control),
                News::Silent => return Err(StartError::new("the shards are gone")),
                News::Time | News::GiveUp => {}
            }
        }
        Ok(())
    }

    /// Supervises until no shard runs any more.
    fn until_ended(&mut self) {
        while (0..self.shards.len()).any(|index| self.shards.is_running(index))
            || self.shards.next_restart().is_some()
        {
            let wake_at = [
                self.shards.next_restart(),
                self.shards.next_look(),
                self.shards.next_pulse(),
            ];
            match self.watch.next(wake_at.into_iter().flatten().min()) {
                News::Reported(event) => self.heard(event),
                News::Tell(control) => self.tell(control),
                News::Time => {
                    self.shards.restart_due();
                    self.shards.look_at_loads();
                    self.shards.send_pulses();
                }
                News::Silent | News::GiveUp => return,
            }
        }
    }

    fn heard(&mut self, event: ShardEvent) {
        match event {
            ShardEvent::Ready(index) => log::info!("shard {index} serves"),
            ShardEvent::Ended(index, Ok(())) => self.shards.ended(index),
            ShardEvent::Ended(index, Err(error))
                if self.watch.stop.is_asked() && self.starting.contains(&index) =>
            {
                // The stop interrupted it, or it failed by itself.
                log::debug!("shard {index} has not come to the end of its start ({error})");
                self.shards.ended(index);
            }
            ShardEvent::Ended(index, Err(error)) if self.watch.stop.is_asked() => {
                log::error!("shard {index} died while it drained ({error})");
                self.shards.ended(index);
            }
            ShardEvent::Ended(index, Err(error)) => self.shards.died(index, &error),
        }
    }

    fn tell(&mut self, control: Control) {
        self.shards.app.stops_by(self.watch.stop.finishes_by());
        self.shards.tell_all(control);
    }
}
