//! Runs one connection over a stream that says when it is ready (tokio and glommio): reads, lets the driver answer,
//! writes. Knows nothing of HTTP beyond what the driver says.

use std::future::Future;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use turbo_shard_protocol::{Closing, Tick};

use crate::engine::local_tasks::polls_readable;
use crate::service::ConnectionInfo;
use crate::shard::connection_table::ConnectionId;
use crate::shard::driver::{Advance, Driver};
use crate::shard::host::{Admission, Host, Stage};

/// Reads of one connection before the others get their turn. A read brings up to 64 KiB.
const READS_PER_TURN_MAX: u32 = 4;
/// How long a peer that sends faster than it is answered may keep a draining shard from telling it. What has arrived
/// before the drain is answered by then; a pipeline that never runs dry would hold the shard for all of its graceful time.
const DRAIN_UNTOLD_MS_MAX: u64 = 500;

/// A non-blocking stream of bytes.
pub(crate) trait ByteStream: Unpin + AsRawFd {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Tells the peer that nothing more will come.
    fn shutdown_write(&mut self);
    /// Wakes the caller's task again once the others had their turn, and new input was looked for.
    fn yield_turn(&mut self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

/// A connection's whole life as a future; it ends when the connection has.
pub(crate) struct ConnectionTask<B, P>
where
    P: Deref + Unpin,
    P::Target: Host,
{
    stream: B,
    driver: Driver,
    host: P,
    id: ConnectionId,
    /// Our side is shut; what the peer still sends is swallowed, so that no reset overtakes the answer.
    write_shut: bool,
    /// The earliest moment at which the table will wake this task.
    armed: Option<Tick>,
    known_to_table: bool,
    /// Since when this task knows of the drain.
    drain_seen: Option<Tick>,
    drain_told: bool,
}

impl<B, P> ConnectionTask<B, P>
where
    B: ByteStream,
    P: Deref + Unpin,
    P::Target: Host,
{
    pub(crate) fn new(
        stream: B,
        info: ConnectionInfo,
        host: P,
        admission: Admission,
    ) -> ConnectionTask<B, P> {
        let bench = host.bench();
        let now = bench.clock.now();
        let mut driver = Driver::new(bench, info, now);
        let id = match admission {
            Admission::Served(id) => id,
            Admission::Refused(id) => {
                driver.refuse_overload(bench, now);
                id
            }
        };
        ConnectionTask {
            stream,
            driver,
            host,
            id,
            write_shut: false,
            armed: None,
            known_to_table: false,
            drain_seen: None,
            drain_told: false,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.host.bench().clock.now();
        if !self.known_to_table {
            self.host
                .with_table(|table| table.set_waker(self.id, cx.waker()));
            self.known_to_table = true;
        }
        match self.host.stage() {
            Stage::Serving => {}
            Stage::Draining => {
                let seen = *self.drain_seen.get_or_insert(now);
                if now.since_ms(seen) >= DRAIN_UNTOLD_MS_MAX {
                    self.tell_drain(now);
                }
            }
            Stage::Cutting => return Poll::Ready(()),
        }
        let turned = self.serve(cx, now);
        if turned.is_pending() {
            self.arm(now);
        } else {
            self.driver.rest(self.host.bench());
        }
        turned
    }

    fn serve(&mut self, cx: &mut Context<'_>, now: Tick) -> Poll<()> {
        if self
            .driver
            .next_deadline()
            .is_some_and(|deadline| now >= deadline)
            && self.driver.expire(self.host.bench(), now)
        {
            return Poll::Ready(());
        }
        for _ in 0..READS_PER_TURN_MAX {
            let bench = self.host.bench();
            let advance = self.driver.advance(bench, now, cx.waker());
            let was_full = self.driver.output().len() >= bench.limits.output_bytes_high;
            let Ok(wrote) = self.flush(cx, now) else {
                return Poll::Ready(());
            };
            match self.driver.closing() {
                Closing::Open => {}
                Closing::Now => return Poll::Ready(()),
                Closing::AfterOutput { linger } if self.driver.output().is_empty() => {
                    if !linger {
                        return Poll::Ready(());
                    }
                    if !self.write_shut {
                        self.stream.shutdown_write();
                        self.write_shut = true;
                    }
                }
                Closing::AfterOutput { .. } => {}
            }
            if advance == Advance::MoreToDo {
                self.stream.yield_turn(cx);
                return Poll::Pending;
            }
            if was_full && wrote {
                // There is room again for what was held back while the output was full.
                continue;
            }
            if !self.driver.wants_read() {
                return Poll::Pending;
            }
            match self.read(cx, now) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return self.settle(cx, now),
            }
        }
        // The peer sends as fast as we read: the others first.
        self.stream.yield_turn(cx);
        Poll::Pending
    }

    /// Nothing to read: the moment to notice a drain, and to give the buffers back.
    fn settle(&mut self, cx: &mut Context<'_>, now: Tick) -> Poll<()> {
        if self.host.stage() == Stage::Draining
            && !self.drain_told
            && !polls_readable(self.stream.as_raw_fd())
        {
            // Only now: a request that had arrived before the drain has been read, and gets its answer. The socket is
            // asked itself, because an engine may not have heard yet of what its stream has received.
            self.tell_drain(now);
            if self.driver.closing() == Closing::Now {
                return Poll::Ready(());
            }
            if !self.driver.output().is_empty() {
                // A WebSocket says goodbye.
                cx.waker().wake_by_ref();
            }
        }
        self.driver.rest(self.host.bench());
        Poll::Pending
    }

    fn tell_drain(&mut self, now: Tick) {
        if !std::mem::replace(&mut self.drain_told, true) {
            self.driver.drain(now);
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Tick) -> Poll<io::Result<()>> {
        let bench = self.host.bench();
        let mut buffer = bench.read_buffer();
        let read = std::task::ready!(self.stream.poll_read(cx, &mut buffer))?;
        if read == 0 {
            self.driver.receive_eof(now);
        } else {
            self.driver.receive(bench, now, &buffer[..read]);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what there is. Returns whether anything left.
    fn flush(&mut self, cx: &mut Context<'_>, now: Tick) -> io::Result<bool> {
        let mut wrote = false;
        while !self.driver.output().is_empty() {
            match self.stream.poll_write(cx, self.driver.output()) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.driver.consume_output(now, n);
                    wrote = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    // Nothing could leave: from here on the peer is waited for.
                    self.driver.consume_output(now, 0);
                    break;
                }
            }
        }
        Ok(wrote)
    }

    fn arm(&mut self, now: Tick) {
        let Some(deadline) = self.driver.next_deadline() else {
            return;
        };
        if self
            .armed
            .is_none_or(|armed| deadline < armed || armed <= now)
        {
            self.armed = Some(deadline);
            if self.host.with_table(|table| table.arm(self.id, deadline)) {
                self.host.deadline_moved();
            }
        }
    }
}

impl<B, P> Future for ConnectionTask<B, P>
where
    B: ByteStream,
    P: Deref + Unpin,
    P::Target: Host,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = &mut *self;
        // A panic ends this connection only; glommio would end the process (invariant I6).
        let turned = catch_unwind(AssertUnwindSafe(|| task.turn(cx))).unwrap_or_else(|_panic| {
            log::error!("a connection ended in a panic; the shard goes on");
            Poll::Ready(())
        });
        self.host.turn_ended();
        turned
    }
}

impl<B, P> Drop for ConnectionTask<B, P>
where
    P: Deref + Unpin,
    P::Target: Host,
{
    fn drop(&mut self) {
        self.host.leave(self.id);
    }
}
