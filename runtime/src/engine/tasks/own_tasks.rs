//! The tasks that a shard on an executor has besides its connections: accepting, arrivals from other shards, time and the
//! hosted loop. Knows no executor.

use std::time::Instant;

use crate::engine::tasks::connection_set::ConnectionSet;
use crate::engine::tasks::executor::Executor;
use crate::net::listener::Listener;
use crate::service::App;
use crate::shard::accepting::{ACCEPT_PAUSE, AcceptFailures, take_in};
use crate::shard::hand_off::Intake;
use crate::shard::host::{Host, LocalHost, Stage};
use crate::shard::hosted_turn::{has_work, turn};

/// Wakes connections whose deadline has come. Sleeps until the earliest of them and not a moment otherwise: an idle
/// host without connections never wakes.
pub(crate) async fn keep_time<H: Host>(host: &H, sleep_until: impl AsyncFn(Instant)) {
    loop {
        match host.with_table(|table| table.next_deadline()) {
            None => host.deadline_moved().notified().await,
            Some(deadline) => {
                tokio::select! {
                    () = sleep_until(host.clock().instant(deadline)) => {}
                    () = host.deadline_moved().notified() => {}
                }
            }
        }
        let now = host.clock().now();
        host.with_table(|table| table.wake_due(now));
    }
}

/// Accepts connections of one listener while the shard serves, and serves those that are not for another shard.
pub(crate) async fn accept<A: App, X: Executor>(
    connections: &ConnectionSet<A>,
    listener: &Listener,
    intake: &Intake,
    watch: X::Watch,
) {
    let (host, failures) = (connections.host(), AcceptFailures::new());
    while host.stage() == Stage::Serving {
        let accepted = listener.accept_waiting(|fresh| {
            if let Some(fresh) = intake.place(fresh) {
                connections.serve(fresh);
            }
        });
        // We wait only for an empty queue: an edge-triggered watch does not report again what a failure has left there.
        let waited = match accepted {
            Ok(()) => X::readable(&watch).await,
            Err(error) => Err(error),
        };
        if let Err(error) = waited {
            failures.note(&host.bench.counters, host.bench.clock.now(), &error);
            X::sleep_until(Instant::now() + ACCEPT_PAUSE).await;
        }
    }
    // A listener that has left its group says "readable" for ever; one that was left to a successor says so for it.
    drop(watch);
    // None of the shard's tasks may end.
    std::future::pending().await
}

/// Serves what other shards hand over, and hears how many clients to send away. From the first poll on, other shards
/// may hand connections over; an engine that takes no more says so with [`Intake::close`].
pub(crate) async fn take_arrivals<A: App>(connections: &ConnectionSet<A>, intake: &Intake) {
    intake.open();
    loop {
        let arrival = intake.next().await;
        take_in(connections.host(), arrival, |fresh| {
            connections.serve(fresh)
        });
    }
}

/// Drives the hosted loop: a turn when its descriptor is readable or a service call left something to run, and a pause
/// for the connections between two turns.
pub(crate) async fn drive_hosted_loop<A: App, X: Executor>(host: &LocalHost<A>, watch: &X::Watch) {
    let Some(hosted) = host.hosted() else { return };
    loop {
        while has_work(hosted) {
            turn(hosted, &host.bench);
            host.batch_open.notify_one();
            X::pause().await;
        }
        tokio::select! {
            () = X::news(watch) => {}
            () = host.loop_ready.notified() => {}
        }
    }
}
