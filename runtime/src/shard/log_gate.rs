//! Lets through a few log lines of those that a peer can cause, and counts the rest: a hostile peer must not
//! be able to make a shard write to its log all day.

use std::cell::Cell;

use turbo_shard_protocol::Tick;

/// A few lines in each window of time.
pub(crate) struct LogGate {
    /// Lines per window and thread.
    lines_max: u32,
    window_ms: u64,
    window: Cell<Option<Tick>>,
    lines: Cell<u32>,
    suppressed: Cell<u64>,
}

impl LogGate {
    /// For lines that single peers cause.
    pub(crate) fn for_peers() -> LogGate {
        LogGate::new(100, 1000)
    }

    /// For accepts that fail: with all descriptors in use they fail 20 times a second, for as long as the peers like.
    pub(crate) fn for_accepts() -> LogGate {
        LogGate::new(1, 10_000)
    }

    fn new(lines_max: u32, window_ms: u64) -> LogGate {
        LogGate {
            lines_max,
            window_ms,
            window: Cell::default(),
            lines: Cell::default(),
            suppressed: Cell::default(),
        }
    }

    /// Whether a line may be written now. The first one of a new window is told how many were left out before it.
    pub(crate) fn pass(&self, now: Tick) -> bool {
        if self
            .window
            .get()
            .is_none_or(|since| now.since_ms(since) >= self.window_ms)
        {
            self.window.set(Some(now));
            self.lines.set(0);
            let suppressed = self.suppressed.take();
            if suppressed > 0 {
                log::info!(
                    "{suppressed} lines about peers were left out: more than {} in {} s",
                    self.lines_max,
                    self.window_ms / 1000
                );
            }
        }
        let passes = self.lines.get() < self.lines_max;
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
        for gate in [LogGate::for_peers(), LogGate::for_accepts()] {
            let passed = (0..1000)
                .filter(|_| gate.pass(Tick::from_millis(5)))
                .count();
            assert_eq!(passed, gate.lines_max as usize);
            assert_eq!(gate.suppressed.get(), 1000 - u64::from(gate.lines_max));
            assert!(!gate.pass(Tick::from_millis(4 + gate.window_ms)));
            assert!(gate.pass(Tick::from_millis(5 + gate.window_ms)));
            assert_eq!(gate.suppressed.get(), 0);
        }
    }
}
