//! When a connection has waited long enough, and for what. Pure functions of its state; knows no clock and no bytes.

use crate::body_clock::BodyClock;
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

    #[test]
    fn every_phase_has_its_own_patience() {
        let limits = Limits {
            head_timeout_ms: 10,
            keep_alive_timeout_ms: 20,
            linger_timeout_ms: 30,
            ..Limits::sample()
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
        let limits = Limits::sample();
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
        let limits = Limits::sample();
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
}
