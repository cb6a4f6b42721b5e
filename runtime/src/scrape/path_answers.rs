//! Answers what is asked for at a path of the server's own listeners, on one thread. Knows neither shards nor listeners.

use std::io;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use turbo_shard_protocol::HeaderLines;

use crate::edge::AskedHere;
use crate::exposition::page::PageMaker;
use crate::exposition::reading::Reading;
use crate::scrape::answers::{ScrapeAnswer, page, text};

/// Where readings come from; None where others had to be asked and have not answered.
pub(crate) type FallibleSource = Box<dyn Fn() -> Option<Reading> + Send>;

/// The thread, until this is dropped.
pub(crate) struct PathAnswers {
    /// Its end is the thread's.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PathAnswers {
    pub(crate) fn start(
        waiting: Receiver<AskedHere>,
        source: FallibleSource,
        mut pages: PageMaker,
    ) -> io::Result<PathAnswers> {
        let (end, ended) = bounded(0);
        let mut answer = move |asked: AskedHere| {
            let found = match source() {
                Some(reading) => page(&mut pages, &reading, &asked.accept),
                None => text(503, "the supervisor does not answer\n"),
            };
            send(asked, found);
        };
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                loop {
                    select! {
                        recv(waiting) -> asked => match asked {
                            Ok(asked) => answer(asked),
                            Err(_) => return,
                        },
                        recv(ended) -> _ => return,
                    }
                }
            })?;
        Ok(PathAnswers {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for PathAnswers {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn send(asked: AskedHere, answer: ScrapeAnswer) {
    let mut lines = HeaderLines::new();
    let pushed = lines.push(b"content-type", answer.content_type.as_bytes());
    debug_assert!(pushed.is_ok(), "our own line is valid");
    asked
        .reply
        .whole(answer.status, lines, answer.body.into_bytes());
}
