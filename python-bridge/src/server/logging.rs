//! Log lines of the server, on stderr or for Python's `logging`: `2026-12-01T08:20:56.123Z turbo-shard WARN shard 1: …`, or the same as JSON or logfmt.
//! One line per record, written in one piece.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use turbo_shard_runtime::{Timestamp, push_json, push_logfmt};

use super::{log_queue, log_writer};

/// Where our own records come from; other crates' records matter only from warnings up.
const OWN_TARGETS: [&str; 2] = ["turbo_shard", "_native"];

/// The name of this process, where several write to one stderr.
static SPEAKER: OnceLock<String> = OnceLock::new();

struct StderrLog {
    coloured: bool,
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
    Logfmt,
}

impl LogFormat {
    pub(crate) const ALL: [(&str, LogFormat); 3] = [
        ("text", LogFormat::Text),
        ("json", LogFormat::Json),
        ("logfmt", LogFormat::Logfmt),
    ];

    /// The one in use in this process.
    fn current() -> LogFormat {
        Self::ALL[usize::from(FORMAT.load(Ordering::Relaxed))].1
    }
}

/// By its place in [`LogFormat::ALL`].
static FORMAT: AtomicU8 = AtomicU8::new(0);
/// A level was chosen; it may be that nothing is written.
static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Writes records from `level` up to stderr from now on, in this format.
pub(crate) fn install_as(level: LevelFilter, format: LogFormat) {
    let place = LogFormat::ALL.iter().position(|(_, one)| *one == format);
    FORMAT.store(place.unwrap_or_default() as u8, Ordering::Relaxed);
    log_writer::tell_losses_as(|lost| {
        let text = log_writer::losses_in_words(lost);
        let moment = SystemTime::now();
        line(
            Level::Warn,
            "",
            None,
            &text,
            moment,
            LogFormat::current(),
            false,
        )
    });
    install(level);
}

/// Writes records from `level` up to stderr from now on. May be called again, for another level; a logger that the
/// process has installed before stays.
fn install(level: LevelFilter) {
    IS_INSTALLED.store(true, Ordering::Relaxed);
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
    if !IS_INSTALLED.load(Ordering::Relaxed) {
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

/// `text`, `json` or `logfmt`: how this process writes its log lines; `logging` where Python's does.
#[pyfunction]
pub(crate) fn log_format() -> &'static str {
    if log_queue::is_open() {
        return "logging";
    }
    let current = LogFormat::current();
    let named = LogFormat::ALL.iter().find(|(_, format)| *format == current);
    named.map_or("text", |(name, _)| name)
}

/// What Rust's own hook writes, but without waiting.
fn write_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let mut text = format!("thread '{}' {panic}\n", thread.name().unwrap_or("unnamed"));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        let _ = writeln!(text, "{backtrace}");
    }
    if LogFormat::current() != LogFormat::Text || log_queue::is_open() {
        return log::error!("{text}");
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
            let speaker = SPEAKER.get().map_or("", String::as_str);
            if log_queue::is_open() {
                let place = place(thread.name());
                let text = format!("{speaker}{place}{}", record.args());
                let name = thread.name().unwrap_or("unnamed");
                if log_queue::push_line(record.level(), text, name) {
                    return;
                }
            }
            let line = line(
                record.level(),
                speaker,
                thread.name(),
                &record.args().to_string(),
                SystemTime::now(),
                LogFormat::current(),
                self.coloured,
            );
            log_writer::write(line.into_bytes());
        }
    }

    fn flush(&self) {
        log_writer::flush();
    }
}

/// A record's line. `speaker` is the name of the process, where several write to one stderr.
fn line(
    level: Level,
    speaker: &str,
    thread: Option<&str>,
    text: &str,
    moment: SystemTime,
    format: LogFormat,
    coloured: bool,
) -> String {
    let mut time = Vec::with_capacity(128);
    Timestamp::of(moment).push_rfc3339(&mut time);
    let mut out = match format {
        LogFormat::Text => return text_line(time, level, speaker, thread, text, coloured),
        LogFormat::Json => b"{".to_vec(),
        LogFormat::Logfmt => Vec::new(),
    };
    let name = match level {
        Level::Warn => "warning",
        Level::Error => "error",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let source = format!("{speaker}{}", place(thread));
    let pairs: [(&str, &[u8]); 5] = [
        ("time", &time),
        ("level", name.as_bytes()),
        ("logger", b"turbo_shard"),
        ("source", source.trim_end_matches(": ").as_bytes()),
        ("message", text.as_bytes()),
    ];
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        if *key != "time" {
            out.push(if format == LogFormat::Json {
                b','
            } else {
                b' '
            });
        }
        match format {
            LogFormat::Json => {
                push_json(key.as_bytes(), &mut out);
                out.push(b':');
                push_json(value, &mut out);
            }
            LogFormat::Text | LogFormat::Logfmt => {
                out.extend_from_slice(key.as_bytes());
                out.push(b'=');
                push_logfmt(value, &mut out);
            }
        }
    }
    if format == LogFormat::Json {
        out.push(b'}');
    }
    out.push(b'\n');
    String::from_utf8_lossy(&out).into_owned()
}

fn text_line(
    time: Vec<u8>,
    level: Level,
    speaker: &str,
    thread: Option<&str>,
    text: &str,
    coloured: bool,
) -> String {
    let (colour, plain) = match level {
        _ if !coloured => ("", ""),
        Level::Error => ("\x1b[31m", "\x1b[0m"),
        Level::Warn => ("\x1b[33m", "\x1b[0m"),
        _ => ("\x1b[2m", "\x1b[0m"),
    };
    let mut line = String::from_utf8_lossy(&time).into_owned();
    let _ = write!(
        line,
        " turbo-shard {colour}{level}{plain} {speaker}{}",
        place(thread)
    );
    // Text that a peer or an app put into a message must not look like further records, or control a terminal.
    line.extend(text.chars().map(visible));
    line.push('\n');
    line
}

/// Which thread speaks: `shard 1: `. Lines of a worker's control threads are the worker's.
fn place(thread: Option<&str>) -> String {
    match thread {
        Some(name) if name.starts_with("shard-") => format!("{}: ", name.replacen('-', " ", 1)),
        Some("main" | "control" | "supervisor") | None => String::new(),
        Some(name) => format!("{name}: "),
    }
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
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1_796_113_256_123);

    fn written(text: &str, level: Level, thread: Option<&str>, coloured: bool) -> String {
        line(
            level,
            "",
            thread,
            text,
            UNIX_EPOCH + MOMENT,
            LogFormat::Text,
            coloured,
        )
    }

    #[test]
    fn json_and_logfmt_have_the_same_names_and_stay_on_their_line() {
        let as_format = |format| {
            let moment = UNIX_EPOCH + MOMENT;
            line(
                Level::Warn,
                "worker 2: ",
                Some("shard-0"),
                "a\n\"b\"",
                moment,
                format,
                true,
            )
        };
        assert_eq!(
            as_format(LogFormat::Json),
            "{\"time\":\"2026-12-01T08:20:56.123Z\",\"level\":\"warning\",\"logger\":\"turbo_shard\",\
             \"source\":\"worker 2: shard 0\",\"message\":\"a\\u000a\\\"b\\\"\"}\n"
        );
        assert_eq!(
            as_format(LogFormat::Logfmt),
            "time=2026-12-01T08:20:56.123Z level=warning logger=turbo_shard source=\"worker 2: shard 0\" \
             message=\"a\\u000a\\\"b\\\"\"\n"
        );
    }

    #[test]
    fn a_shard_is_named_by_its_number() {
        assert_eq!(
            written("late", Level::Warn, Some("shard-1"), false),
            "2026-12-01T08:20:56.123Z turbo-shard WARN shard 1: late\n"
        );
        assert_eq!(
            written("late", Level::Warn, Some("main"), false),
            "2026-12-01T08:20:56.123Z turbo-shard WARN late\n"
        );
        assert_eq!(
            written("late", Level::Warn, Some("asyncio-0"), false),
            "2026-12-01T08:20:56.123Z turbo-shard WARN asyncio-0: late\n"
        );
    }

    #[test]
    fn a_record_stays_on_its_line() {
        let line = written("a\r\nturbo-shard ERROR b\x1b[2J", Level::Info, None, false);
        assert_eq!(
            line,
            "2026-12-01T08:20:56.123Z turbo-shard INFO a\\r\\nturbo-shard ERROR b\\u{1b}[2J\n"
        );
    }

    #[test]
    fn only_the_level_is_coloured() {
        assert_eq!(
            written("x", Level::Error, None, true),
            "2026-12-01T08:20:56.123Z turbo-shard \x1b[31mERROR\x1b[0m x\n"
        );
    }
}
