//! The work-stealing mode.

mod runtime;

pub(crate) use runtime::{StealPlan, run};
