//! Python on a thread of the server, whatever is served there. Names its modules only.
//!
//! `thread` is a thread's Python state, `names` are those of Python that Rust uses, `errors` what exceptions lead to, `clean_context` and `task_context` are the
//! contexts (contextvars) that calls run in, `being_made` the calls that a stop may interrupt, `slow_calls` notices the
//! long ones. `held_object`, `large_objects` and `large_blocks` are about the memory of large bodies.

pub(crate) mod being_made;
pub(crate) mod clean_context;
pub(crate) mod errors;
pub(crate) mod held_object;
pub(crate) mod large_blocks;
pub(crate) mod large_objects;
pub(crate) mod names;
pub(crate) mod slow_calls;
pub(crate) mod task_context;
pub(crate) mod thread;
