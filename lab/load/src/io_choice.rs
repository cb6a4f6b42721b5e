//! The two ways to move bytes, by name: what a run was told to take, and what it took. Knows neither of them.

use serde::Serialize;

/// What a run was told to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoChoice {
    /// io_uring where the kernel has it and the run can use it.
    #[default]
    Auto,
    /// io_uring or nothing.
    Uring,
    /// epoll.
    Epoll,
}

/// What a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Io {
    /// A read and a write for each request.
    #[default]
    Epoll,
    /// Requests and answers in lots.
    Uring,
}
