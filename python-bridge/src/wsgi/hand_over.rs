//! Hands jobs to the blocking pool, and lets its threads begin them. Does not know what they do.

use std::cell::Cell;

use turbo_shard_runtime::BlockingPool;

thread_local! {
    /// This thread has given the pool something to do since it last waited.
    static HANDED_OVER: Cell<bool> = const { Cell::new(false) };
}

/// Gives the pool a job, which is dropped if there is no room.
pub(super) fn hand_over(pool: &BlockingPool, job: impl FnOnce() + Send + 'static) {
    if pool.try_run(Box::new(job)).is_ok() {
        HANDED_OVER.set(true);
    }
}

/// Lets the pool's threads, which share the shard's core, begin their calls before the shard waits. A sleeping shard
/// would be woken, at once and in their place, by the first of their answers, and again by the next; one that yields
/// finds all of them when its turn comes. Call before the thread waits.
#[inline]
pub(crate) fn let_pool_run() {
    if HANDED_OVER.replace(false) {
        std::thread::yield_now();
    }
}
