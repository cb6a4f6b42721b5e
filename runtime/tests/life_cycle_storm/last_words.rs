//! What the server logged last, for when something goes wrong.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

/// Lines that are kept.
const LINES_MAX: usize = 60;

static LINES: Mutex<VecDeque<(Instant, String)>> = Mutex::new(VecDeque::new());

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut lines = LINES.lock().unwrap();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back((Instant::now(), record.args().to_string()));
    }

    fn flush(&self) {}
}

/// From here on lines are kept.
pub(crate) fn listen() {
    static LISTENER: Listener = Listener;
    log::set_logger(&LISTENER).expect("the only logger");
    log::set_max_level(log::LevelFilter::Info);
}

/// The last lines, each with its age in seconds.
pub(crate) fn heard() -> String {
    let lines = LINES.lock().unwrap();
    let mut text = String::new();
    for (at, line) in &*lines {
        text += &format!("{:7.3} s ago: {line}\n", at.elapsed().as_secs_f64());
    }
    text
}
