//! Log lines of the Rust side, on stderr: `turbo-shard WARN shard 1: …`. One line per record, written in one piece.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::log_writer;

/// Where our own records come from; other crates' records matter only from warnings up.
const OWN_TARGETS: [&str; 2] = ["turbo_shard", "_native"];

/// The name of this process, where several write to one stderr.
static SPEAKER: OnceLock<String> = OnceLock::new();

struct StderrLog {
    coloured: bool,
}

/// Writes records from `level` up to stderr from now on. May be called again, for another level; a logger that the
/// process has installed before stays.
pub(crate) fn install(level: LevelFilter) {
    static LOG: OnceLock<StderrLog> = OnceLock::new();
    let log = LOG.get_or_init(|| StderrLog {
        coloured: wants_colour(),
    });
    // Err: there is one already, ours or another.
    if log::set_logger(log).is_ok() {
        std::panic::set_hook(Box::new(write_panic));
    }
    log::set_max_level(level);
}

/// Begins every line with `speaker`, for as long as this process lives.
pub(crate) fn speak_as(speaker: String) {
    let _ = SPEAKER.set(speaker);
}

/// Makes lines that come without a server, before one or after its failure, appear too.
pub(crate) fn install_if_none() {
    if log::max_level() == LevelFilter::Off {
        install(LevelFilter::Info);
    }
}

/// Writes a line of the Python side as one of ours.
#[pyfunction]
pub(crate) fn log_line(level: &str, text: &str) -> PyResult<()> {
    let level = level
        .parse::<Level>()
        .map_err(|_| PyValueError::new_err(format!("log level: {level:?}")))?;
    install_if_none();
    log::log!(level, "{text}");
    Ok(())
}

/// What Rust's own hook writes, but without waiting.
fn write_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let mut text = format!("thread '{}' {panic}\n", thread.name().unwrap_or("unnamed"));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        let _ = writeln!(text, "{backtrace}");
    }
    log_writer::write(text.into_bytes());
}

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
            || OWN_TARGETS
                .iter()
                .any(|own| metadata.target().starts_with(own))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let thread = std::thread::current();
            let line = line(record, thread.name(), self.coloured);
            log_writer::write(line.into_bytes());
        }
    }

    fn flush(&self) {
        log_writer::flush();
    }
}

fn line(record: &Record<'_>, thread: Option<&str>, coloured: bool) -> String {
    let (colour, plain) = match record.level() {
        _ if !coloured => ("", ""),
        Level::Error => ("\x1b[31m", "\x1b[0m"),
        Level::Warn => ("\x1b[33m", "\x1b[0m"),
        _ => ("\x1b[2m", "\x1b[0m"),
    };
    let mut line = String::with_capacity(128);
    let _ = write!(line, "turbo-shard {colour}{}{plain} ", record.level());
    line.push_str(SPEAKER.get().map_or("", String::as_str));
    match thread {
        Some(name) if name.starts_with("shard-") => {
            let _ = write!(line, "{}: ", name.replacen('-', " ", 1));
        }
        // Lines of a worker's control threads are the worker's.
        Some("main" | "control" | "supervisor") | None => {}
        Some(name) => {
            let _ = write!(line, "{name}: ");
        }
    }
    let start = line.len();
    let _ = write!(line, "{}", record.args());
    // Text that a peer or an app put into a message must not look like further records, or control a terminal.
    if line[start..].contains(char::is_control) {
        let escaped: String = line[start..].chars().map(visible).collect();
        line.truncate(start);
        line.push_str(&escaped);
    }
    line.push('\n');
    line
}

fn visible(character: char) -> String {
    if character.is_control() {
        character.escape_default().to_string()
    } else {
        character.to_string()
    }
}

/// Colour is for people: on a terminal that has it, unless they said no (no-color.org).
fn wants_colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal()
        && !set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, level: Level, thread: Option<&str>, coloured: bool) -> String {
        line(
            &Record::builder()
                .args(format_args!("{text}"))
                .level(level)
                .build(),
            thread,
            coloured,
        )
    }

    #[test]
    fn a_shard_is_named_by_its_number() {
        assert_eq!(
            written("late", Level::Warn, Some("shard-1"), false),
            "turbo-shard WARN shard 1: late\n"
        );
        assert_eq!(
            written("late", Level::Warn, Some("main"), false),
            "turbo-shard WARN late\n"
        );
        assert_eq!(
            written("late", Level::Warn, Some("asyncio-0"), false),
            "turbo-shard WARN asyncio-0: late\n"
        );
    }

    #[test]
    fn a_record_stays_on_its_line() {
        let line = written("a\r\nturbo-shard ERROR b\x1b[2J", Level::Info, None, false);
        assert_eq!(
            line,
            "turbo-shard INFO a\\r\\nturbo-shard ERROR b\\u{1b}[2J\n"
        );
    }

    #[test]
    fn only_the_level_is_coloured() {
        assert_eq!(
            written("x", Level::Error, None, true),
            "turbo-shard \x1b[31mERROR\x1b[0m x\n"
        );
    }
}
