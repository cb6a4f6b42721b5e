//! How much of the shard one connection has before the others get their turn. Knows no connection.

use turbo_shard_protocol::Tick;

use crate::service::Service;
use crate::shard::workbench::Workbench;

/// Requests that one connection may have answered in a turn. A peer that pipelines or multiplexes must not hold the shard: 64 KiB
/// hold over a thousand short requests. Fewer would make more writes of the same answers.
const REQUESTS_PER_TURN_MAX: u32 = 64;

/// Messages that the WebSockets of one connection may have taken in a turn, in each direction.
const MESSAGES_PER_TURN_MAX: u32 = 64;

/// What is left of a turn.
pub(super) struct Turn {
    requests_left: u32,
    pub(super) messages_to_peer_left: u32,
    pub(super) messages_to_apps_left: u32,
}

impl Turn {
    pub(super) fn begin() -> Turn {
        Turn {
            requests_left: REQUESTS_PER_TURN_MAX,
            messages_to_peer_left: MESSAGES_PER_TURN_MAX,
            messages_to_apps_left: MESSAGES_PER_TURN_MAX,
        }
    }

    /// The service was called, for so many requests' worth of work. A turn whose calls have held the shard for long enough that the
    /// clock is read again is over, however few they were.
    #[inline]
    pub(super) fn note_call<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: &mut Tick,
        requests: u32,
    ) {
        let later = bench.catch_up(*now);
        self.requests_left = match later > *now {
            true => 0,
            false => self.requests_left.saturating_sub(requests),
        };
        *now = later;
    }

    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.requests_left == 0
    }
}
