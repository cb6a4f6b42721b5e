//! The turns of an event loop that lives on a shard. Knows neither the loop nor the engine.

use crate::net::children::end_if_child;
use crate::net::sockets::polls_readable;
use crate::service::HostedLoop;
use crate::shard::workbench::Workbench;

/// Whether there is something to run. A watch over the loop's descriptor may tell of changes only, so the descriptor
/// itself is asked for what is left over.
pub(crate) fn has_work(hosted: &dyn HostedLoop) -> bool {
    hosted.is_ready() || polls_readable(hosted.fd())
}

/// Runs what is ready, once. A child that the app has forked meanwhile ends here.
pub(crate) fn turn<S>(hosted: &dyn HostedLoop, bench: &Workbench<S>) {
    let began = bench.clock.coarse();
    hosted.turn();
    end_if_child();
    bench
        .counters
        .note_held(bench.clock.coarse().since_ms(began));
}
