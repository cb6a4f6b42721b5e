//! Whether the generator itself made answers late. Then its latencies say nothing about the server, and none is
//! reported. Knows nothing of how the figures came about.
//!
//! A generator that has no time left is late in sending and late in reading. The first shows in an open loop: once a
//! request was due and a connection free, only the generator can have kept it waiting until it was sent. Both show in
//! the share of time in which a thread worked, or could have worked and had no core: near all of it, answers must have
//! waited in its sockets.

use std::time::Duration;

use crate::tally::Tally;

/// From this share of the time on, a thread had no time left. Time that it spends on waiting actively does not count.
pub const CPU_SHARE_MAX: f64 = 0.9;
/// The generator may add this much to a latency,
pub const SEND_LAG_MAX: Duration = Duration::from_micros(250);
/// or else this share of it.
pub const SEND_LAG_SHARE_MAX: f64 = 0.1;
/// The places that are compared: half the requests, and the slow ones.
const QUANTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];

/// Why no latency can be reported, with figures; `None` if they are the server's.
pub fn refusal(tally: &Tally) -> Option<String> {
    if tally.cpu_share >= CPU_SHARE_MAX {
        return Some(format!(
            "the generator was the bottleneck: its busiest thread worked {:.0} % of the time, {:.0} % and more \
             is too much; give it more --threads, or ask for less",
            tally.cpu_share * 100.0,
            CPU_SHARE_MAX * 100.0,
        ));
    }
    if tally.wanted_share >= CPU_SHARE_MAX {
        return Some(format!(
            "the generator was the bottleneck: its busiest thread had work {:.0} % of the time and a core for {:.0} %; \
             the cores are busy with something else; give it one of its own (--cpu)",
            tally.wanted_share * 100.0,
            tally.cpu_share * 100.0,
        ));
    }
    let open = tally.open.as_ref()?;
    let latency_ns = tally.latency_ns();
    QUANTILES.iter().find_map(|&(name, quantile)| {
        let lag = Duration::from_nanos(open.send_lag_ns.value_at_quantile(quantile));
        let latency = Duration::from_nanos(latency_ns.value_at_quantile(quantile));
        let allowed = SEND_LAG_MAX.max(latency.mul_f64(SEND_LAG_SHARE_MAX));
        (lag > allowed).then(|| {
            format!(
                "the generator was the bottleneck: it sent late although a connection was free, by {lag:.1?} at {name}; \
                 with a latency of {latency:.1?} there, {allowed:.1?} would do; give it a core of its own (--cpu), or ask \
                 for less"
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::OpenTally;

    /// A hundred requests, with the lag and latency in µs of the median and of the slowest three.
    fn tally(lag: (u64, u64), latency: (u64, u64)) -> Tally {
        let (mut tally, mut open) = (Tally::new(1), OpenTally::new());
        for index in 0..100 {
            let pick = |pair: (u64, u64)| 1_000 * if index < 97 { pair.0 } else { pair.1 };
            open.send_lag_ns.record(pick(lag)).unwrap();
            tally.routes[0].latency_ns.record(pick(latency)).unwrap();
        }
        tally.open = Some(open);
        tally
    }

    #[test]
    fn a_generator_with_time_left_is_believed() {
        assert_eq!(refusal(&tally((5, 200), (300, 900))), None);
        let mut closed = Tally::new(1);
        closed.cpu_share = 0.89;
        assert_eq!(refusal(&closed), None);
    }

    #[test]
    fn a_thread_without_time_left_is_not() {
        let mut closed = Tally::new(1);
        closed.cpu_share = 0.95;
        assert!(
            refusal(&closed)
                .unwrap()
                .contains("worked 95 % of the time")
        );
    }

    #[test]
    fn nor_is_a_thread_that_was_kept_from_its_core() {
        let mut closed = Tally::new(1);
        (closed.cpu_share, closed.wanted_share) = (0.1, 0.97);
        let text = refusal(&closed).unwrap();
        assert!(
            text.contains("97 % of the time and a core for 10 %"),
            "{text}"
        );
    }

    #[test]
    fn lateness_is_measured_by_the_latency_that_it_is_part_of() {
        // A fifth of the latency, and then a twentieth.
        let text = refusal(&tally((5, 2_000), (300, 10_000))).unwrap();
        assert!(text.contains("at p99") && text.contains("2.0ms"), "{text}");
        assert_eq!(refusal(&tally((5, 2_000), (300, 40_000))), None);
        let text = refusal(&tally((600, 600), (1_000, 60_000))).unwrap();
        assert!(text.contains("at p50"), "{text}");
    }
}
