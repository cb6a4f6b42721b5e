//! Python's part in the life of a blocking pool's threads. Knows nothing of what they run.

use std::time::Duration;

use turbo_shard_runtime::ThreadHooks;

use crate::python::large_objects::{give_back, gives_back_after};
use crate::python::thread::{self, thread_parks};
use crate::wsgi::wsgi_thread_stops;

/// Python's part in the life of a blocking pool's thread.
pub(crate) struct PoolThreads;

impl ThreadHooks for PoolThreads {
    fn starts(&self) {
        thread::blocking_thread_starts();
    }

    fn parks(&self) {
        thread_parks();
    }

    fn tidies_after(&self) -> Option<Duration> {
        gives_back_after()
    }

    fn tidies(&self) {
        give_back();
    }

    fn stops(&self) {
        wsgi_thread_stops();
        thread::thread_stops();
    }
}
