//! asyncio, driven by the shard that it lives on; and its stand-in, threads of its own, for work-stealing mode.
//! Re-exports only.
//!
//! ```text
//!   shard's epoll or uring ── watches ──► one epoll set ◄── timer (the loop's nearest)
//!                                          ▲          ◄── bell (jobs from other threads,
//!              asyncio's own descriptors ──┘                call_soon_threadsafe)
//! ```
//!
//! `descriptors` is that set, `inbox` what arrives from elsewhere, `asyncio_loop` the Python object, `coroutine_host`
//! what runs on it (`host_end` how that ends), `shard_loop` its face to the runtime, `signal_pipe` what wakes a main thread for signals,
//! `asyncio_threads` the stand-in, `call_queue` what a loop hands to threads beside it.

mod asyncio_loop;
mod asyncio_threads;
mod call_queue;
mod coroutine_host;
mod coroutines;
mod descriptors;
mod host_end;
mod inbox;
mod shard_loop;
mod signal_pipe;

pub(crate) use asyncio_loop::AsyncioLoop;
pub(crate) use asyncio_threads::{AsyncioThreads, TimeLeft};
pub(crate) use call_queue::CallQueue;
pub(crate) use coroutine_host::{CoroutineHost, Eager, Job, Tenant};
pub(crate) use coroutines::{Coroutines, Started};
pub(crate) use shard_loop::ShardLoop;
