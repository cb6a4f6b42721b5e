//! Lets through a few log lines a second of those that a peer can cause, and counts the rest: a hostile peer must not
//! be able to make a shard write to its log all day.

use std::cell::Cell;

use turbo_shard_protocol::Tick;

/// Lines per window and thread.
const LINES_MAX: u32 = 100;
const WINDOW_MS: u64 = 1000;

#[derive(Default)]
pub(crate) struct LogGate {
    window: Cell<Option<Tick>>,
    lines: Cell<u32>,
    suppressed: Cell<u64>,
}

impl LogGate {
    /// Whether a line may be written now. The first one of a new window is told how many were left out before it.
    pub(crate) fn pass(&self, now: Tick) -> bool {
        if self
            .window
            .get()
            .is_none_or(|since| now.since_ms(since) >= WINDOW_MS)
        {
            self.window.set(Some(now));
            self.lines.set(0);
            let suppressed = self.suppressed.take();
            if suppressed > 0 {
                log::info!(
                    "{suppressed} lines about peers were left out: more than {LINES_MAX} in a second"
                );
            }
        }
        let passes = self.lines.get() < LINES_MAX;
        if passes {
            self.lines.set(self.lines.get() + 1);
        } else {
            self.suppressed.set(self.suppressed.get() + 1);
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_the_next_window_is_open_again() {
        let gate = LogGate::default();
        let passed = (0..1000)
            .filter(|_| gate.pass(Tick::from_millis(5)))
            .count();
        assert_eq!(passed, LINES_MAX as usize);
        assert_eq!(gate.suppressed.get(), 1000 - u64::from(LINES_MAX));
        assert!(gate.pass(Tick::from_millis(5 + WINDOW_MS)));
        assert_eq!(gate.suppressed.get(), 0);
    }
}
