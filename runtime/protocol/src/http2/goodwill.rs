//! How much of what brings no request on a peer may still do. Knows no frames and no clock.

use crate::http2::limits::{GOODWILL_MAX, PROGRESS_GAIN, SECOND_GAIN};
use crate::tick::Tick;

/// A balance, see [`GOODWILL_MAX`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Goodwill {
    left: u32,
    /// The last full second that was credited.
    credited: Tick,
}

impl Goodwill {
    pub(super) fn new(now: Tick) -> Goodwill {
        Goodwill {
            left: GOODWILL_MAX,
            credited: now,
        }
    }

    /// Takes what an act costs; false if there is not so much left.
    pub(super) fn spend(&mut self, now: Tick, cost: u32) -> bool {
        if self.left < GOODWILL_MAX {
            let seconds = now.since_ms(self.credited) / 1000;
            if seconds > 0 {
                self.credited = self.credited.after_ms(seconds * 1000);
                let gain = SECOND_GAIN.saturating_mul(u32::try_from(seconds).unwrap_or(u32::MAX));
                self.gain(gain);
            }
        } else {
            self.credited = now;
        }
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Something useful was done.
    #[inline]
    pub(super) fn progress(&mut self) {
        self.gain(PROGRESS_GAIN);
    }

    fn gain(&mut self, gain: u32) {
        self.left = self.left.saturating_add(gain).min(GOODWILL_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_spent_by_acts_and_comes_back_with_time_and_work() {
        let at = Tick::from_millis;
        let mut goodwill = Goodwill::new(at(0));
        assert!(goodwill.spend(at(0), GOODWILL_MAX));
        assert!(!goodwill.spend(at(999), 1));
        assert!(goodwill.spend(at(1000), SECOND_GAIN));
        assert!(!goodwill.spend(at(1999), 1));
        goodwill.progress();
        assert!(goodwill.spend(at(1999), PROGRESS_GAIN));
        assert!(!goodwill.spend(at(1999), 1));
        assert!(goodwill.spend(at(1_000_000), GOODWILL_MAX));
        assert!(
            !goodwill.spend(at(1_000_000), 1),
            "there is no more than all"
        );
    }
}
