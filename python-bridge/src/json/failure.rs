//! Says why a value could not be made JSON and where it sits: `cannot make JSON of 'object' at .users[3].owner`.
//! Knows the Python exceptions; knows nothing of how values are walked.

use std::fmt::Write as _;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::escape::LoneSurrogate;

/// Boxed, so that the walk's results fit a register and success costs nothing.
pub(super) type Outcome<T = ()> = Result<T, Box<Failure>>;

/// Steps of a path that a message shows at either end; what lies between is counted.
const SHOWN_STEPS_MAX: usize = 8;

/// Bytes of one key that a message shows.
const SHOWN_KEY_BYTES_MAX: usize = 64;

/// Why there is no JSON.
pub(super) enum Reason {
    /// Not one of JSON's types, and nothing made it one; with the fallback's own TypeError.
    NoJsonType {
        class: String,
        raised: Option<PyErr>,
    },
    /// Not one of the few values that were to be taken.
    NotPlain,
    /// A dict key that cannot be a string.
    NoKeyType {
        class: String,
        raised: Option<PyErr>,
    },
    /// nan or an infinity, which JSON cannot say.
    NotFinite(f64),
    /// An int of more digits than Python is willing to write.
    TooManyDigits(PyErr),
    LoneSurrogate(LoneSurrogate),
    /// More levels than the bound; a container that holds itself ends here too.
    TooDeep {
        levels_max: usize,
    },
    /// The fallback answered with things that again need the fallback.
    EndlessFallback {
        class: String,
        calls_max: usize,
    },
    /// A container changed while it was read; names its type.
    Resized(&'static str),
    /// The fallback raised; its exception goes on to the caller.
    Raised {
        class: String,
        error: PyErr,
    },
}

/// A reason and the way to the value, which is gathered step by step on the way out.
pub(super) struct Failure {
    reason: Reason,
    steps_inner_first: Vec<Step>,
}

enum Step {
    Key(String),
    Index(usize),
}

impl From<Reason> for Box<Failure> {
    #[cold]
    fn from(reason: Reason) -> Self {
        Box::new(Failure {
            reason,
            steps_inner_first: Vec::new(),
        })
    }
}

impl Failure {
    /// Adds the key under which the trouble was found, given as the JSON string that it was written as.
    #[cold]
    pub(super) fn under_key(mut self: Box<Self>, quoted: &[u8]) -> Box<Self> {
        self.steps_inner_first
            .push(Step::Key(shown_key(&String::from_utf8_lossy(quoted))));
        self
    }

    /// Adds the index at which the trouble was found.
    #[cold]
    pub(super) fn at_index(mut self: Box<Self>, index: usize) -> Box<Self> {
        self.steps_inner_first.push(Step::Index(index));
        self
    }

    /// The Python exception. Runs Python code: no critical section is held any more.
    #[cold]
    pub(super) fn into_error(self, py: Python<'_>) -> PyErr {
        let place = shown_path(&self.steps_inner_first);
        match self.reason {
            Reason::NoJsonType { class, raised } => with_cause(
                py,
                PyTypeError::new_err(format!("cannot make JSON of '{class}' {place}")),
                raised,
            ),
            Reason::NotPlain => PyTypeError::new_err(format!("no plain value {place}")),
            Reason::NoKeyType { class, raised } => {
                let text = format!(
                    "JSON keys must be str, int, float, bool or None, not '{class}', {place}"
                );
                with_cause(py, PyTypeError::new_err(text), raised)
            }
            Reason::NotFinite(value) => {
                let value = if value.is_nan() {
                    "nan"
                } else if value > 0.0 {
                    "inf"
                } else {
                    "-inf"
                };
                PyValueError::new_err(format!(
                    "Out of range float values are not JSON compliant: {value} {place}"
                ))
            }
            Reason::TooManyDigits(raised) => {
                let text = format!(
                    "cannot make JSON of an int of so many digits {place}: {}",
                    raised.value(py)
                );
                with_cause(py, PyValueError::new_err(text), Some(raised))
            }
            Reason::LoneSurrogate(LoneSurrogate { code, index }) => PyValueError::new_err(format!(
                "cannot make JSON of a str with the lone surrogate U+{code:04X} at index {index}, {place}"
            )),
            Reason::TooDeep { levels_max } => PyValueError::new_err(format!(
                "cannot make JSON of more than {levels_max} levels (does a container hold itself?) {place}"
            )),
            Reason::EndlessFallback { class, calls_max } => PyValueError::new_err(format!(
                "cannot make JSON {place}: after {calls_max} calls the fallback still answers with '{class}'"
            )),
            Reason::Resized(class) => {
                PyRuntimeError::new_err(format!("{class} changed while it was made JSON, {place}"))
            }
            Reason::Raised { class, error } => {
                // A note that cannot be added must not hide the error itself.
                let _ = error.add_note(py, format!("while making JSON of '{class}' {place}"));
                error
            }
        }
    }
}

fn with_cause(py: Python<'_>, error: PyErr, cause: Option<PyErr>) -> PyErr {
    if cause.is_some() {
        error.set_cause(py, cause);
    }
    error
}

/// `.name` for a name, `["…"]` for any other key, cut where it gets long.
fn shown_key(quoted: &str) -> String {
    let key = quoted.trim_start_matches('"');
    let key = key.strip_suffix('"').unwrap_or(key);
    let is_name = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && key
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit());
    let mut end = key.len().min(SHOWN_KEY_BYTES_MAX);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < key.len() { "…" } else { "" };
    let key = &key[..end];
    if is_name {
        format!(".{key}{cut}")
    } else {
        format!("[\"{key}{cut}\"]")
    }
}

fn shown_path(steps_inner_first: &[Step]) -> String {
    let count = steps_inner_first.len();
    if count == 0 {
        return String::from("at the top level");
    }
    let mut path = String::from("at ");
    for (number, step) in steps_inner_first.iter().rev().enumerate() {
        let hidden = count.saturating_sub(2 * SHOWN_STEPS_MAX);
        if number == SHOWN_STEPS_MAX && hidden > 0 {
            // Writing to a String cannot fail.
            let _ = write!(path, "…({hidden} more)…");
        }
        if number >= SHOWN_STEPS_MAX && number < SHOWN_STEPS_MAX + hidden {
            continue;
        }
        let _ = match step {
            Step::Key(key) => write!(path, "{key}"),
            Step::Index(index) => write!(path, "[{index}]"),
        };
    }
    path
}

#[cfg(test)]
mod tests {
    use super::{Step, shown_key, shown_path};

    #[test]
    fn keys_are_shown_as_one_would_write_them() {
        assert_eq!(shown_key("\"owner_2\""), ".owner_2");
        assert_eq!(shown_key("\"2nd\""), "[\"2nd\"]");
        assert_eq!(shown_key("\"\""), "[\"\"]");
        assert_eq!(shown_key("\"a\\\"b\""), "[\"a\\\"b\"]");
        assert_eq!(
            shown_key(&format!("\"{}\"", "é".repeat(100))),
            format!("[\"{}…\"]", "é".repeat(32))
        );
    }

    #[test]
    fn long_paths_are_cut_in_the_middle() {
        let steps: Vec<Step> = (0..20).map(Step::Index).collect();
        let path = shown_path(&steps);
        assert!(
            path.starts_with("at [19][18]") && path.ends_with("[1][0]"),
            "{path}"
        );
        assert!(path.contains("[12]…(4 more)…[7]"), "{path}");
        assert_eq!(shown_path(&steps[..16]).matches('[').count(), 16);
        assert_eq!(shown_path(&[]), "at the top level");
    }
}
