//! How long an event loop takes to hear of something: a pulse is sent to it now and then, and it says when it has heard.
//! Knows neither who sends nor how it travels.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The origin of all moments.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The sender writes when it has sent one, the event loop how long it took. One is on its way at a time.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// When the one on its way was sent; 0 if none is.
    sent_ns: AtomicU64,
    /// How long the last one took.
    took_ns: AtomicU64,
}

impl Pulse {
    /// Notes that one is sent now. Returns false if the last one has not been heard yet: none is to be sent then.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent_ns
            .compare_exchange(0, now_ns(), Relaxed, Relaxed)
            .is_ok()
    }

    /// The event loop has heard of it.
    pub(crate) fn is_heard(&self) {
        let sent_ns = self.sent_ns.swap(0, Relaxed);
        if sent_ns != 0 {
            self.took_ns
                .store(now_ns().saturating_sub(sent_ns), Relaxed);
        }
    }

    /// The one on its way is lost: its event loop is gone.
    pub(crate) fn is_lost(&self) {
        self.sent_ns.store(0, Relaxed);
    }

    /// How long the one on its way has not been heard.
    pub(crate) fn unheard(&self) -> Duration {
        match self.sent_ns.load(Relaxed) {
            0 => Duration::ZERO,
            sent_ns => Duration::from_nanos(now_ns().saturating_sub(sent_ns)),
        }
    }

    /// How long the last one took, or the one on its way if that is more already.
    pub(crate) fn lag_us(&self) -> u64 {
        let took = Duration::from_nanos(self.took_ns.load(Relaxed));
        u64::try_from(took.max(self.unheard()).as_micros()).unwrap_or(u64::MAX)
    }
}

/// Never 0.
fn now_ns() -> u64 {
    u64::try_from(ORIGIN.elapsed().as_nanos()).map_or(u64::MAX, |ns| ns + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unheard_pulse_grows_old_and_no_second_one_is_sent() {
        let pulse = Pulse::default();
        assert_eq!((pulse.unheard(), pulse.lag_us()), (Duration::ZERO, 0));
        assert!(pulse.is_sent());
        assert!(!pulse.is_sent());
        let begun = Instant::now();
        while pulse.lag_us() < 1000 {
            assert!(begun.elapsed().as_secs() < 20, "the time stands still");
        }
        assert!(pulse.unheard() >= Duration::from_millis(1));
    }

    #[test]
    fn what_was_heard_says_how_long_it_took_until_the_next_has_taken_longer() {
        let pulse = Pulse::default();
        assert!(pulse.is_sent());
        while pulse.unheard() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
        pulse.is_heard();
        let took_us = pulse.lag_us();
        assert!(took_us >= 2000);
        assert_eq!(pulse.unheard(), Duration::ZERO);
        pulse.is_heard();
        assert_eq!(pulse.lag_us(), took_us, "nothing was sent");
        assert!(pulse.is_sent());
        pulse.is_lost();
        assert_eq!((pulse.unheard(), pulse.lag_us()), (Duration::ZERO, took_us));
    }
}
