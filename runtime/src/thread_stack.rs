//! How much stack threads get. A plain value.

/// Stack of every thread that may run an app's code. Only what is touched costs memory. CPython 3.13's C code recurses
/// without asking how much is left: `json.loads` of deeply nested input overruns 1 MiB.
pub const THREAD_STACK_BYTES: usize = 16 * 1024 * 1024;
