//! Accepts from the listeners that all shards share (Unix sockets, and sockets that the process was started with), and
//! shares their connections out. Knows neither engines nor where the listeners come from.
//!
//! The kernel spreads the connections of a TCP port over the shards' own listeners. A Unix socket is one listener, and
//! if all shards waited for it, each connection would wake them all and the quickest would have most of them. So one
//! thread accepts, and gives each connection to the shard with the fewest. Where shards are processes, each has such a
//! thread, and these take turns (`net/exclusive_watch.rs`).

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::metrics::counters::Counters;
use crate::net::exclusive_watch::{Bell, ExclusiveWatch, News};
use crate::net::listener::{Fresh, Listener};
use crate::shard::accepting::{ACCEPT_PAUSE, AcceptFailures};
use crate::shard::clock::Clock;
use crate::shard::hand_off::ArrivalQueues;
use crate::start_error::StartError;

/// Before the next look whether a shard has room again. Connections wait in the kernel's queue meanwhile, or go to other
/// processes.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The thread, and the way to end it.
pub(crate) struct SharedAccept {
    bell: Bell,
    thread: JoinHandle<Acceptor>,
}

struct Acceptor {
    listeners: Vec<Listener>,
    queues: Arc<ArrivalQueues>,
    failures: AcceptFailures,
    /// A shard's, for what fails.
    counters: Arc<Counters>,
    clock: Clock,
    /// Which of equally loaded shards is next.
    turn: usize,
}

/// The bell was rung.
struct Over;

impl SharedAccept {
    /// Accepts from now on; what fails is counted in `counters`.
    pub(crate) fn start(
        listeners: Vec<Listener>,
        queues: Arc<ArrivalQueues>,
        counters: Arc<Counters>,
        clock: Clock,
    ) -> Result<SharedAccept, StartError> {
        let cannot = |error: io::Error| {
            StartError::new(format!("the shared listeners cannot be watched: {error}"))
        };
        for listener in &listeners {
            listener.set_nonblocking(true).map_err(cannot)?;
        }
        let watch = ExclusiveWatch::new().map_err(cannot)?;
        let bell = watch.bell();
        let mut acceptor = Acceptor {
            listeners,
            queues,
            failures: AcceptFailures::new(),
            counters,
            clock,
            turn: 0,
        };
        acceptor.enter_all(&watch).map_err(cannot)?;
        let accept = move || {
            while let Ok(()) = acceptor.accept_next(&watch) {}
            acceptor
        };
        let thread = std::thread::Builder::new()
            .name("accept".into())
            .spawn(accept)
            .map_err(cannot)?;
        Ok(SharedAccept { bell, thread })
    }

    /// Accepts no more. With `takes_rest` what waits in the queues is shared out, and the listening ends for everyone;
    /// of lent listeners neither. The shards must still take connections in.
    pub(crate) fn stop(self, takes_rest: bool) {
        self.bell.ring();
        // It ends without a panic, or with one that has been logged.
        let Ok(mut acceptor) = self.thread.join() else {
            return;
        };
        if takes_rest {
            acceptor.take_rest();
        }
    }
}

impl Acceptor {
    fn accept_next(&mut self, watch: &ExclusiveWatch) -> Result<(), Over> {
        if !self.queues.has_room() {
            return self.pause(watch, LOOK_AGAIN);
        }
        let number = match watch.next(None) {
            Ok(News::Connections(number)) => number,
            Ok(News::Nothing) => return Ok(()),
            Ok(News::End) => return Err(Over),
            Err(error) => return self.failed(watch, &error),
        };
        let listener = &self.listeners[number];
        // The next connection is another process's.
        let behind = watch
            .leave(listener)
            .and_then(|()| watch.enter(listener, number));
        match behind.and_then(|()| listener.accept()) {
            Ok(None) => Ok(()),
            Ok(Some(fresh)) => self.share_out(watch, fresh),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            // Another process has ended the listening, and this one will hear of the stop.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.pause(watch, ACCEPT_PAUSE)
            }
            Err(error) => self.failed(watch, &error),
        }
    }

    /// Until a shard takes it: the queues may have been filled by others meanwhile.
    fn share_out(&mut self, watch: &ExclusiveWatch, fresh: Fresh) -> Result<(), Over> {
        let mut fresh = Some(fresh);
        while let Some(left) = fresh.take() {
            self.turn = self.turn.wrapping_add(1);
            fresh = self.queues.share_out(left, self.turn);
            if fresh.is_some() {
                self.pause(watch, LOOK_AGAIN)?;
            }
        }
        Ok(())
    }

    fn failed(&self, watch: &ExclusiveWatch, error: &io::Error) -> Result<(), Over> {
        self.note_failure(error);
        self.pause(watch, ACCEPT_PAUSE)
    }

    fn note_failure(&self, error: &io::Error) {
        let now = self.clock.now();
        self.failures.note(&self.counters, now, error);
    }

    /// Leaves connections to others for a while.
    fn pause(&self, watch: &ExclusiveWatch, time: Duration) -> Result<(), Over> {
        for listener in &self.listeners {
            let _ = watch.leave(listener);
        }
        let news = watch.next(Some(time));
        if let Err(error) = self.enter_all(watch) {
            self.note_failure(&error);
        }
        match news {
            Ok(News::End) => Err(Over),
            _ => Ok(()),
        }
    }

    fn enter_all(&self, watch: &ExclusiveWatch) -> io::Result<()> {
        let mut numbered = self.listeners.iter().enumerate();
        numbered.try_for_each(|(number, listener)| watch.enter(listener, number))
    }

    fn take_rest(&mut self) {
        let (mut waiting, mut lost) = (Vec::new(), 0);
        for listener in self.listeners.iter().filter(|one| !one.is_lent()) {
            // First, so that nothing comes after what is taken here.
            listener.shut();
            if let Err(error) = listener.accept_waiting(|fresh| waiting.push(fresh)) {
                log::warn!("connections that waited could not be accepted: {error}");
            }
        }
        for fresh in waiting {
            self.turn = self.turn.wrapping_add(1);
            lost += usize::from(self.queues.share_out(fresh, self.turn).is_some());
        }
        if lost > 0 {
            log::warn!("{lost} connections that waited were closed: every shard is held up");
        }
    }
}
