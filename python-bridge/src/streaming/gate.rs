//! Where a thread waits until its answer has room. No Python in it: wait detached.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use turbo_shard_runtime::{HttpReply, ReplyListener};

/// Whether the peer is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Yes,
    No,
}

/// Where a waiting thread hears of room.
#[derive(Default)]
pub(crate) struct Gate {
    /// Room, and whether the peer has left.
    heard: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    /// The gate of an answer; make it before the first piece is sent.
    pub(crate) fn of(handle: &HttpReply) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        handle.listen(Arc::clone(&gate) as Arc<dyn ReplyListener>);
        gate
    }

    /// Waits for room, or for the peer to leave. The connection's write timeout bounds the wait.
    pub(crate) fn wait(&self) -> Gone {
        let mut heard = self.heard.lock();
        let nothing = |heard: &mut (bool, bool)| !heard.0 && !heard.1;
        self.changed.wait_while(&mut heard, nothing);
        heard.0 = false;
        if heard.1 { Gone::Yes } else { Gone::No }
    }

    fn tell(&self, room: bool, left: bool) {
        let mut heard = self.heard.lock();
        heard.0 |= room;
        heard.1 |= left;
        drop(heard);
        self.changed.notify_all();
    }
}

impl ReplyListener for Gate {
    fn room(&self) {
        self.tell(true, false);
    }

    fn peer_left(&self) {
        self.tell(false, true);
    }
}
