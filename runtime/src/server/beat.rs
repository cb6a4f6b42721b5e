//! When the next pulse of event loops is due. Knows neither loops nor shards.

use std::time::{Duration, Instant};

/// Between two pulses: how old what is known of an event loop may be. It costs an idle thread one wake.
const BEAT_INTERVAL: Duration = Duration::from_secs(1);

/// A pulse now and then, or never.
pub(crate) struct Beat(Option<Instant>);

impl Beat {
    /// The first one is due at once.
    pub(crate) fn new(beats: bool) -> Beat {
        Beat(beats.then(Instant::now))
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0
    }

    /// Whether one is due. Then the next one is, later.
    pub(crate) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        match &mut self.0 {
            Some(next) if *next <= now => {
                *next = now + BEAT_INTERVAL;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_due_at_once_and_the_next_an_interval_later() {
        let mut beat = Beat::new(true);
        assert!(beat.is_due());
        assert!(!beat.is_due());
        assert!(beat.next() > Some(Instant::now()));
        beat.0 = Some(Instant::now());
        assert!(beat.is_due());
        let mut never = Beat::new(false);
        assert!(!never.is_due() && never.next().is_none());
    }
}
