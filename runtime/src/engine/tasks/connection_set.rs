//! The connections of a shard whose executor waits for one descriptor (tokio and glommio). An epoll set says which sockets
//! have news, and one task gives their connections their turns: a connection is no task of the executor and no source of
//! its reactor, which would cost several times what the connection itself does. Knows nothing of HTTP.
//!
//! ```text
//!  sockets ─► epoll set ─┐
//!                        ├─► woken ─► the connection's turn (`ConnectionTask`)
//!  replies, deadlines ───┘
//! ```

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use slab::Slab;
use socket2::Socket;

use crate::engine::tasks::connection_task::{ByteStream, ConnectionTask};
use crate::engine::wakes::{WakeTarget, Wakes};
use crate::net::listener::Fresh;
use crate::service::App;
use crate::shard::accepting::admit;
use crate::shard::host::LocalHost;

/// Sockets with news that are looked at in one turn; the shard's other tasks have theirs before the next.
const EVENTS_PER_TURN_MAX: usize = 256;

/// A wake from another thread.
const BELL: Token = Token(usize::MAX);

pub(crate) struct ConnectionSet<A: App> {
    host: Rc<LocalHost<A>>,
    epoll: RefCell<mio::Poll>,
    wakes: Wakes,
    slots: RefCell<Slab<Slot<A>>>,
}

struct Slot<A: App> {
    task: ConnectionTask<ReadyStream, Rc<LocalHost<A>>>,
    target: Arc<WakeTarget>,
    waker: Waker,
}

impl<A: App> ConnectionSet<A> {
    /// Makes the set of the calling thread.
    pub(crate) fn new(host: Rc<LocalHost<A>>) -> io::Result<ConnectionSet<A>> {
        // With its target and its entries in the host's table (96 bytes) this is all that an idle connection is.
        const { assert!(size_of::<Slot<A>>() <= 296) }
        let (epoll, wakes) = (mio::Poll::new()?, Wakes::new()?);
        let mut bell = SourceFd(&wakes.bell());
        epoll
            .registry()
            .register(&mut bell, BELL, Interest::READABLE)?;
        Ok(ConnectionSet {
            host,
            epoll: RefCell::new(epoll),
            wakes,
            slots: RefCell::default(),
        })
    }

    pub(crate) fn host(&self) -> &LocalHost<A> {
        &self.host
    }

    pub(crate) fn serve(&self, Fresh { socket, info }: Fresh) {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.vacant_entry();
        if let Err(error) = self.watch(&socket, slot.key()) {
            log::error!(
                "the connection of {} could not be watched: {error}",
                info.peer
            );
            return;
        }
        let Some(admitted) = admit(&*self.host, info) else {
            return;
        };
        let number = u32::try_from(slot.key()).expect("fewer than 2^32 descriptors");
        let stream = ReadyStream::new(socket);
        let target = self.wakes.target(number);
        target.wake_by_ref();
        slot.insert(Slot {
            task: ConnectionTask::new(stream, Rc::clone(&self.host), admitted),
            waker: target.waker(),
            target,
        });
    }

    /// Gives the connections their turns. Never ends; `until_news` waits for the set's descriptor, `pause` lets the shard's
    /// other tasks go first.
    pub(crate) async fn run(&self, until_news: impl AsyncFn(), pause: impl AsyncFn()) {
        let mut events = Events::with_capacity(EVENTS_PER_TURN_MAX);
        let mut woken = Vec::new();
        let mut news = pin!(until_news());
        loop {
            if let Err(error) = self.hear(&mut events) {
                panic!("the connections' sockets cannot be watched: {error}");
            }
            self.give_turns(&mut woken);
            if events.iter().count() == EVENTS_PER_TURN_MAX || !self.wakes.goes_to_sleep() {
                pause().await;
                continue;
            }
            tokio::select! {
                biased;
                () = &mut news => news.set(until_news()),
                () = self.wakes.own() => {}
            }
            self.wakes.wakes_up();
        }
    }

    /// Ends all connections.
    pub(crate) fn clear(&self) {
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        slots.into_iter().for_each(|(_, slot)| self.end(slot));
    }

    /// Wakes the connections whose sockets have news.
    fn hear(&self, events: &mut Events) -> io::Result<()> {
        loop {
            match self.epoll.borrow_mut().poll(events, Some(Duration::ZERO)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => break polled?,
            }
        }
        let mut slots = self.slots.borrow_mut();
        for event in events.iter() {
            if let Some(slot) = slots.get_mut(event.token().0) {
                slot.task.stream().note(event);
                slot.target.wake_by_ref();
            }
        }
        Ok(())
    }

    fn give_turns(&self, woken: &mut Vec<u32>) {
        self.wakes.collect(woken);
        let mut slots = self.slots.borrow_mut();
        for number in woken.drain(..).map(|number| number as usize) {
            let Some(slot) = slots.get_mut(number) else {
                continue;
            };
            slot.target.begins_turn();
            let mut cx = Context::from_waker(&slot.waker);
            if Pin::new(&mut slot.task).poll(&mut cx).is_ready() {
                let slot = slots.remove(number);
                self.end(slot);
            }
        }
        if slots.is_empty() {
            // 10,000 connections that came and went must not cost memory for ever.
            slots.shrink_to_fit();
        }
    }

    fn watch(&self, stream: &Socket, number: usize) -> io::Result<()> {
        self.epoll.borrow().registry().register(
            &mut SourceFd(&stream.as_raw_fd()),
            Token(number),
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    fn end(&self, mut slot: Slot<A>) {
        // A child that the app has forked may hold a copy of the socket, so closing it may not take it out of the set.
        let socket = slot.task.stream().as_raw_fd();
        let _ = self
            .epoll
            .borrow()
            .registry()
            .deregister(&mut SourceFd(&socket));
        if catch_unwind(AssertUnwindSafe(|| drop(slot))).is_err() {
            log::error!("the end of a connection was a panic; the shard goes on");
        }
    }
}

impl<A: App> AsFd for ConnectionSet<A> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the epoll set is exchanged for no other, so its descriptor is open and the same while this set lives.
        unsafe { BorrowedFd::borrow_raw(self.epoll.borrow().as_raw_fd()) }
    }
}

/// A socket in an edge-triggered set, which reports changes only: the last report holds until a call finds otherwise.
struct ReadyStream {
    socket: Socket,
    is_readable: bool,
    is_writable: bool,
    /// The peer has finished sending, or the socket has failed: reads say so from here on, and no change follows.
    is_read_over: bool,
}

impl ReadyStream {
    fn new(socket: Socket) -> ReadyStream {
        ReadyStream {
            socket,
            is_readable: false,
            is_writable: true,
            is_read_over: false,
        }
    }

    fn note(&mut self, event: &Event) {
        self.is_read_over |= event.is_read_closed() || event.is_error();
        self.is_readable |= event.is_readable() || self.is_read_over;
        self.is_writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }
}

impl AsRawFd for ReadyStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl ByteStream for ReadyStream {
    fn poll_read(&mut self, _cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.is_readable {
            return Poll::Pending;
        }
        let read = self.socket.read(buffer);
        let is_drained = match &read {
            Ok(n) => *n < buffer.len(),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        self.is_readable = !is_drained || self.is_read_over;
        pending_if_blocked(read)
    }

    fn poll_write(&mut self, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_writable {
            return Poll::Pending;
        }
        // A peer that has left is an error and no signal, which would end a process that does not ignore it.
        let wrote = self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL);
        self.is_writable = matches!(&wrote, Ok(n) if *n == bytes.len());
        pending_if_blocked(wrote)
    }

    fn shutdown_write(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

fn pending_if_blocked(moved: io::Result<usize>) -> Poll<io::Result<usize>> {
    match moved {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        moved => Poll::Ready(moved),
    }
}
