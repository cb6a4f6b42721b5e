//! The `glommio` engine.

mod engine;

pub(crate) use engine::{Glommio, LOCKED_BYTES, fits};
