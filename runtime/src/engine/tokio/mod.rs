//! The `tokio` engine.

mod engine;

pub(crate) use engine::TokioLocal;
