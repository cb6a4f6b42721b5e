//! Why a server could not start. Knows nothing of what failed.

use std::fmt;

/// Why a server could not start, in one line for a person.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    /// `message` is shown as it is: one line, what is wrong and what helps.
    pub fn new(message: impl Into<String>) -> StartError {
        StartError(message.into())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}
