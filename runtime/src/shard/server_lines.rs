//! One thread's [`ServerLines`], rendered once a second. Knows no answers.

use std::cell::{Cell, Ref, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use turbo_shard_protocol::{ChosenLines, ServerLines, Tick};

use crate::edge::Identified;

/// The lines, renewed when the wall clock's second has passed.
pub(crate) struct RenderedLines {
    lines: RefCell<ServerLines>,
    valid_until: Cell<Tick>,
    /// They are those of one exchange.
    has_id: Cell<bool>,
}

impl RenderedLines {
    pub(crate) fn new(chosen: ChosenLines) -> RenderedLines {
        let lines = ServerLines::new(&date(SystemTime::now())).expect(DATE_IS_VALID);
        RenderedLines {
            lines: RefCell::new(lines.with(chosen)),
            valid_until: Cell::new(Tick::from_millis(0)),
            has_id: Cell::new(false),
        }
    }

    /// The lines at `now`, with the id of the request that is answered if it has one. Hold them while one answer is written and not longer: they cannot be renewed meanwhile.
    #[inline]
    pub(crate) fn at(&self, now: Tick, identified: Option<&Identified>) -> Ref<'_, ServerLines> {
        if now >= self.valid_until.get() {
            self.renew(now);
        }
        if identified.is_some() || self.has_id.get() {
            self.identify(identified);
        }
        self.lines.borrow()
    }

    #[cold]
    fn identify(&self, identified: Option<&Identified>) {
        self.has_id.set(identified.is_some());
        let line = identified.map(Identified::line);
        self.lines.borrow_mut().set_of_exchange(line);
    }

    #[cold]
    fn renew(&self, now: Tick) {
        let wall = SystemTime::now();
        let past_second = wall
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .subsec_millis();
        let is_valid = self.lines.borrow_mut().set_date(&date(wall));
        assert!(is_valid, "{DATE_IS_VALID}");
        self.valid_until
            .set(now.after_ms(u64::from(1000 - past_second)));
    }
}

const DATE_IS_VALID: &str = "httpdate writes IMF-fixdate";

fn date(wall: SystemTime) -> String {
    // An HTTP-date cannot be written for years beyond 9999: such a clock gives the last of them.
    let wall = wall.min(UNIX_EPOCH + Duration::from_secs(253_402_300_799));
    httpdate::fmt_http_date(wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_kept_within_a_second_and_renewed_after_it() {
        let lines = RenderedLines::new(ChosenLines::default());
        let now = Tick::from_millis(5);
        drop(lines.at(now, None));
        let until = lines.valid_until.get();
        assert!(until > now && until <= now.after_ms(1000));
        drop(lines.at(until, None));
        assert!(lines.valid_until.get() > until);
    }
}
