//! What a load consists of. Knows nothing of how it is produced.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use crate::arrivals::Schedule;
use crate::io_choice::IoChoice;
use crate::mix::Mix;
use crate::request::Numbers;
use crate::tls::{Handshakes, Tls};

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pacing {
    /// As soon as an answer is there.
    Closed {
        /// Requests in flight on each connection.
        pipeline: usize,
    },
    /// When they are due, whatever the server does.
    Open(Schedule),
}

/// What to run.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The server.
    pub target: SocketAddr,
    /// What is asked, and how often.
    pub mix: Mix,
    /// With which numbers.
    pub numbers: Numbers,
    /// When.
    pub pacing: Pacing,
    /// Where the choices of the mix come from.
    pub seed: u64,
    /// Connections over all threads.
    pub connections: usize,
    /// More connections, which only stay open.
    pub idle_connections: usize,
    /// How fast each connection reads at most.
    pub slow_read_bytes_per_second: Option<u64>,
    /// How bytes are moved.
    pub io: IoChoice,
    /// How they are secured.
    pub tls: Option<Tls>,
    /// Every request has a connection of its own, which begins in this way.
    pub handshakes: Option<Handshakes>,
    /// Over HTTP/2, with so many requests in flight on each connection.
    pub http2_streams: Option<usize>,
    /// Threads that share the connections; not more than these.
    pub threads: usize,
    /// The cores of the threads, in turn. None leaves the threads to the kernel.
    pub cores: Vec<usize>,
    /// Time before anything is counted. Answers are checked all the same.
    pub warm_up: Duration,
    /// Time in which answers are counted.
    pub measured: Duration,
    /// Requests after which the run ends early, including those of the warm-up.
    pub requests_max: u64,
    /// Silence after which the run is broken.
    pub answer_timeout: Duration,
}

impl LoadPlan {
    /// A thread's part of `total` things; the first threads have the larger parts.
    pub fn part(&self, thread: usize, total: u64) -> Range<u64> {
        let threads = self.threads as u64;
        let start = |thread: u64| thread * (total / threads) + thread.min(total % threads);
        start(thread as u64)..start(thread as u64 + 1)
    }

    /// Whether every thread has a core of its own, where waiting actively takes nothing from another thread.
    pub fn has_own_cores(&self) -> bool {
        self.cores.len() >= self.threads
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::mix::tests::route;

    pub(crate) fn plan(threads: usize) -> LoadPlan {
        LoadPlan {
            target: SocketAddr::from(([127, 0, 0, 1], 1)),
            mix: Mix::new(vec![route("/", 1.0)]).unwrap(),
            numbers: Numbers::new(1, 9).unwrap(),
            pacing: Pacing::Closed { pipeline: 1 },
            seed: 1,
            connections: threads,
            idle_connections: 0,
            slow_read_bytes_per_second: None,
            io: IoChoice::Auto,
            tls: None,
            handshakes: None,
            http2_streams: None,
            threads,
            cores: Vec::new(),
            warm_up: Duration::ZERO,
            measured: Duration::from_secs(1),
            requests_max: u64::MAX,
            answer_timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn parts_are_the_whole() {
        for (threads, total) in [(1, 5), (3, 3), (3, 10), (4, u64::MAX)] {
            let plan = plan(threads);
            let mut end = 0;
            for thread in 0..threads {
                let part = plan.part(thread, total);
                assert!(part.start == end && part.end > end);
                end = part.end;
            }
            assert_eq!(end, total);
        }
    }
}
