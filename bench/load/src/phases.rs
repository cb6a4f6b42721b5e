//! When counting begins and ends, and the CPU time that a thread used between. Knows nothing of what is counted.

use std::time::{Duration, Instant};

use crate::process::thread_cpu_time;

/// The measured time of a run, as one thread passes through it.
#[derive(Clone, Debug)]
pub struct Phases {
    /// Counting begins.
    pub from: Instant,
    /// Counting ends, and nothing more is sent.
    pub until: Instant,
    at_start: Option<Spent>,
    at_end: Option<Spent>,
}

#[derive(Clone, Copy, Debug)]
struct Spent {
    at: Instant,
    cpu: Duration,
    /// CPU time spent on waiting for a point in time.
    spun: Duration,
}

impl Phases {
    /// For a run that begins at `start`.
    pub fn new(start: Instant, warm_up: Duration, measured: Duration) -> Phases {
        let from = start + warm_up;
        Phases {
            from,
            until: from + measured,
            at_start: None,
            at_end: None,
        }
    }

    /// Whether this is within the measured time.
    pub fn counts(&self, now: Instant) -> bool {
        now >= self.from && now < self.until
    }

    /// Reads the CPU clock once at either end. `spun` is what was spent so far on waiting actively.
    pub fn pass(&mut self, now: Instant, spun: Duration) {
        if self.at_start.is_none() && now >= self.from {
            self.at_start = Some(Spent::so_far(spun));
        }
        if self.at_end.is_none() && now >= self.until {
            self.at_end = Some(Spent::so_far(spun));
        }
    }

    /// CPU time within the measured time, and the share of it in which the thread worked; 0 before the end.
    pub fn cpu(&self) -> (Duration, f64) {
        let (Some(start), Some(end)) = (self.at_start, self.at_end) else {
            return (Duration::ZERO, 0.0);
        };
        let cpu = end.cpu.saturating_sub(start.cpu);
        let worked = cpu.saturating_sub(end.spun.saturating_sub(start.spun));
        let length = end.at.saturating_duration_since(start.at).as_secs_f64();
        let share = if length > 0.0 {
            worked.as_secs_f64() / length
        } else {
            0.0
        };
        (cpu, share)
    }
}

impl Spent {
    fn so_far(spun: Duration) -> Spent {
        Spent {
            at: Instant::now(),
            cpu: thread_cpu_time(),
            spun,
        }
    }
}
