//! Why a run does not count, and the exit status that says so.

use std::fmt;

/// Why a run ended without figures that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The command line asks for something impossible. Exit status 2.
    Usage(String),
    /// An answer was not the right one. Exit status 3.
    WrongAnswer(String),
    /// Connections were refused, lost or silent, or this machine allowed no run. Exit status 4.
    Broken(String),
}

impl Failure {
    /// A [`Failure::Broken`] from what was being done and the system's error.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Failure {
        Failure::Broken(format!("{what}: {error}"))
    }

    /// The same, with the place where it happened.
    #[must_use]
    pub fn in_context(self, context: impl fmt::Display) -> Failure {
        match self {
            Failure::Usage(text) => Failure::Usage(format!("{context}: {text}")),
            Failure::WrongAnswer(text) => Failure::WrongAnswer(format!("{context}: {text}")),
            Failure::Broken(text) => Failure::Broken(format!("{context}: {text}")),
        }
    }

    /// What the process ends with.
    pub fn exit_status(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::WrongAnswer(_) => 3,
            Failure::Broken(_) => 4,
        }
    }

    /// One word for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Failure::Usage(_) => "usage",
            Failure::WrongAnswer(_) => "wrong_answer",
            Failure::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Broken(text) => f.write_str(text),
            Failure::WrongAnswer(text) => write!(f, "wrong answer: {text}"),
        }
    }
}

impl std::error::Error for Failure {}
