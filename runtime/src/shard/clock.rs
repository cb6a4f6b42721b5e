//! One thread's time: the tick that protocol code is handed, and the `Date` line, formatted once a second.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use turbo_shard_protocol::{DateLine, Tick};

/// A monotonic clock that counts milliseconds from an origin shared by all threads of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock {
            origin: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Tick {
        Tick::from_millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The moment of a tick, for an engine's timer.
    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.origin + Duration::from_millis(tick.as_millis())
    }
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
    // An HTTP-date cannot be written for years beyond 9999: such a clock is answered with the epoch.
    let wall = wall.min(UNIX_EPOCH + Duration::from_secs(253_402_300_799));
    DateLine::new(&httpdate::fmt_http_date(wall)).expect("httpdate writes IMF-fixdate")
}

#[cfg(test)]
mod tests {
    use super::*;

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
