//! The readings of all workers of the process mode, asked for and merged. Knows neither how workers are started nor what
//! they count.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::exposition::reading::{LifeStage, READING_BYTES_MAX, Reading};

/// All workers together are waited for no longer than this.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// What a worker gets in any case: its answer is on its way before the first one is read.
const ANSWER_WITHIN_MIN: Duration = Duration::from_millis(20);

/// The workers as the supervisor sees them.
#[derive(Debug, Default)]
pub(crate) struct Workers(Mutex<(LifeStage, Vec<Worker>)>);

/// Where one gives its reading; None where it does not run. Whether it serves, and so must answer.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) link: Option<PathBuf>,
    pub(crate) serves: bool,
}

impl Workers {
    pub(crate) fn set(&self, stage: LifeStage, workers: Vec<Worker>) {
        *self.0.lock() = (stage, workers);
    }

    /// Asks all of them.
    pub(crate) fn reading(&self) -> Reading {
        let (stage, workers) = self.0.lock().clone();
        let by = Instant::now() + ANSWERS_WITHIN;
        let asked: Vec<Option<UnixStream>> = workers
            .iter()
            .map(|worker| UnixStream::connect(worker.link.as_ref()?).ok())
            .collect();
        let mut all = Reading {
            stage,
            ..Reading::default()
        };
        for (number, (stream, worker)) in asked.into_iter().zip(&workers).enumerate() {
            match stream.and_then(|stream| answer_of(stream, by)) {
                Some(reading) => all.merge(reading),
                None if worker.serves => all.silent.push(number),
                None => {}
            }
        }
        all
    }
}

/// What gives a reading at a Unix socket says, within the time for all of them.
pub(crate) fn reading_at(link: &Path) -> Option<Reading> {
    let stream = UnixStream::connect(link).ok()?;
    // Its own others have that long.
    answer_of(stream, Instant::now() + 2 * ANSWERS_WITHIN)
}

fn answer_of(mut stream: UnixStream, by: Instant) -> Option<Reading> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let left = by
            .saturating_duration_since(Instant::now())
            .max(ANSWER_WITHIN_MIN);
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut buffer).ok()? {
            0 => break,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
        if bytes.len() > READING_BYTES_MAX {
            return None;
        }
    }
    Reading::from_lines(std::str::from_utf8(&bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::exposition::reading::tests::sample;
    use crate::scrape::link::ReadingLink;

    #[test]
    fn those_that_answer_are_merged_and_those_that_should_and_do_not_are_named() {
        let folder = std::env::temp_dir().join(format!("ts-workers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        let links: Vec<ReadingLink> = (0..2)
            .map(|number| {
                let source = Box::new(move || sample(number));
                ReadingLink::start(&path(&number.to_string()), source).unwrap()
            })
            .collect();
        // Accepts, in its queue, and says nothing.
        let _held = UnixListener::bind(path("held")).unwrap();
        let worker = |name: Option<&str>, serves| Worker {
            link: name.map(path),
            serves,
        };
        let workers = Workers::default();
        workers.set(
            LifeStage::Ready,
            vec![
                worker(Some("0"), true),
                worker(Some("held"), true),
                worker(Some("1"), true),
                worker(Some("nowhere"), false),
                worker(None, false),
            ],
        );
        let reading = workers.reading();
        assert_eq!(reading.stage, LifeStage::Ready);
        let shards: Vec<usize> = reading
            .shards
            .iter()
            .map(|shard| shard.counted.shard)
            .collect();
        assert_eq!((shards, reading.silent), (vec![0, 1], vec![1]));
        assert_eq!(reading.collector.collections, 4);
        drop(links);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
