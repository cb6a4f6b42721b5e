//! When a connection has waited long enough, and for what. Pure functions of its state; knows no clock and no bytes.

use crate::http1::lifecycle::Phase;
use crate::limits::Limits;
use crate::tick::Tick;

/// What a deadline is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A request that may never come.
    Silence,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// The peer to read what we write.
    Write,
    /// Our own answer, to a peer that has finished sending and may be gone.
    HalfClosed,
    /// The peer to close its side.
    Linger,
}

/// Everything that deadlines depend on.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Waits<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) phase: Phase,
    /// When the phase began; while closing, when the last output was sent.
    pub(crate) phase_since: Tick,
    pub(crate) has_unsent_output: bool,
    /// When the peer stopped taking output, as far as we know.
    pub(crate) write_since: Option<Tick>,
    /// When the peer, which has finished sending, was last sent something.
    pub(crate) half_closed_since: Option<Tick>,
    pub(crate) body: BodyClock,
}

impl Waits<'_> {
    /// The earliest deadline and what it is about.
    pub(crate) fn next(&self) -> Option<(Tick, Wait)> {
        let write = self
            .write_since
            .filter(|_| self.has_unsent_output)
            .map(|since| (since.after_ms(self.limits.write_timeout_ms), Wait::Write));
        match (self.of_phase(), write) {
            (Some(read), Some(write)) => Some(if write.0 < read.0 { write } else { read }),
            (read, write) => read.or(write),
        }
    }

    /// The deadline that the phase itself sets.
    ///
    /// While output is unsent a silent peer is not idle but reading, and a closing connection does not linger yet.
    fn of_phase(&self) -> Option<(Tick, Wait)> {
        let limits = self.limits;
        let (timeout_ms, wait) = match self.phase {
            Phase::Fresh => (limits.head_timeout_ms, Wait::Silence),
            Phase::Idle if self.has_unsent_output => return None,
            Phase::Idle => (limits.keep_alive_timeout_ms, Wait::Silence),
            Phase::Head => (limits.head_timeout_ms, Wait::Head),
            Phase::Exchange => {
                let rate = limits.body_rate_min_bytes_per_s;
                if let Some(deadline) = self.body.deadline(limits.body_timeout_ms, rate) {
                    return Some((deadline, Wait::Body));
                }
                let since = self.half_closed_since.filter(|_| !self.has_unsent_output)?;
                return Some((
                    since.after_ms(limits.half_close_timeout_ms),
                    Wait::HalfClosed,
                ));
            }
            Phase::Closing { linger: true } if !self.has_unsent_output => {
                (limits.linger_timeout_ms, Wait::Linger)
            }
            Phase::Closing { .. } | Phase::Refusing(_) | Phase::Closed => return None,
        };
        Some((self.phase_since.after_ms(timeout_ms), wait))
    }
}

/// If we look this much later than the deadline of a wait, we were held up; the peer was not slow.
const HELD_UP_MS_MIN: u64 = 20;

/// Measures how long we have waited for a body, and for how many bytes: a peer must neither stall nor trickle.
///
/// The clock stops while an app has body bytes that it has not consumed: then the peer waits for us.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct BodyClock {
    /// When the wait began, or the last progress.
    since: Option<Tick>,
    /// Time waited before `since`.
    waited_ms: u64,
    /// Bytes that came while we waited.
    received: u64,
}

impl BodyClock {
    /// Starts or stops the clock.
    pub(crate) fn run(&mut self, now: Tick, is_waiting: bool) {
        match (self.since, is_waiting) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.waited_ms += now.since_ms(since);
                self.since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// Bytes came; the other two as for [`deadline`](BodyClock::deadline).
    ///
    /// Bytes that are found after the deadline may have lain there all the time. The peer is not charged for the wait
    /// beyond the deadline, nor for any of the wait where that excess is more than a timer's inaccuracy.
    pub(crate) fn progress(
        &mut self,
        now: Tick,
        bytes: usize,
        stall_ms: u64,
        rate_min_bytes_per_s: u64,
    ) {
        let deadline = self.deadline(stall_ms, rate_min_bytes_per_s);
        if let (Some(since), Some(deadline)) = (self.since, deadline) {
            if now.since_ms(deadline) < HELD_UP_MS_MIN {
                self.waited_ms += now.min(deadline).since_ms(since);
            }
            self.received = self.received.saturating_add(bytes as u64);
            self.since = Some(now);
        }
    }

    /// When the wait has been too long: `stall_ms` after the last progress, or earlier if the time waited so far exceeds
    /// `stall_ms` plus what the bytes received so far may take at `rate_min_bytes_per_s` (0: whatever it is).
    pub(crate) fn deadline(&self, stall_ms: u64, rate_min_bytes_per_s: u64) -> Option<Tick> {
        let since = self.since?;
        let earned_ms = match rate_min_bytes_per_s {
            0 => return Some(since.after_ms(stall_ms)),
            rate => self.received.saturating_mul(1000) / rate,
        };
        let trickle_ms = stall_ms
            .saturating_add(earned_ms)
            .saturating_sub(self.waited_ms);
        Some(since.after_ms(stall_ms.min(trickle_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(phase: Phase, limits: &Limits) -> Waits<'_> {
        Waits {
            limits,
            phase,
            phase_since: Tick::from_millis(1000),
            has_unsent_output: false,
            write_since: None,
            half_closed_since: None,
            body: BodyClock::default(),
        }
    }

    fn at(millis: u64) -> Tick {
        Tick::from_millis(millis)
    }

    fn deadline(clock: &BodyClock, limits: &Limits) -> Option<Tick> {
        clock.deadline(limits.body_timeout_ms, limits.body_rate_min_bytes_per_s)
    }

    fn progress(clock: &mut BodyClock, now: Tick, bytes: usize, limits: &Limits) {
        let rate = limits.body_rate_min_bytes_per_s;
        clock.progress(now, bytes, limits.body_timeout_ms, rate);
    }

    #[test]
    fn every_phase_has_its_own_patience() {
        let limits = Limits {
            head_timeout_ms: 10,
            keep_alive_timeout_ms: 20,
            linger_timeout_ms: 30,
            ..Limits::default()
        };
        let next = |phase| waits(phase, &limits).next();
        assert_eq!(next(Phase::Fresh), Some((at(1010), Wait::Silence)));
        assert_eq!(next(Phase::Head), Some((at(1010), Wait::Head)));
        assert_eq!(next(Phase::Idle), Some((at(1020), Wait::Silence)));
        assert_eq!(
            next(Phase::Closing { linger: true }),
            Some((at(1030), Wait::Linger))
        );
        assert_eq!(next(Phase::Closing { linger: false }), None);
        assert_eq!(next(Phase::Exchange), None);
        assert_eq!(next(Phase::Closed), None);
    }

    #[test]
    fn a_peer_that_still_has_to_read_is_not_idle() {
        let limits = Limits::default();
        let idle = Waits {
            has_unsent_output: true,
            write_since: Some(at(500)),
            ..waits(Phase::Idle, &limits)
        };
        let deadline = at(500 + limits.write_timeout_ms);
        assert_eq!(idle.next(), Some((deadline, Wait::Write)));
    }

    #[test]
    fn the_earlier_of_two_deadlines_counts() {
        let limits = Limits::default();
        let head = Waits {
            has_unsent_output: true,
            write_since: Some(at(0)),
            ..waits(Phase::Head, &limits)
        };
        assert_eq!(
            head.next(),
            Some((at(1000 + limits.head_timeout_ms), Wait::Head))
        );
    }

    #[test]
    fn a_body_may_not_stall() {
        let limits = Limits::default();
        let mut clock = BodyClock::default();
        assert_eq!(deadline(&clock, &limits), None);
        clock.run(at(0), true);
        progress(&mut clock, at(5_000), 100_000, &limits);
        assert_eq!(deadline(&clock, &limits), Some(at(35_000)));
    }

    #[test]
    fn a_body_may_not_trickle() {
        let limits = Limits::default();
        let mut clock = BodyClock::default();
        clock.run(at(0), true);
        progress(&mut clock, at(29_000), 1, &limits);
        assert_eq!(deadline(&clock, &limits), Some(at(30_004)));
        let patient = Limits {
            body_rate_min_bytes_per_s: 0,
            ..limits
        };
        assert_eq!(deadline(&clock, &patient), Some(at(59_000)));
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let limits = Limits {
            body_rate_min_bytes_per_s: 1,
            ..Limits::default()
        };
        let mut clock = BodyClock::default();
        clock.run(at(0), true);
        progress(&mut clock, at(95_000), 1, &limits);
        // All of its time, and the time that the byte has earned.
        assert_eq!(deadline(&clock, &limits), Some(at(125_000)));
        progress(&mut clock, at(124_000), 1, &limits);
        assert_eq!(deadline(&clock, &limits), Some(at(127_000)));
    }

    #[test]
    fn a_byte_at_the_very_deadline_wins_no_time() {
        let limits = Limits {
            body_rate_min_bytes_per_s: 1,
            ..Limits::default()
        };
        let mut clock = BodyClock::default();
        clock.run(at(0), true);
        progress(&mut clock, at(30_005), 1, &limits);
        assert_eq!(deadline(&clock, &limits), Some(at(31_005)));
    }

    #[test]
    fn time_in_which_the_app_is_slow_does_not_count() {
        let limits = Limits::default();
        let mut clock = BodyClock::default();
        clock.run(at(0), true);
        clock.run(at(1_000), false);
        assert_eq!(deadline(&clock, &limits), None);
        clock.run(at(500_000), true);
        assert_eq!(deadline(&clock, &limits), Some(at(529_000)));
    }
}
