//! The `glommio` engine.

mod engine;
mod probe;

pub(crate) use engine::{Glommio, LOCKED_BYTES, fits};
pub(crate) use probe::{MEMLOCK_BYTES_MIN, probe};
