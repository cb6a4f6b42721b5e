//! The tasks that every shard has besides its connections: accepting, time, arrivals from other shards and the hosted loop. They are executor-neutral; the
//! engine hands them its way of sleeping and of watching a descriptor.

use std::io;
use std::net::TcpListener;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::engine::plan::ACCEPT_PAUSE;
use crate::engine::tasks::connection_set::ConnectionSet;
use crate::net::children::end_if_child;
use crate::net::listener;
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

/// Whether `fd` is readable now. An edge-triggered watch tells of changes only, so this asks for what is left over.
pub(crate) fn polls_readable(fd: RawFd) -> bool {
    polls(fd, libc::POLLIN)
}

/// Whether the peer of `socket` has been heard out: nothing that we want is left to read, and nothing that waits to be
/// sent would find room. The socket is asked itself, because an engine may not have heard yet of what it has received.
pub(crate) fn is_heard_out(socket: RawFd, wants_read: bool, wants_room: bool) -> bool {
    let reads = if wants_read { libc::POLLIN } else { 0 };
    let writes = if wants_room { libc::POLLOUT } else { 0 };
    reads | writes == 0 || !polls(socket, reads | writes)
}

/// Ends the conversation on a socket that is about to be closed: a child that the app has forked may hold a copy of it, and
/// would keep the peer waiting for as long as it lives.
pub(crate) fn end_conversation(socket: RawFd) {
    // SAFETY: a plain system call on a number. A conversation that has ended already is no news.
    unsafe { libc::shutdown(socket, libc::SHUT_RDWR) };
}

fn polls(fd: RawFd, events: libc::c_short) -> bool {
    let mut entry = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: `entry` is one valid pollfd that lives through the call; poll writes to its `revents` only.
    unsafe { libc::poll(&raw mut entry, 1, 0) == 1 }
}
