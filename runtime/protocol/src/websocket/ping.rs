//! When to ping a silent peer and when to give it up. Knows no frames.

use super::limits::WebSocketLimits;
use crate::tick::Tick;

/// The clock of pings of one connection.
#[derive(Copy, Clone, Debug)]
pub(super) struct PingClock {
    wait: PingWait,
    /// Something came since `wait` began, and when it last did.
    heard: Option<Tick>,
}

#[derive(Copy, Clone, Debug)]
enum PingWait {
    /// Pings are switched off.
    Off,
    /// The next ping is due then, unless something comes before.
    Due(Tick),
    /// A ping was sent; a sign of life must come by then.
    Awaited(Tick),
}

/// What a deadline of the clock means.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum PingStep {
    /// Nothing; the clock has been set again.
    Rest,
    /// Send a ping now.
    Send,
    /// The peer is gone.
    GiveUp,
}

impl PingClock {
    pub(super) fn new(limits: &WebSocketLimits, now: Tick) -> PingClock {
        PingClock {
            wait: due_after(now, limits),
            heard: None,
        }
    }

    /// A sign of life.
    pub(super) fn hear(&mut self, now: Tick) {
        self.heard = Some(now);
    }

    /// When to ask [`expire`](PingClock::expire). Signs of life do not move it, so a busy connection sets no timers.
    pub(super) fn deadline(&self) -> Option<Tick> {
        match self.wait {
            PingWait::Off => None,
            PingWait::Due(at) | PingWait::Awaited(at) => Some(at),
        }
    }

    /// The deadline has passed. `is_heard_out`: we have read all that the peer sent, so it is really silent, and it has
    /// read all that we sent, so a ping would reach it.
    pub(super) fn expire(
        &mut self,
        now: Tick,
        is_heard_out: bool,
        limits: &WebSocketLimits,
    ) -> PingStep {
        let heard = self.heard.take();
        let step = match (self.wait, heard) {
            (PingWait::Off, _) => return PingStep::Rest,
            (PingWait::Due(_) | PingWait::Awaited(_), Some(at)) => {
                self.wait = due_after(at, limits);
                // What was heard may be older than the interval.
                match self.deadline().is_some_and(|due| due <= now) {
                    true => PingStep::Send,
                    false => PingStep::Rest,
                }
            }
            (PingWait::Due(_), None) => PingStep::Send,
            (PingWait::Awaited(_), None) => PingStep::GiveUp,
        };
        match (step, is_heard_out) {
            (PingStep::Rest, _) => {}
            (PingStep::Send, true) if limits.ping_timeout_ms > 0 => {
                self.wait = PingWait::Awaited(now.after_ms(limits.ping_timeout_ms));
            }
            (PingStep::Send, true) => self.wait = due_after(now, limits),
            (PingStep::GiveUp, true) => {}
            (PingStep::Send | PingStep::GiveUp, false) => {
                self.wait = due_after(now, limits);
                return PingStep::Rest;
            }
        }
        step
    }
}

fn due_after(since: Tick, limits: &WebSocketLimits) -> PingWait {
    match limits.ping_interval_ms {
        0 => PingWait::Off,
        interval_ms => PingWait::Due(since.after_ms(interval_ms)),
    }
}
