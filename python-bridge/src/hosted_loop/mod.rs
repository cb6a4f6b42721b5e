//! asyncio, driven by the shard that it lives on; and its stand-in, threads of its own, for work-stealing mode.
//! Re-exports only.
//!
//! ```text
//!   shard's epoll or uring ── watches ──► one epoll set ◄── timer (the loop's nearest)
//!                                          ▲          ◄── bell (jobs from other threads,
//!              asyncio's own descriptors ──┘                call_soon_threadsafe)
//! ```
//!
//! `descriptors` is that set, `inbox` what arrives from elsewhere (each a `job`), `asyncio_loop` the Python object,
//! `app_loop` what runs on it (`app_loop_end` how that ends, `ending_time` how soon), `shard_loop` its face to the
//! runtime, `signal_pipe` what wakes a main thread for signals, `asyncio_threads` the stand-in, `coroutines` either of the
//! two, `call_queue` what a loop hands to threads beside it.

mod app_loop;
mod app_loop_end;
mod asyncio_loop;
mod asyncio_threads;
mod call_queue;
mod coroutines;
mod descriptors;
mod ending_time;
mod inbox;
mod job;
mod shard_loop;
mod signal_pipe;

pub(crate) use app_loop::{AppInstance, AppLoop, TurnWork};
pub(crate) use asyncio_loop::{AsyncioLoop, Eager};
pub(crate) use asyncio_threads::AsyncioThreads;
pub(crate) use call_queue::CallQueue;
pub(crate) use coroutines::{Coroutines, Started};
pub(crate) use ending_time::TimeLeft;
pub(crate) use job::{Job, Then, WorkId};
pub(crate) use shard_loop::ShardLoop;
