//! How large a shard's ring and its buffers are, and why. Holds numbers only.

use turbo_shard_ring::{BufferPlan, RingPlan};

/// More operations in one turn cost one more system call. The rings count against RLIMIT_MEMLOCK, whose default has room
/// for few. With 128, 256 and 1024 submissions the CPU time of an answer was the same within the noise, at 64
/// connections and at 512 (medians of six interleaved rounds: 6.4, 7.4, 6.9 and 7.7, 8.0, 7.9 µs).
pub(crate) const RING: RingPlan = RingPlan {
    submissions: 128,
    completions: 8 * 128,
    starts_disabled: false,
};

/// What one shard can have received and not looked at, where receives share a buffer: 512 KiB; small requests touch little
/// of it. What comes beyond it stays in the sockets until the next turn.
const SHARED: BufferPlan = BufferPlan {
    buffers: 16,
    buffer_bytes: 32 * 1024,
    are_shared: true,
};

/// The same where each receive takes a buffer: 1 MiB; each small request touches one line of it.
const WHOLE: BufferPlan = BufferPlan {
    buffers: 256,
    buffer_bytes: 4 * 1024,
    are_shared: false,
};

/// The buffers of a shard, which receives share or do not.
pub(crate) const fn buffers(are_shared: bool) -> BufferPlan {
    if are_shared { SHARED } else { WHOLE }
}
