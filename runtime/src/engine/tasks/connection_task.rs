//! Runs one connection over a stream that says when it is ready (all engines but uring): reads, lets the driver answer,
//! writes. Knows nothing of HTTP beyond what the driver says.

use std::future::Future;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use turbo_shard_protocol::{Closing, Tick};

use crate::engine::connection_life::{ConnectionLife, Ending, Verdict};
use crate::net::sockets::{end_conversation, is_heard_out, polls_readable};
use crate::shard::accepting::Admitted;
use crate::shard::advance::Advance;
use crate::shard::host::Host;

/// Reads of one connection before the others get their turn. A read brings up to 64 KiB.
const READS_PER_TURN_MAX: u32 = 4;

/// A non-blocking stream of bytes.
pub(crate) trait ByteStream: Unpin + AsRawFd {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Tells the peer that nothing more will come.
    fn shutdown_write(&mut self);
}

/// A connection's whole life as a future; it ends when the connection has.
pub(crate) struct ConnectionTask<B, P>
where
    B: AsRawFd,
    P: Deref + Unpin,
    P::Target: Host,
{
    stream: B,
    life: ConnectionLife,
    host: P,
}

impl<B, P> ConnectionTask<B, P>
where
    B: ByteStream,
    P: Deref + Unpin,
    P::Target: Host,
{
    pub(crate) fn new(stream: B, host: P, admitted: Admitted) -> ConnectionTask<B, P> {
        ConnectionTask {
            stream,
            life: ConnectionLife::new(&*host, admitted),
            host,
        }
    }

    pub(crate) fn stream(&mut self) -> &mut B {
        &mut self.stream
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.host.bench().clock.now();
        if !self.life.is_known_to_table {
            self.host
                .with_table(|table| table.set_waker(self.life.id(), cx.waker()));
            self.life.is_known_to_table = true;
        }
        if !self.life.goes_on(&*self.host, now) {
            return Poll::Ready(());
        }
        let turned = self.serve(cx, now);
        if turned.is_pending() {
            let now = self.host.bench().latest(now);
            self.life.arm(&*self.host, now, None);
        } else {
            self.life.driver.rest(self.host.bench());
        }
        turned
    }

    fn serve(&mut self, cx: &mut Context<'_>, mut now: Tick) -> Poll<()> {
        for _ in 0..READS_PER_TURN_MAX {
            let bench = self.host.bench();
            let advance = self.life.driver.advance(bench, now, cx.waker());
            now = bench.latest(now);
            let was_full = self.life.driver.output().len() >= bench.limits.output_bytes_high;
            let Ok(wrote) = self.flush(cx, now) else {
                return Poll::Ready(());
            };
            match self.life.ending(self.life.driver.output().is_empty()) {
                Ending::NotYet => {}
                Ending::ShutWrite => self.stream.shutdown_write(),
                Ending::Now => return Poll::Ready(()),
            }
            if advance == Advance::MoreToDo {
                break;
            }
            if was_full && wrote {
                // There is room again for what was held back while the output was full.
                continue;
            }
            if self.life.driver.wants_read() {
                match self.read(cx, now) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            match self.judge(now) {
                Verdict::InTime => return self.settle(cx, now),
                Verdict::HearFirst => break,
                Verdict::Met => {}
                Verdict::End => return Poll::Ready(()),
            }
        }
        // There is more to do, or the peer sends as fast as we read: the others go first.
        match self.life.judge(&*self.host, now, None, |_| false) {
            Verdict::End => Poll::Ready(()),
            Verdict::InTime | Verdict::HearFirst | Verdict::Met => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// The socket has given and taken what it could, as far as the engine knows.
    fn judge(&mut self, now: Tick) -> Verdict {
        let socket = self.stream.as_raw_fd();
        self.life.judge(&*self.host, now, None, |driver| {
            is_heard_out(socket, driver.wants_read(), !driver.output().is_empty())
        })
    }

    /// Nothing to read: the moment to notice a drain, and to give the buffers back.
    fn settle(&mut self, cx: &mut Context<'_>, now: Tick) -> Poll<()> {
        if !self.life.driver.wants_read() {
            return Poll::Pending;
        }
        if self.life.has_drain_to_hear(&*self.host) && !polls_readable(self.stream.as_raw_fd()) {
            // Not earlier: a request that had arrived before the drain has been read by now, and gets its answer. The
            // socket is asked itself, because an engine may not have heard yet of what its stream has received.
            self.life.tell_drain(now);
            if self.life.driver.closing() == Closing::Now {
                return Poll::Ready(());
            }
            if !self.life.driver.output().is_empty() {
                // A WebSocket says goodbye.
                cx.waker().wake_by_ref();
            }
        }
        self.life.driver.rest(self.host.bench());
        Poll::Pending
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Tick) -> Poll<io::Result<()>> {
        let bench = self.host.bench();
        let mut buffer = bench.read_buffer();
        let read = std::task::ready!(self.stream.poll_read(cx, &mut buffer))?;
        if read == 0 {
            self.life.driver.receive_eof(bench, now);
        } else {
            self.life.driver.receive(bench, now, &buffer[..read]);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what there is. Returns whether anything left.
    fn flush(&mut self, cx: &mut Context<'_>, now: Tick) -> io::Result<bool> {
        let mut wrote = false;
        while !self.life.driver.output().is_empty() {
            match self.stream.poll_write(cx, self.life.driver.output()) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.host.bench().counters.sent_bytes.add(n as u64);
                    self.life.driver.consume_output(now, n);
                    wrote = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    // Nothing could leave: from here on we wait for the peer.
                    self.life.driver.consume_output(now, 0);
                    break;
                }
            }
        }
        Ok(wrote)
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
    B: AsRawFd,
    P: Deref + Unpin,
    P::Target: Host,
{
    fn drop(&mut self) {
        end_conversation(self.stream.as_raw_fd());
        self.life.leave(&*self.host);
    }
}
