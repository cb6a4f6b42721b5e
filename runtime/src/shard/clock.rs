//! One thread's time: the tick that protocol code is handed, and the `Date` line, formatted once a second.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use turbo_shard_protocol::{DateLine, Tick};

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

/// The `Date` value, renewed when the wall clock's second has passed.
pub(crate) struct DateCache {
    line: Cell<DateLine>,
    valid_until: Cell<Tick>,
}

impl DateCache {
    pub(crate) fn new() -> DateCache {
        DateCache {
            line: Cell::new(format(SystemTime::now())),
            valid_until: Cell::new(Tick::from_millis(0)),
        }
    }

    pub(crate) fn line(&self, now: Tick) -> DateLine {
        if now >= self.valid_until.get() {
            let wall = SystemTime::now();
            let past_second = wall
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .subsec_millis();
            self.line.set(format(wall));
            self.valid_until
                .set(now.after_ms(u64::from(1000 - past_second)));
        }
        self.line.get()
    }
}

fn format(wall: SystemTime) -> DateLine {
    // An HTTP-date cannot be written for years beyond 9999: such a clock gives the epoch.
    let wall = wall.min(UNIX_EPOCH + Duration::from_secs(253_402_300_799));
    DateLine::new(&httpdate::fmt_http_date(wall)).expect("httpdate writes IMF-fixdate")
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

    #[test]
    fn the_date_is_kept_within_a_second_and_renewed_after_it() {
        let dates = DateCache::new();
        let now = Tick::from_millis(5);
        dates.line(now);
        let until = dates.valid_until.get();
        assert!(until > now && until <= now.after_ms(1000));
        dates.line(until);
        assert!(dates.valid_until.get() > until);
    }
}
