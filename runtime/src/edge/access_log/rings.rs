//! The reading ends of the rings, one for each thread that writes records. Knows no records.

use std::sync::Arc;

use rtrb::Consumer;

use crate::metrics::counters::Counters;

/// One thread's ring, as it is read.
pub(crate) struct Reader {
    pub(crate) shard: usize,
    pub(crate) records: Consumer<u8>,
    pub(crate) counters: Arc<Counters>,
}

/// The rings of all threads.
#[derive(Default)]
pub(crate) struct Readers {
    pub(crate) open: Vec<Reader>,
    /// Those of every thread that there was; a shard that was started again goes on with what it had.
    counters: Vec<Arc<Counters>>,
}

impl Readers {
    /// Without a number, a thread gets the next.
    pub(crate) fn add(
        &mut self,
        shard: Option<usize>,
        records: Consumer<u8>,
        counters: &Arc<Counters>,
    ) {
        self.open.push(Reader {
            shard: shard.unwrap_or(self.counters.len()),
            records,
            counters: Arc::clone(counters),
        });
        if !self
            .counters
            .iter()
            .any(|known| Arc::ptr_eq(known, counters))
        {
            self.counters.push(Arc::clone(counters));
        }
    }

    /// Lines lost so far.
    pub(crate) fn lost(&self) -> u64 {
        let of_each = self.counters.iter();
        of_each
            .map(|counters| counters.access_lines_lost.value())
            .sum()
    }
}
