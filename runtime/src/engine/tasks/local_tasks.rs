//! The tasks that every shard has besides its connections: accepting, time, arrivals from other shards and the hosted loop. They are executor-neutral; the
//! engine hands them its way of sleeping and of watching a descriptor.

use std::io;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::engine::plan::ACCEPT_PAUSE;
use crate::engine::tasks::connection_set::ConnectionSet;
use crate::net::children::end_if_child;
use crate::net::listener;
use crate::net::sockets::polls_readable;
use crate::service::{App, HostedLoop};
use crate::shard::hand_off::{Arrival, Fresh, Intake};
use crate::shard::host::{Host, LocalHost, Stage};

/// Wakes connections whose deadline has come. Sleeps until the earliest of them and not a moment otherwise: an idle
/// shard without connections never wakes.
pub(crate) async fn keep_time<A: App>(host: &LocalHost<A>, sleep_until: impl AsyncFn(Instant)) {
    loop {
        match host.with_table(|table| table.next_deadline()) {
            None => host.deadline_moved.notified().await,
            Some(deadline) => {
                tokio::select! {
                    () = sleep_until(host.bench.clock.instant(deadline)) => {}
                    () = host.deadline_moved.notified() => {}
                }
            }
        }
        let now = host.bench.clock.now();
        host.with_table(|table| table.wake_due(now));
    }
}

/// Accepts connections, and serves those that are not for another shard.
pub(crate) async fn accept<A: App>(
    connections: &ConnectionSet<A>,
    listener: &TcpListener,
    intake: &Intake,
    until_readable: impl AsyncFn() -> io::Result<()>,
    sleep: impl AsyncFn(Duration),
) {
    let host = connections.host();
    loop {
        let accepted = listener::accept_waiting(listener, |stream, peer| {
            if let Some(Fresh { stream, peer }) = intake.place(stream, peer) {
                connections.serve(stream, peer);
            }
        });
        if host.stage() != Stage::Serving {
            // The listener has left its group and says "readable" for ever. None of the shard's tasks may end.
            return std::future::pending().await;
        }
        // We wait only for an empty queue: an edge-triggered watch does not report again what a failure has left there.
        let waited = match accepted {
            Ok(()) => until_readable().await,
            Err(error) => Err(error),
        };
        if let Err(error) = waited {
            host.bench.warn_of_accept(&error);
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Takes the connections that wait in the queue of a listener that is about to close: closing would reset them.
pub(crate) fn accept_rest<A: App>(connections: &ConnectionSet<A>, listener: &TcpListener) {
    let serve = |stream, peer| connections.serve(stream, peer);
    if let Err(error) = listener::accept_waiting(listener, serve) {
        log::warn!("connections that waited could not be accepted: {error}");
    }
    listener::leave_group(listener);
}

/// Serves what other shards hand over, and hears how many clients to send away. From the first poll on, other shards
/// may hand connections over; an engine that takes no more says so with [`Intake::close`].
pub(crate) async fn take_arrivals<A: App>(connections: &ConnectionSet<A>, intake: &Intake) {
    intake.open();
    loop {
        match intake.next().await {
            Arrival::Connection(Fresh { stream, peer }) => {
                let _taking_in = intake.taking_in();
                connections.serve(stream, peer);
            }
            Arrival::SendAway(clients) => connections.host().bench.send_away.set(clients),
        }
    }
}

/// Drives the hosted loop: a turn when its descriptor is readable or a service call left something to run, and a pause
/// for the connections between two turns.
pub(crate) async fn drive_hosted_loop<A: App>(
    host: &LocalHost<A>,
    hosted: &dyn HostedLoop,
    until_readable: impl AsyncFn() -> io::Result<()>,
    pause: impl AsyncFn(),
) {
    loop {
        while hosted.is_ready() || polls_readable(hosted.fd()) {
            hosted.turn();
            end_if_child();
            host.batch_open.notify_one();
            pause().await;
        }
        let watched = tokio::select! {
            watched = until_readable() => watched,
            () = host.loop_ready.notified() => Ok(()),
        };
        if let Err(error) = watched {
            panic!("the hosted loop's descriptor cannot be watched: {error}");
        }
    }
}
