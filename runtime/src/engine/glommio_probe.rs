//! Whether so many shards can run on glommio here. Knows nothing of what they do.

use std::panic::catch_unwind;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::glommio::executor;

/// Whether so many shards can each have an executor at the same time: the limit is one for all that a user locks. glommio
/// asks for it once and in words of its own; [`probe`](crate::engine::io_uring_probe::probe) must have passed.
pub(crate) fn fits(shards: usize) -> Result<(), String> {
    let (all_made, made) = (Barrier::new(shards), AtomicUsize::new(0));
    let make = || {
        let executor = catch_unwind(|| executor("probe").map_err(|error| error.to_string()));
        made.fetch_add(
            usize::from(matches!(executor, Ok(Ok(_)))),
            Ordering::Relaxed,
        );
        all_made.wait();
        executor
            .unwrap_or_else(|_panic| Err(String::from("it panicked")))
            .map(drop)
    };
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..shards).map(|_| scope.spawn(make)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|result| result.unwrap_or_else(|_panic| Err(String::from("it panicked"))))
            .collect()
    });
    let made = made.into_inner();
    results
        .into_iter()
        .collect::<Result<(), String>>()
        .map_err(|error| {
            format!("RLIMIT_MEMLOCK has room for {made} of {shards} shards (ulimit -l; {error})")
        })
}
