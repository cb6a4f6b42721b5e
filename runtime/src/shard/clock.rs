//! The time: the tick that protocol code is handed. Knows no dates.

use std::time::{Duration, Instant};

use turbo_shard_protocol::Tick;

/// A monotonic clock that counts milliseconds from an origin shared by all threads of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// The same moment on the clock of [`coarse_ms`].
    coarse_origin_ms: u64,
}

/// A tick that is older than this is read again.
const STALE_MS_MIN: u64 = 20;

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock {
            origin: Instant::now(),
            coarse_origin_ms: coarse_ms(),
        }
    }

    pub(crate) fn now(&self) -> Tick {
        Tick::from_millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The time as exact as the kernel's tick (1 to 10 ms), for a few nanoseconds.
    pub(crate) fn coarse(&self) -> Tick {
        Tick::from_millis(coarse_ms().saturating_sub(self.coarse_origin_ms))
    }

    /// `now`, unless something has taken long since it was read: a handler that held its shard must not give what
    /// follows an old time. Costs a few nanoseconds.
    #[inline]
    pub(crate) fn catch_up(&self, now: Tick) -> Tick {
        let coarse = coarse_ms().saturating_sub(self.coarse_origin_ms);
        if coarse.saturating_sub(now.as_millis()) < STALE_MS_MIN {
            now
        } else {
            self.now()
        }
    }

    /// The moment of a tick, for an engine's timer.
    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.origin + Duration::from_millis(tick.as_millis())
    }
}

/// Milliseconds of the monotonic clock, as exact as the kernel's tick (1 to 10 ms).
#[inline]
fn coarse_ms() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to `now` only. It cannot fail for a clock that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_kept_while_it_is_fresh_and_read_again_after_that() {
        let clock = Clock::start();
        let now = Tick::from_millis(1_000_000);
        assert_eq!(clock.catch_up(now), now);
        let long_ago = clock.now();
        while clock.catch_up(long_ago) == long_ago {
            std::thread::yield_now();
        }
        // The two clocks may be one of the kernel's ticks apart.
        assert!(clock.catch_up(long_ago).since_ms(long_ago) >= STALE_MS_MIN / 2);
    }
}
