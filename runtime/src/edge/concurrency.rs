//! How many exchanges a server has in flight at most. Knows no exchange.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

/// The limit of one server, and what is in flight. All its threads count in the same cell: only so is the limit exact on any
/// number of shards, and not a share of it for each, which an uneven load would reach early. Each exchange then writes a
/// cache line twice that other cores write as well, which is some 100 ns where all of them are busy; without the limit there
/// is none of this.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit {
    in_flight: Arc<CachePadded<AtomicUsize>>,
    max: usize,
}

impl ConcurrencyLimit {
    /// So many at most.
    pub fn new(max: NonZeroUsize) -> ConcurrencyLimit {
        ConcurrencyLimit {
            in_flight: Arc::default(),
            max: max.get(),
        }
    }

    /// Takes a place, if one is free.
    pub(crate) fn enter(&self) -> Option<InFlight> {
        let taken = InFlight(Arc::clone(&self.in_flight));
        // One too many gives its place back at once.
        (self.in_flight.fetch_add(1, Relaxed) < self.max).then_some(taken)
    }
}

/// A place that is taken, for as long as this lives.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<CachePadded<AtomicUsize>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(max: usize) -> ConcurrencyLimit {
        ConcurrencyLimit::new(NonZeroUsize::new(max).unwrap())
    }

    #[test]
    fn places_are_counted_over_all_threads_and_come_back() {
        let limit = limit(2);
        let first = limit.enter().unwrap();
        let clone = limit.clone();
        let second = std::thread::spawn(move || clone.enter()).join().unwrap();
        assert!(limit.enter().is_none());
        assert!(limit.enter().is_none(), "a refusal takes no place");
        drop(first);
        let third = limit.enter();
        assert!(third.is_some() && limit.enter().is_none());
        drop((second, third));
        assert_eq!(limit.in_flight.load(Relaxed), 0);
    }

    #[test]
    fn no_more_than_the_limit_are_in_flight_whatever_threads_do() {
        let limit = limit(3);
        let most = AtomicUsize::new(0);
        let now = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        if let Some(place) = limit.enter() {
                            most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                            now.fetch_sub(1, Relaxed);
                            drop(place);
                        }
                    }
                });
            }
        });
        assert!((1..=3).contains(&most.into_inner()));
        assert_eq!(limit.in_flight.load(Relaxed), 0);
    }
}
