//! The `glommio` engine.

mod engine;
mod probe;

pub(crate) use engine::Glommio;
