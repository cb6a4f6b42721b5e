//! What things cost besides the handler's own time. Names end with their unit; the values come from the scenario.

use serde::{Deserialize, Serialize};

/// The costs of one server on one machine, in microseconds of one core unless the name says otherwise.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Reading, parsing, dispatching and answering one request, without the handler.
    pub request_us: f64,
    /// One look at the I/O driver (`epoll_wait` that does not sleep, and the executor's own turn).
    pub turn_us: f64,
    /// The I/O driver's work for one ready connection.
    pub driver_event_us: f64,
    /// From the moment that something happens until a sleeping thread runs: latency, no work of ours.
    pub wake_us: f64,
    /// What going to sleep and being woken costs the core that does it.
    pub sleep_us: f64,
    /// The way from the load generator to the server's socket and back; half of it each way.
    pub round_trip_us: f64,
    /// Taking up a handler that has waited.
    pub resume_us: f64,
    /// What a worker of a stealing runtime pays more than a shard for each request (synchronised counters, atomics).
    pub steal_request_us: f64,
    /// Waking another worker: a futex call.
    pub notify_us: f64,
    /// Looking into another worker's queue.
    pub steal_probe_us: f64,
    /// Taking half of another worker's queue.
    pub steal_us: f64,
    /// For how long a worker holds the shared record of sleeping and searching workers, when it goes to sleep, gets up
    /// or wakes another one.
    pub scheduler_lock_us: f64,
    /// One cache line that was last written by another core.
    pub line_transfer_us: f64,
    /// The cache lines that a connection's state takes along when it runs on another core than before.
    pub moved_task_lines: f64,
    /// For how long one request holds the reference counts of the app's objects, which all cores of one process share.
    pub shared_us: f64,
    /// The service time in a process of its own, as a multiple of that in a free-threaded one.
    pub process_service_factor: f64,
}

/// The same in whole nanoseconds, as the simulation counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CostsNs {
    pub(crate) request: u64,
    pub(crate) turn: u64,
    pub(crate) driver_event: u64,
    pub(crate) wake: u64,
    pub(crate) sleep: u64,
    pub(crate) half_round_trip: u64,
    pub(crate) resume: u64,
    pub(crate) steal_request: u64,
    pub(crate) notify: u64,
    pub(crate) steal_probe: u64,
    pub(crate) steal: u64,
    pub(crate) scheduler_lock: u64,
    pub(crate) moved_task: u64,
    pub(crate) shared: u64,
}

/// One second: a cost beyond that is a slip of the pen.
const COST_US_MAX: f64 = 1e6;

impl Costs {
    /// Nothing costs anything: what remains is queueing alone.
    pub const NONE: Self = Self {
        request_us: 0.0,
        turn_us: 0.0,
        driver_event_us: 0.0,
        wake_us: 0.0,
        sleep_us: 0.0,
        round_trip_us: 0.0,
        resume_us: 0.0,
        steal_request_us: 0.0,
        notify_us: 0.0,
        steal_probe_us: 0.0,
        steal_us: 0.0,
        scheduler_lock_us: 0.0,
        line_transfer_us: 0.0,
        moved_task_lines: 0.0,
        shared_us: 0.0,
        process_service_factor: 1.0,
    };

    pub(crate) fn check(&self) -> Result<(), String> {
        let all = [
            ("request_us", self.request_us),
            ("turn_us", self.turn_us),
            ("driver_event_us", self.driver_event_us),
            ("wake_us", self.wake_us),
            ("sleep_us", self.sleep_us),
            ("round_trip_us", self.round_trip_us),
            ("resume_us", self.resume_us),
            ("steal_request_us", self.steal_request_us),
            ("notify_us", self.notify_us),
            ("steal_probe_us", self.steal_probe_us),
            ("steal_us", self.steal_us),
            ("scheduler_lock_us", self.scheduler_lock_us),
            ("line_transfer_us", self.line_transfer_us),
            ("moved_task_lines", self.moved_task_lines),
            ("shared_us", self.shared_us),
            ("process_service_factor", self.process_service_factor),
        ];
        for (name, value) in all {
            if !(0.0..=COST_US_MAX).contains(&value) {
                return Err(format!(
                    "{name} is {value}; it must be from 0 to {COST_US_MAX}"
                ));
            }
        }
        if self.process_service_factor == 0.0 {
            return Err("process_service_factor must be above 0".into());
        }
        Ok(())
    }

    pub(crate) fn in_ns(&self) -> CostsNs {
        CostsNs {
            request: ns(self.request_us),
            turn: ns(self.turn_us),
            driver_event: ns(self.driver_event_us),
            wake: ns(self.wake_us),
            sleep: ns(self.sleep_us),
            half_round_trip: ns(self.round_trip_us / 2.0),
            resume: ns(self.resume_us),
            steal_request: ns(self.steal_request_us),
            notify: ns(self.notify_us),
            steal_probe: ns(self.steal_probe_us),
            steal: ns(self.steal_us),
            scheduler_lock: ns(self.scheduler_lock_us),
            moved_task: ns(self.moved_task_lines * self.line_transfer_us),
            shared: ns(self.shared_us),
        }
    }
}

/// Microseconds as whole nanoseconds; `as` saturates, so no value can overflow.
pub(crate) fn ns(us: f64) -> u64 {
    (us * 1000.0).round() as u64
}
