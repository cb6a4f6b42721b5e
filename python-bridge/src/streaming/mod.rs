//! Answers that come in pieces. Re-exports only.
//!
//! `stream` begins one, `table` holds those of a loop and is its turn work, `async_pull` (a task of its own, `async_task`)
//! and `sync_pull` take their pieces (`chunk` reads one), `gate` is what a thread waits at until its peer has read.

mod async_pull;
mod async_task;
mod chunk;
mod gate;
mod stream;
mod sync_pull;
mod table;

pub(crate) use gate::{Gate, Gone};
pub(crate) use stream::{StreamSource, stream};
