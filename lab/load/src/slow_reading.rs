//! Which connections may read how much when every one of them is a slow reader. Knows no sockets and no clock.

use std::time::{Duration, Instant};

/// Turns in a second if there is a byte for each.
const TURNS_PER_SECOND: u64 = 100;
/// Room in the kernel for what a slow reader has not read: little, so that the server must wait.
pub const RECEIVE_BUFFER_BYTES: usize = 16 * 1024;

/// Connections that have something to read, and wait for their turn.
#[derive(Debug)]
pub struct SlowReading {
    turn: Duration,
    bytes_per_turn: usize,
    next: Instant,
    /// By place, with whether each is in it, so that none is in it twice.
    hungry: Vec<usize>,
    is_hungry: Vec<bool>,
}

impl SlowReading {
    /// For so many connections that read `bytes_per_second` each; not 0.
    pub fn new(bytes_per_second: u64, connections: usize, now: Instant) -> SlowReading {
        let bytes = bytes_per_second.div_ceil(TURNS_PER_SECOND).max(1);
        SlowReading {
            turn: Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64),
            bytes_per_turn: usize::try_from(bytes).unwrap_or(usize::MAX),
            next: now,
            hungry: Vec::new(),
            is_hungry: vec![false; connections],
        }
    }

    /// What one connection reads in its turn.
    pub fn bytes_per_turn(&self) -> usize {
        self.bytes_per_turn
    }

    /// Remembers that a connection has something to read.
    pub fn add(&mut self, index: usize) {
        if !std::mem::replace(&mut self.is_hungry[index], true) {
            self.hungry.push(index);
        }
    }

    /// When the next turn is, if any connection waits for it.
    pub fn next_turn(&self) -> Option<Instant> {
        (!self.hungry.is_empty()).then_some(self.next)
    }

    /// Moves those whose turn has come to `ready`. One that has not read all must be added again.
    pub fn take_turn(&mut self, now: Instant, ready: &mut Vec<usize>) {
        if now < self.next || self.hungry.is_empty() {
            return;
        }
        // A turn that came late is not made up for: slow readers are no faster than asked.
        self.next = now + self.turn;
        for index in self.hungry.drain(..) {
            self.is_hungry[index] = false;
            ready.push(index);
        }
    }

    /// Moves all to `ready`, in their turn or not.
    pub fn release(&mut self, ready: &mut Vec<usize>) {
        for index in self.hungry.drain(..) {
            self.is_hungry[index] = false;
            ready.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_and_bytes_make_up_the_rate() {
        for rate in [1, 30, 99, 100, 101, 4096, 1_000_000] {
            let slow = SlowReading::new(rate, 1, Instant::now());
            let per_second = slow.bytes_per_turn() as f64 / slow.turn.as_secs_f64();
            assert!((per_second / rate as f64 - 1.0).abs() < 1e-6, "{rate}");
        }
    }

    #[test]
    fn a_connection_waits_once_and_until_its_turn() {
        let now = Instant::now();
        let mut slow = SlowReading::new(1000, 3, now);
        let mut ready = Vec::new();
        slow.add(2);
        slow.add(2);
        slow.take_turn(now, &mut ready);
        assert_eq!(ready, [2]);
        assert_eq!(slow.next_turn(), None);
        slow.add(1);
        slow.take_turn(now, &mut ready);
        assert_eq!(ready, [2]);
        assert_eq!(slow.next_turn(), Some(now + slow.turn));
        slow.take_turn(now + slow.turn, &mut ready);
        assert_eq!(ready, [2, 1]);
    }
}
