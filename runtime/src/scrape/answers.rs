//! What the metrics port answers: /metrics, /livez and /readyz. Knows no sockets.

use std::fmt::Write as _;
use std::time::Duration;

use crate::exposition::page::PageMaker;
use crate::exposition::reading::{LifeStage, Reading};
use crate::exposition::sample_lines::Format;

const TEXT: &str = "text/plain; charset=utf-8";

/// Where readings come from.
pub(crate) type Source = Box<dyn Fn() -> Reading + Send>;

/// An answer to a GET.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScrapeAnswer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// Answers for one server.
pub(crate) struct Answers {
    pub(crate) source: Source,
    pub(crate) pages: PageMaker,
    /// An event loop that does not turn for longer than this is not alive.
    pub(crate) unheard_max: Duration,
}

impl Answers {
    pub(crate) fn of(&mut self, path: &[u8], accept: &str) -> ScrapeAnswer {
        match path {
            b"/metrics" => page(&mut self.pages, &(self.source)(), accept),
            b"/livez" => liveness(&(self.source)(), self.unheard_max),
            b"/readyz" => readiness(&(self.source)()),
            _ => text(404, "here are /metrics, /livez and /readyz\n"),
        }
    }
}

/// All metrics, in the format that a client likes best.
pub(crate) fn page(pages: &mut PageMaker, reading: &Reading, accept: &str) -> ScrapeAnswer {
    let format = Format::preferred(accept);
    ScrapeAnswer {
        status: 200,
        content_type: format.content_type(),
        body: pages.page(reading, format),
    }
}

fn liveness(reading: &Reading, unheard_max: Duration) -> ScrapeAnswer {
    let mut faults = String::new();
    for worker in &reading.silent {
        let _ = writeln!(faults, "worker {worker} does not answer");
    }
    for shard in &reading.shards {
        if shard.unheard > unheard_max {
            let (number, seconds) = (shard.counted.shard, shard.unheard.as_secs_f64());
            let _ = writeln!(faults, "shard {number} has not turned for {seconds:.1} s");
        }
    }
    match faults.is_empty() {
        true => text(200, "alive\n"),
        false => text(503, &faults),
    }
}

fn readiness(reading: &Reading) -> ScrapeAnswer {
    match reading.stage {
        LifeStage::Starting => text(503, "starting\n"),
        LifeStage::Ready => text(200, "ready\n"),
        LifeStage::Draining => text(503, "draining\n"),
    }
}

pub(crate) fn text(status: u16, body: &str) -> ScrapeAnswer {
    ScrapeAnswer {
        status,
        content_type: TEXT,
        body: body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::reading::tests::sample;

    fn answers(reading: Reading) -> Answers {
        Answers {
            source: Box::new(move || reading.clone()),
            pages: PageMaker::new(String::from("shard"), String::from("tokio")),
            unheard_max: Duration::from_millis(100),
        }
    }

    #[test]
    fn a_loop_that_does_not_turn_and_a_silent_worker_are_named() {
        let mut reading = sample(1);
        let livez = |reading: &Reading| {
            let answer = answers(reading.clone()).of(b"/livez", "");
            (answer.status, answer.body)
        };
        assert_eq!(livez(&reading), (200, String::from("alive\n")));
        reading.shards[0].unheard = Duration::from_millis(1_250);
        reading.silent.push(4);
        let said = "worker 4 does not answer\nshard 1 has not turned for 1.2 s\n";
        assert_eq!(livez(&reading), (503, String::from(said)));
    }

    #[test]
    fn ready_is_neither_starting_nor_draining_nor_another_path() {
        for (stage, status) in [
            (LifeStage::Starting, 503),
            (LifeStage::Ready, 200),
            (LifeStage::Draining, 503),
        ] {
            let reading = Reading { stage, ..sample(0) };
            assert_eq!(answers(reading).of(b"/readyz", "").status, status);
        }
        assert_eq!(answers(sample(0)).of(b"/", "").status, 404);
    }

    #[test]
    fn the_page_is_in_the_format_that_is_asked_for() {
        let mut answers = answers(sample(0));
        let plain = answers.of(b"/metrics", "*/*");
        assert_eq!(plain.content_type, Format::Prometheus.content_type());
        let open = answers.of(b"/metrics", "application/openmetrics-text");
        assert!(open.body.ends_with("# EOF\n"));
        assert!(!plain.body.contains("# EOF"));
    }
}
