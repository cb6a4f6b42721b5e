//! The steps of a stop: drain, then cut, then give up. Knows the time and what to tell shards, but not the shards.

use std::time::{Duration, Instant};

use crate::shard::host::Stage;
use crate::shard::mailbox::Control;

/// After the graceful time is over, connections are cut; what then still holds a shard (a handler that does not
/// return) is given this long before the server ends without it.
const CUT_GRACE: Duration = Duration::from_secs(2);

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopRequest {
    /// Finish what is in flight, within the graceful time.
    Gracefully,
    /// The same for this shard alone: another one takes over its listener.
    Retire,
    /// Cut it.
    Now,
}

/// How far a stop has come.
pub(crate) struct Stop {
    graceful: Duration,
    /// How many requests are in flight.
    in_flight: Box<dyn Fn() -> u64 + Send>,
    stage: Stage,
    /// Alone; if the others stop as well, that changes nothing.
    retires: bool,
    is_quiet: bool,
    start: Start,
    pub(crate) deadline: Option<Instant>,
}

/// How the server's start has ended, if it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Goes,
    Served,
    Failed,
}

impl Stop {
    pub(crate) fn new(
        graceful_timeout_ms: u64,
        in_flight: impl Fn() -> u64 + Send + 'static,
    ) -> Stop {
        Stop {
            graceful: Duration::from_millis(graceful_timeout_ms),
            in_flight: Box::new(in_flight),
            stage: Stage::Serving,
            retires: false,
            is_quiet: false,
            start: Start::Goes,
            deadline: None,
        }
    }

    /// As [`new`](Stop::new), where another process says that everything stops.
    pub(crate) fn quiet(
        graceful_timeout_ms: u64,
        in_flight: impl Fn() -> u64 + Send + 'static,
    ) -> Stop {
        Stop {
            is_quiet: true,
            ..Stop::new(graceful_timeout_ms, in_flight)
        }
    }

    /// The server serves. Returns whether it is to be announced as ready: not where it was told to stop while it started.
    pub(crate) fn ready(&mut self) -> bool {
        if !self.is_asked() {
            self.start = Start::Served;
        }
        self.start == Start::Served
    }

    /// The server will never serve.
    pub(crate) fn start_failed(&mut self) {
        if !self.is_asked() {
            self.start = Start::Failed;
        }
    }

    /// How many requests are in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        (self.in_flight)()
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.stage != Stage::Serving
    }

    /// Whether it was asked for while the server started: what then fails may have been interrupted.
    pub(crate) fn interrupted_start(&self) -> bool {
        self.is_asked() && self.start == Start::Goes
    }

    /// What shards must be told because of a request. A server that was never announced as ready owes no graceful time,
    /// and the app that is starting may never finish its start.
    pub(crate) fn request(&mut self, request: StopRequest) -> Option<Control> {
        let control = self.step(request);
        match self.start {
            Start::Goes => self.step(StopRequest::Now).or(control),
            Start::Served | Start::Failed => control,
        }
    }

    fn step(&mut self, request: StopRequest) -> Option<Control> {
        match (self.stage, request) {
            (Stage::Serving, StopRequest::Gracefully | StopRequest::Retire) => {
                self.stage = Stage::Draining;
                self.retires = request == StopRequest::Retire;
                // A graceful time beyond what the clock can add is none at all.
                self.deadline = Instant::now().checked_add(self.graceful);
                if self.retires || !self.is_quiet {
                    match requests(self.in_flight()) {
                        None => log::info!("stopping: nothing is in flight"),
                        Some(requests) => log::info!(
                            "stopping: {requests} in flight, given {} s to finish",
                            self.graceful.as_secs_f64()
                        ),
                    }
                }
                Some(match self.retires {
                    true => Control::Retire,
                    false => Control::Drain,
                })
            }
            (Stage::Draining, StopRequest::Gracefully) if self.retires => {
                self.retires = false;
                None
            }
            (Stage::Draining, _) => {
                if let (Some(requests), false) = (requests(self.in_flight()), self.is_quiet) {
                    log::warn!("told to stop again: {requests} in flight, cut now");
                }
                Some(self.cut())
            }
            (Stage::Serving, StopRequest::Now) => Some(self.cut()),
            (Stage::Cutting, _) => None,
        }
    }

    /// The next step once the deadline has passed; nothing is left to do when even cutting took too long.
    pub(crate) fn deadline_passed(&mut self) -> Option<Control> {
        match self.stage {
            Stage::Serving => None,
            Stage::Draining => {
                match requests(self.in_flight()) {
                    Some(requests) => {
                        log::warn!("the graceful time is over: {requests} in flight, cut now");
                    }
                    None => log::warn!("the graceful time is over, and the app has not ended"),
                }
                Some(self.cut())
            }
            Stage::Cutting => {
                // A server that never served needs no error line: its app was asked to start, and then not to.
                let level = match self.start {
                    Start::Goes | Start::Failed => log::Level::Debug,
                    Start::Served => log::Level::Error,
                };
                log::log!(level, "the app does not return; the server ends without it");
                None
            }
        }
    }

    /// The time until which what is in flight may finish.
    pub(crate) fn finishes_by(&self) -> Instant {
        match (self.stage, self.deadline) {
            (Stage::Draining, Some(deadline)) => deadline,
            // A graceful time beyond what the clock can add.
            (Stage::Draining, None) => Instant::now() + Duration::from_secs(86_400),
            (Stage::Serving | Stage::Cutting, _) => Instant::now(),
        }
    }

    fn cut(&mut self) -> Control {
        self.stage = Stage::Cutting;
        self.deadline = Some(Instant::now() + CUT_GRACE);
        Control::Stop
    }
}

/// `1 request`, `2 requests`; nothing where there are none.
fn requests(count: u64) -> Option<String> {
    match count {
        0 => None,
        1 => Some(String::from("1 request")),
        _ => Some(format!("{count} requests")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(graceful_timeout_ms: u64) -> Stop {
        let mut stop = Stop::new(graceful_timeout_ms, || 0);
        assert!(stop.ready());
        stop
    }

    #[test]
    fn who_still_starts_owes_no_graceful_time() {
        let mut stop = Stop::new(1000, || 0);
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Stop));
        assert_eq!(stop.request(StopRequest::Gracefully), None);
        assert!(!stop.ready(), "too late to be announced");
        assert!(stop.interrupted_start());
    }

    #[test]
    fn a_second_request_cuts_and_a_third_changes_nothing() {
        let mut stop = stop(1000);
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Drain));
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Stop));
        assert_eq!(stop.request(StopRequest::Gracefully), None);
    }

    #[test]
    fn who_retires_already_is_not_cut_because_the_others_stop_too() {
        let mut stop = Stop::quiet(1000, || 0);
        stop.ready();
        assert_eq!(stop.request(StopRequest::Retire), Some(Control::Retire));
        assert_eq!(stop.request(StopRequest::Gracefully), None);
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Stop));
    }

    #[test]
    fn an_endless_graceful_time_is_no_overflow() {
        let mut stop = stop(u64::MAX);
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Drain));
        assert!(
            stop.deadline
                .is_none_or(|at| at > Instant::now() + Duration::from_secs(3600))
        );
    }

    #[test]
    fn the_deadline_cuts_and_then_gives_up() {
        let mut stop = stop(0);
        stop.request(StopRequest::Gracefully);
        assert_eq!(stop.deadline_passed(), Some(Control::Stop));
        assert_eq!(stop.deadline_passed(), None);
    }
}
