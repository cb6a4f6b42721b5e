//! How a fresh connection gets from the shard that accepted it to the one that serves it, and how a shard is told to send
//! clients away. Knows no engine: a queue, a wake-up that every executor understands, and counters that others read.
//!
//! Each shard has an arrival queue. The handing side adds the connection to `on_the_way` first and then looks whether the queue is
//! open. The closing side closes the queue first and then looks at `on_the_way`. So either the hand-over is taken back,
//! or the closing side sees it and waits for it: no connection is ever left at a closed queue.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

use crossbeam_channel::{Receiver, Sender};
use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

use crate::config::Balance;
use crate::metrics::counters::Counters;
use crate::net::listener::Fresh;
use crate::shard::choice::{Load, choose};

/// Connections that may wait at one queue; a shard that finds it full serves the connection itself. A shard takes in
/// what waits whenever it looks, so only one that is held up has as many. Worst case per shard: 256 x 96 bytes.
const WAITING_MAX: usize = 256;

/// Connections from shared listeners that may be on their way to one shard before it gets no more of them: one that is held
/// up in a process of its own leaves them to the other processes.
const SHARED_ON_THE_WAY_MAX: u64 = 16;
const _: () = assert!((SHARED_ON_THE_WAY_MAX as usize) < WAITING_MAX);

/// Stands for a number of clients once the shard has heard it.
const NOTHING_NEW: u32 = u32::MAX;

/// What comes to a shard through its queue.
pub(crate) enum Arrival<'a> {
    /// Serve it here. It is on its way until then: until the second value is dropped.
    Connection(Fresh, TakingIn<'a>),
    /// Ask so many clients to come back elsewhere; replaces any number before it.
    SendAway(u32),
}

/// The queues of all shards. They live as long as the server: a shard that restarts finds its queue as it was.
pub(crate) struct ArrivalQueues {
    of_shards: Vec<CachePadded<ArrivalQueue>>,
    balance: Balance,
}

struct ArrivalQueue {
    counters: Arc<Counters>,
    sender: Sender<Fresh>,
    waiting: Receiver<Fresh>,
    /// Connections that were handed over and are not among the shard's own yet. They count, for a burst may arrive
    /// faster than the shard looks.
    on_the_way: AtomicU64,
    is_open: AtomicBool,
    is_overloaded: AtomicBool,
    /// How many clients the shard should send away, or [`NOTHING_NEW`].
    send_away: AtomicU32,
    wake: Notify,
}

impl ArrivalQueues {
    /// One for each shard, closed; `counters` are those of the shards.
    pub(crate) fn new(
        counters: impl Iterator<Item = Arc<Counters>>,
        balance: Balance,
    ) -> ArrivalQueues {
        let queues = counters.map(|counters| {
            let (sender, waiting) = crossbeam_channel::bounded(WAITING_MAX);
            CachePadded::new(ArrivalQueue {
                counters,
                sender,
                waiting,
                on_the_way: AtomicU64::new(0),
                is_open: AtomicBool::new(false),
                is_overloaded: AtomicBool::new(false),
                send_away: AtomicU32::new(NOTHING_NEW),
                wake: Notify::new(),
            })
        });
        ArrivalQueues {
            of_shards: queues.collect(),
            balance,
        }
    }

    /// Makes `shard` ask so many clients to come back elsewhere, instead of what it was told before.
    pub(crate) fn send_away(&self, shard: usize, clients: u32) {
        if clients > 0 {
            self.of_shards[shard].tell(clients);
        }
    }

    /// Whether fresh connections go to `shard` only if there is no other. A shard that is no longer overloaded keeps
    /// the clients that it has not sent away yet.
    pub(crate) fn set_overloaded(&self, shard: usize, is_overloaded: bool) {
        let queue = &self.of_shards[shard];
        if queue.is_overloaded.swap(is_overloaded, Relaxed) && !is_overloaded {
            queue.tell(0);
        }
    }

    /// The shard has ended, as it was told to or not. What still waits for it goes to the others; if there are none, it
    /// waits for the shard's successor, as what waits in its listener does.
    pub(crate) fn abandon(&self, shard: usize) {
        let queue = &self.of_shards[shard];
        queue.is_open.store(false, SeqCst);
        loop {
            let Some(target) = self.least_of_the_others(shard) else {
                return;
            };
            let Some(fresh) = queue.take_last() else {
                return;
            };
            if let Err(fresh) = self.hand_over(target, fresh) {
                // There is room: it was taken from there.
                let _ = queue.sender.try_send(fresh);
            } else {
                queue.on_the_way.fetch_sub(1, SeqCst);
            }
        }
    }

    /// Whether a connection from a shared listener would find a shard.
    pub(crate) fn has_room(&self) -> bool {
        let has_room = |queue: &CachePadded<ArrivalQueue>| {
            queue.is_open.load(Relaxed) && queue.has_room_for_shared()
        };
        self.of_shards.iter().any(has_room)
    }

    /// Hands a connection from a shared listener to the shard with the fewest connections; of equals to the first from
    /// `turn` on. Returns it if no shard takes it.
    pub(crate) fn share_out(&self, fresh: Fresh, turn: usize) -> Option<Fresh> {
        let shards = self.of_shards.len();
        let from_turn = (turn..turn + shards).map(|place| place % shards);
        let loads = from_turn.filter_map(|shard| {
            let queue = &self.of_shards[shard];
            queue
                .load()
                .map(|load| (!queue.has_room_for_shared(), load, shard))
        });
        match loads.min_by_key(|(is_late, load, _)| (*is_late, *load)) {
            Some((_, _, target)) => self.hand_over(target, fresh).err(),
            None => Some(fresh),
        }
    }

    fn hand_over(&self, target: usize, fresh: Fresh) -> Result<(), Fresh> {
        let queue = &self.of_shards[target];
        queue.on_the_way.fetch_add(1, SeqCst);
        let refused = match queue.is_open.load(SeqCst) {
            true => match queue.sender.try_send(fresh) {
                Ok(()) => {
                    queue.wake.notify_one();
                    return Ok(());
                }
                Err(full) => full.into_inner(),
            },
            false => fresh,
        };
        queue.on_the_way.fetch_sub(1, SeqCst);
        Err(refused)
    }

    fn least_of_the_others(&self, shard: usize) -> Option<usize> {
        (0..self.of_shards.len())
            .filter(|other| *other != shard)
            .filter_map(|other| self.of_shards[other].load().map(|load| (load, other)))
            .min()
            .map(|(_, other)| other)
    }
}

impl ArrivalQueue {
    fn tell(&self, clients: u32) {
        self.send_away.store(clients, Relaxed);
        self.wake.notify_one();
    }

    /// None while the shard does not serve, or no more can wait.
    fn load(&self) -> Option<Load> {
        (self.is_open.load(Relaxed) && !self.waiting.is_full()).then(|| self.load_if_open())
    }

    fn load_if_open(&self) -> Load {
        Load {
            is_overloaded: self.is_overloaded.load(Relaxed),
            connections: self.counters.connections_open() + self.on_the_way.load(Relaxed),
        }
    }

    fn has_room_for_shared(&self) -> bool {
        self.on_the_way.load(Relaxed) < SHARED_ON_THE_WAY_MAX
    }

    /// Of a closed queue: what waits, and what another thread is about to put there. None when nothing more can come.
    fn take_last(&self) -> Option<Fresh> {
        loop {
            match self.waiting.try_recv() {
                Ok(fresh) => return Some(fresh),
                Err(_) if self.on_the_way.load(SeqCst) == 0 => return None,
                // Another thread is between its two steps: a few instructions, unless the kernel has taken its core.
                Err(_) => std::thread::yield_now(),
            }
        }
    }
}

/// One shard's side of the queues.
pub(crate) struct Intake {
    shard: usize,
    /// Without them every connection stays where it was accepted.
    queues: Option<Arc<ArrivalQueues>>,
}

impl Intake {
    pub(crate) fn new(shard: usize, queues: Option<Arc<ArrivalQueues>>) -> Intake {
        Intake { shard, queues }
    }

    /// Whether anything can ever arrive: otherwise no task need wait for it.
    pub(crate) fn is_in_use(&self) -> bool {
        self.queues.is_some()
    }

    fn queue(&self) -> Option<&ArrivalQueue> {
        self.queues
            .as_ref()
            .map(|queues| &*queues.of_shards[self.shard])
    }

    /// From now on others may hand connections over: a task waits in [`Intake::next`].
    pub(crate) fn open(&self) {
        if let Some(queue) = self.queue() {
            queue.is_open.store(true, SeqCst);
        }
    }

    /// Another shard that should serve the connection that has just been accepted here.
    pub(crate) fn other_target(&self) -> Option<usize> {
        let queues = self.queues.as_ref()?;
        let own = queues.of_shards[self.shard].load_if_open();
        if queues.balance == Balance::Hash && !own.is_overloaded {
            return None;
        }
        let load = |shard: usize| queues.of_shards[shard].load();
        let random = |below| fastrand::usize(..below);
        let chosen = choose(self.shard, own, queues.of_shards.len(), load, random);
        (chosen != self.shard).then_some(chosen)
    }

    /// Hands a connection to the shard that [`Intake::other_target`] has named. What comes back must be served here:
    /// the other shard ends, or is held up.
    pub(crate) fn hand_over(&self, target: usize, fresh: Fresh) -> Result<(), Fresh> {
        match &self.queues {
            Some(queues) => queues.hand_over(target, fresh),
            None => Err(fresh),
        }
    }

    /// What to serve here of what was accepted here.
    pub(crate) fn place(&self, fresh: Fresh) -> Option<Fresh> {
        match self.other_target() {
            Some(target) => self.hand_over(target, fresh).err(),
            None => Some(fresh),
        }
    }

    /// What arrives next. Of several callers only one is woken; there should be one.
    pub(crate) async fn next(&self) -> Arrival<'_> {
        let Some(queue) = self.queue() else {
            return std::future::pending().await;
        };
        loop {
            match queue.send_away.swap(NOTHING_NEW, Relaxed) {
                NOTHING_NEW => {}
                clients => return Arrival::SendAway(clients),
            }
            if let Ok(fresh) = queue.waiting.try_recv() {
                return Arrival::Connection(fresh, TakingIn(queue));
            }
            queue.wake.notified().await;
        }
    }

    /// Takes nothing from others any more. What they have handed over must still be served.
    pub(crate) fn close(&self, mut serve: impl FnMut(Fresh)) {
        let Some(queue) = self.queue() else { return };
        queue.is_open.store(false, SeqCst);
        while let Some(fresh) = queue.take_last() {
            let _taking_in = TakingIn(queue);
            serve(fresh);
        }
    }
}

/// Held while an arrived connection is made one of the shard's own; then it is not on its way any more. Counts when it is
/// dropped, by a panic too: nothing may wait for a connection that is gone.
pub(crate) struct TakingIn<'a>(&'a ArrivalQueue);

impl Drop for TakingIn<'_> {
    fn drop(&mut self) {
        self.0.on_the_way.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
#[path = "hand_off_tests.rs"]
mod tests;
