//! One thread's io_uring: the two queues that are shared with the kernel, and the memory that the kernel receives into. What
//! is asked of the kernel, and for whom, is its users' own: the `uring` engine and the load generator. Knows no connections.

mod features;
mod pages;
mod probing;
mod provided_buffers;
mod ring;

pub use features::{Features, URING_FEATURES, UringFeature};
pub use probing::{enter_empty, explain, is_short_of_memory, on_own_thread, with_patience};
pub use provided_buffers::{BufferPlan, Chunk, GROUP, ProvidedBuffers};
pub use ring::{Ring, RingPlan};
