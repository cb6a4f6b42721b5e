//! How long a peer has kept us waiting for the bytes of a body or a message. Knows no clock and no bytes.

use crate::tick::Tick;

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
    use crate::limits::Limits;

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
    fn a_body_may_not_stall() {
        let limits = Limits::sample();
        let mut clock = BodyClock::default();
        assert_eq!(deadline(&clock, &limits), None);
        clock.run(at(0), true);
        progress(&mut clock, at(5_000), 100_000, &limits);
        assert_eq!(deadline(&clock, &limits), Some(at(35_000)));
    }

    #[test]
    fn a_body_may_not_trickle() {
        let limits = Limits::sample();
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
            ..Limits::sample()
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
            ..Limits::sample()
        };
        let mut clock = BodyClock::default();
        clock.run(at(0), true);
        progress(&mut clock, at(30_005), 1, &limits);
        assert_eq!(deadline(&clock, &limits), Some(at(31_005)));
    }

    #[test]
    fn time_in_which_the_app_is_slow_does_not_count() {
        let limits = Limits::sample();
        let mut clock = BodyClock::default();
        clock.run(at(0), true);
        clock.run(at(1_000), false);
        assert_eq!(deadline(&clock, &limits), None);
        clock.run(at(500_000), true);
        assert_eq!(deadline(&clock, &limits), Some(at(529_000)));
    }
}
