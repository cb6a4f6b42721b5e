//! When counting begins and ends, and the CPU time that a thread used between. Knows nothing of what is counted.

use std::time::{Duration, Instant};

use crate::process::{thread_cpu_time, thread_wait_time};

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
    /// Time spent on waiting for a core.
    waited: Duration,
    /// CPU time spent on waiting for a point in time.
    spun: Duration,
}

/// What a thread had of the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuUse {
    /// CPU time, waiting actively included.
    pub time: Duration,
    /// Share of the time in which it worked.
    pub worked_share: f64,
    /// Share of the time in which it could have worked and had no core.
    pub waited_share: f64,
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

    /// What the thread had of the measured time; nothing before its end.
    pub fn cpu_use(&self) -> CpuUse {
        let (Some(start), Some(end)) = (self.at_start, self.at_end) else {
            return CpuUse::default();
        };
        let length = end.at.saturating_duration_since(start.at).as_secs_f64();
        let time = end.cpu.saturating_sub(start.cpu);
        if length <= 0.0 {
            return CpuUse {
                time,
                ..CpuUse::default()
            };
        }
        let worked = time.saturating_sub(end.spun.saturating_sub(start.spun));
        let waited = end.waited.saturating_sub(start.waited);
        CpuUse {
            time,
            worked_share: worked.as_secs_f64() / length,
            waited_share: waited.as_secs_f64() / length,
        }
    }
}

impl Spent {
    fn so_far(spun: Duration) -> Spent {
        Spent {
            at: Instant::now(),
            cpu: thread_cpu_time(),
            waited: thread_wait_time(),
            spun,
        }
    }
}
