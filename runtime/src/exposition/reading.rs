//! One reading of a server: all its counters and histograms, how far its life has come, and whether its event loops turn.
//! A worker of the process mode sends its reading to the supervisor as lines of text, which are defined here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::metrics::counters::{Counts, ShardCounts, counters};
use crate::metrics::latency::LatencyCounts;

/// The longest reading that is taken from a worker. One shard's with 16,384 routes and five classes of status is 12 MiB.
pub(crate) const READING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How far a server's life has come, for those who send it requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum LifeStage {
    /// Not every shard serves yet.
    #[default]
    Starting,
    /// It serves.
    Ready,
    /// It was told to stop.
    Draining,
}

impl LifeStage {
    pub(crate) fn from_number(number: u8) -> LifeStage {
        match number {
            0 => LifeStage::Starting,
            1 => LifeStage::Ready,
            _ => LifeStage::Draining,
        }
    }
}

/// What the garbage collector has cost a process since its server started, or several processes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectorCounts {
    /// Collections.
    pub collections: u64,
    /// Microseconds that they took.
    pub pause_us_total: u64,
    /// Microseconds of the longest.
    pub pause_us_max: u64,
}

/// One shard of a reading, or all worker threads of the work-stealing runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardReading {
    pub(crate) counted: ShardCounts,
    /// For how long its event loop has not heard of what it was sent.
    pub(crate) unheard: Duration,
}

/// All that is known of a server at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) stage: LifeStage,
    pub(crate) shards: Vec<ShardReading>,
    /// Processes that should have answered and have not, by their number.
    pub(crate) silent: Vec<usize>,
    pub(crate) collector: CollectorCounts,
    /// By the route's template, which is empty where it is unknown, and the first digit of the status.
    pub(crate) latencies: BTreeMap<(String, u8), LatencyCounts>,
}

impl Reading {
    /// Takes in the reading of another process of the same server. Its shards have numbers of their own.
    pub(crate) fn merge(&mut self, other: Reading) {
        self.shards.extend(other.shards);
        self.collector.collections += other.collector.collections;
        self.collector.pause_us_total += other.collector.pause_us_total;
        self.collector.pause_us_max = self
            .collector
            .pause_us_max
            .max(other.collector.pause_us_max);
        for (key, counts) in other.latencies {
            self.latencies.entry(key).or_default().add(&counts);
        }
    }

    /// As lines; the last one is `end`, so that a reading that was cut short is seen to be.
    pub(crate) fn to_lines(&self) -> String {
        let mut lines = first_line();
        let CollectorCounts {
            collections,
            pause_us_total,
            pause_us_max,
        } = self.collector;
        let _ = writeln!(lines, "stage {}", self.stage as u8);
        let _ = writeln!(
            lines,
            "collector {collections} {pause_us_total} {pause_us_max}"
        );
        for ShardReading { counted, unheard } in &self.shards {
            let core = counted.core.map_or(-1, |core| core as i64);
            let _ = write!(
                lines,
                "shard {} {core} {}",
                counted.shard,
                unheard.as_millis()
            );
            for row in counters() {
                let _ = write!(lines, " {}", (row.read)(&counted.counts));
            }
            lines.push('\n');
        }
        for ((template, class), counts) in &self.latencies {
            let _ = write!(lines, "latency {class} {}", counts.sum_us);
            for bucket in counts.buckets {
                let _ = write!(lines, " {bucket}");
            }
            let _ = writeln!(lines, " {}", template.escape_default());
        }
        lines.push_str("end\n");
        lines
    }

    /// What [`to_lines`](Reading::to_lines) of the same version has made; None where it is anything else.
    pub(crate) fn from_lines(text: &str) -> Option<Reading> {
        let body = text.strip_prefix(&first_line())?.strip_suffix("end\n")?;
        let mut reading = Reading::default();
        for line in body.lines() {
            let (kind, rest) = line.split_once(' ')?;
            let mut words = rest.split(' ');
            match kind {
                "stage" => reading.stage = LifeStage::from_number(words.next()?.parse().ok()?),
                "collector" => {
                    let mut next = || words.next()?.parse::<u64>().ok();
                    reading.collector = CollectorCounts {
                        collections: next()?,
                        pause_us_total: next()?,
                        pause_us_max: next()?,
                    };
                }
                "shard" => reading.shards.push(shard_of(words)?),
                "latency" => {
                    let class: u8 = words.next()?.parse().ok()?;
                    let sum_us = words.next()?.parse().ok()?;
                    let mut counts = LatencyCounts {
                        sum_us,
                        ..LatencyCounts::default()
                    };
                    for bucket in &mut counts.buckets {
                        *bucket = words.next()?.parse().ok()?;
                    }
                    let template = words.collect::<Vec<_>>().join(" ");
                    let key = (unescaped(&template)?, class);
                    reading.latencies.insert(key, counts);
                }
                _ => return None,
            }
        }
        Some(reading)
    }
}

fn shard_of<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<ShardReading> {
    let shard = words.next()?.parse().ok()?;
    let core: i64 = words.next()?.parse().ok()?;
    let unheard = Duration::from_millis(words.next()?.parse().ok()?);
    let mut counts = Counts::default();
    for row in counters() {
        *(row.place)(&mut counts) = words.next()?.parse().ok()?;
    }
    let counted = ShardCounts {
        shard,
        core: usize::try_from(core).ok(),
        counts,
    };
    Some(ShardReading { counted, unheard })
}

/// Says which counters follow, so that a worker of another version is not misread.
fn first_line() -> String {
    let names: Vec<&str> = counters().map(|row| row.name).collect();
    format!(
        "turbo-shard {} {}\n",
        env!("CARGO_PKG_VERSION"),
        names.join(",")
    )
}

/// The opposite of `escape_default`.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            plain.push(next);
            continue;
        }
        plain.push(match rest.next()? {
            't' => '\t',
            'r' => '\r',
            'n' => '\n',
            'u' => {
                let digits: String = rest
                    .by_ref()
                    .skip(1)
                    .take_while(|next| *next != '}')
                    .collect();
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            other => other,
        });
    }
    Some(plain)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample(shard: usize) -> Reading {
        let counts = Counts {
            requests: 7,
            responses_2xx: 5,
            busy_us: 1_500_000,
            restarts: 2,
            ..Counts::default()
        };
        let mut latencies = BTreeMap::new();
        let mut of_route = LatencyCounts {
            sum_us: 4_200,
            ..LatencyCounts::default()
        };
        of_route.buckets[3] = 3;
        of_route.buckets[15] = 1;
        latencies.insert((String::from("/users/{id}"), 2), of_route);
        latencies.insert((String::from("/a \"b\"\\ü\n"), 5), of_route);
        latencies.insert((String::new(), 4), of_route);
        Reading {
            stage: LifeStage::Ready,
            shards: vec![ShardReading {
                counted: ShardCounts {
                    shard,
                    core: Some(3),
                    counts,
                },
                unheard: Duration::from_millis(12),
            }],
            silent: Vec::new(),
            collector: CollectorCounts {
                collections: 2,
                pause_us_total: 900,
                pause_us_max: 700,
            },
            latencies,
        }
    }

    #[test]
    fn a_reading_comes_out_of_its_lines_as_it_went_in() {
        let reading = sample(1);
        assert_eq!(Reading::from_lines(&reading.to_lines()), Some(reading));
        let empty = Reading::default();
        assert_eq!(Reading::from_lines(&empty.to_lines()), Some(empty));
    }

    #[test]
    fn what_is_cut_short_or_of_another_version_is_no_reading() {
        let lines = sample(0).to_lines();
        for end in 0..lines.len() {
            if lines.is_char_boundary(end) {
                assert_eq!(Reading::from_lines(&lines[..end]), None, "{end}");
            }
        }
        let other = lines.replacen("requests", "requests_of_tomorrow", 1);
        assert_eq!(Reading::from_lines(&other), None);
    }

    #[test]
    fn processes_are_merged_by_summing_all_but_the_longest_pause() {
        let mut all = sample(0);
        all.merge(sample(1));
        assert_eq!(all.shards.len(), 2);
        assert_eq!(all.collector.collections, 4);
        assert_eq!(all.collector.pause_us_max, 700);
        let users = all.latencies[&(String::from("/users/{id}"), 2)];
        assert_eq!(
            (users.buckets[3], users.buckets[15], users.sum_us),
            (6, 2, 8_400)
        );
    }
}
