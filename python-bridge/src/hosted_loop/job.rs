//! What is handed to a loop's thread. Knows no loop.

use pyo3::prelude::*;

use crate::python::thread::Owned;

/// What to do with a coroutine's result, on the thread of its loop, attached. An error comes in the context of the task,
/// which is given too, if there was one.
pub(crate) type Then =
    Box<dyn FnOnce(Python<'_>, PyResult<Bound<'_, PyAny>>, Option<&Bound<'_, PyAny>>) + Send>;

/// Names a piece of a loop's turn work for the loop's whole life: never used again, so a late message never finds a wrong
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WorkId(pub(crate) u64);

/// Work for the loop's thread.
pub(crate) enum Job {
    /// Start a coroutine, in `context` if there is one; its result goes to `then`.
    Start {
        coroutine: Owned<PyAny>,
        context: Option<Owned<PyAny>>,
        then: Then,
    },
    /// A piece of turn work that waits for room may go on.
    Room(WorkId),
    /// The peer of a piece of turn work has gone.
    PeerLeft(WorkId),
    /// Anything else.
    Call(Box<dyn FnOnce(Python<'_>) + Send>),
    /// End the loop (asyncio threads only).
    Stop,
}
