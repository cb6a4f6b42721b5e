//! How much time the end of a loop may take. Knows no loop.

use std::sync::Arc;
use std::time::Duration;

/// How much time a stop leaves for tasks to finish.
pub(crate) type TimeLeft = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How long the end of a loop may take, in seconds: its tasks are cancelled and awaited, its async generators closed,
/// its executor's threads joined. Less than the two seconds that the runtime gives a shard it has cut.
pub(crate) const CLOSE_SECONDS_MAX: f64 = 1.5;
