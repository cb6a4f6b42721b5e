//! Which calls of a WSGI app may run on the shard's own thread: those of routes whose calls have been short. Knows nothing of
//! Python; a route is what requests have in common that a server can see.
//!
//! A call on the shard saves two changes of thread and holds up everything else, so it must earn its place:
//!
//! ```text
//!              TRIAL_CALLS_MIN calls in the pool, each short and without a wait
//!   in the pool ─────────────────────────────────────────────────────────────► on the shard
//!              ◄─────────────────────────────────────────────────────────────
//!              one call over HELD_MAX, or calls that are not short on average
//! ```
//!
//! The next trial takes twice as many calls, and at least one for each millisecond that the shard was held: so the time
//! beyond a short call that a route holds its shard stays below a millisecond for each call that was answered.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use turbo_shard_runtime::protocol::RequestHead;

/// What may be called on the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InlineRule {
    /// What its calls have earned.
    Auto,
    Always,
    Never,
}

/// A call that takes longer is not short.
const SHORT_MAX: Duration = Duration::from_millis(1);
/// A call on the shard that takes longer is the last one there for a while.
const HELD_MAX: Duration = Duration::from_millis(10);
/// The first trial of a route. Apps that ask their own server something do so before it is over, in the pool.
const TRIAL_CALLS_MIN: u32 = 32;
/// Trials double up to this; only one call that held its shard for longer asks for more.
const TRIAL_CALLS_MAX: u32 = 4096;
/// A call that waited takes back so many: a route that waits more often than this is never called on the shard.
const WAIT_PENALTY: u32 = 16;
/// No work on so large a body is short, and the pool's threads give its memory back when they are idle.
const LARGE_BODY_BYTES: usize = 1024 * 1024;
/// Most routes that are told apart: peers choose the paths. A route without a place stays in the pool.
const ROUTES_MAX: usize = 256;

/// The routes of one thread's service.
pub(super) struct Routes {
    rule: InlineRule,
    /// By their key; of two that want one place, the one that is asked for more gets it.
    slots: RefCell<Vec<Option<Slot>>>,
}

struct Slot {
    key: u64,
    /// How often it was asked for, up to a point.
    credit: u8,
    pace: Arc<Pace>,
}

impl Routes {
    pub(super) fn new(rule: InlineRule) -> Routes {
        Routes {
            rule,
            slots: RefCell::default(),
        }
    }

    /// Where to call a request, and what to log about it.
    pub(super) fn place(&self, head: &RequestHead<'_>, body_bytes: usize) -> Place {
        match self.rule {
            InlineRule::Always => Place::Shard(None),
            InlineRule::Never => Place::Pool(None),
            InlineRule::Auto if body_bytes >= LARGE_BODY_BYTES => Place::Pool(None),
            InlineRule::Auto => {
                let key = route_key(head.method_bytes(), head.path());
                match self.pace(key) {
                    Some(pace) if pace.is_inline() => Place::Shard(Some(pace)),
                    pace => Place::Pool(pace),
                }
            }
        }
    }

    fn pace(&self, key: u64) -> Option<Arc<Pace>> {
        let slots = &mut *self.slots.borrow_mut();
        if slots.is_empty() {
            slots.resize_with(ROUTES_MAX, || None);
        }
        let place = &mut slots[(key >> 32) as usize % ROUTES_MAX];
        match place {
            Some(slot) if slot.key == key => {
                slot.credit = slot.credit.saturating_add(1);
                Some(Arc::clone(&slot.pace))
            }
            Some(slot) if slot.credit > 0 => {
                slot.credit -= 1;
                None
            }
            _ => {
                let pace = Arc::new(Pace::default());
                *place = Some(Slot {
                    key,
                    credit: 1,
                    pace: Arc::clone(&pace),
                });
                Some(pace)
            }
        }
    }
}

/// Where a call runs.
pub(super) enum Place {
    Shard(Option<Arc<Pace>>),
    Pool(Option<Arc<Pace>>),
}

/// What requests to one handler mostly share: the method, the first segment of the path, and the number of segments.
fn route_key(method: &[u8], path: &[u8]) -> u64 {
    let mut segments = 0_u8;
    let mut key = fold(SEED, method);
    for byte in path {
        if *byte == b'/' {
            segments = segments.saturating_add(1);
        } else if segments < 2 {
            key = fold(key, std::slice::from_ref(byte));
        }
    }
    // The table looks at the upper half.
    fold(key, &[b'/', segments]).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a.
fn fold(key: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(key, |key, byte| {
        (key ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How long the calls of a route take. Shared by a shard and the threads of its pool.
pub(super) struct Pace {
    inline: AtomicBool,
    /// Mean of the last calls on the shard.
    mean_us: AtomicU32,
    trial: Mutex<Trial>,
}

struct Trial {
    short: u32,
    wanted: u32,
    /// A call that held the shard has been logged.
    is_said: bool,
}

/// What a demotion logs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Demoted {
    /// Calls that must be short before the next one on the shard.
    pub(super) trial_calls: u32,
    /// This is the first time for this route.
    pub(super) is_news: bool,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            inline: AtomicBool::new(false),
            mean_us: AtomicU32::new(0),
            trial: Mutex::new(Trial {
                short: 0,
                wanted: TRIAL_CALLS_MIN,
                is_said: false,
            }),
        }
    }
}

impl Pace {
    pub(super) fn is_inline(&self) -> bool {
        self.inline.load(Ordering::Relaxed)
    }

    /// A call in the pool has ended. `worked` is how long its thread worked for it, `waited` whether it slept in between,
    /// or did what only a thread of the pool can.
    pub(super) fn note_pooled(&self, worked: Duration, waited: bool) {
        let mut trial = self.trial.lock();
        if worked > SHORT_MAX {
            trial.short = 0;
        } else if waited {
            trial.short = trial.short.saturating_sub(WAIT_PENALTY);
        } else {
            trial.short += 1;
            if trial.short >= trial.wanted {
                trial.short = 0;
                self.mean_us.store(0, Ordering::Relaxed);
                self.inline.store(true, Ordering::Relaxed);
            }
        }
    }

    /// A call on the shard has ended.
    pub(super) fn note_inline(&self, took: Duration) -> Option<Demoted> {
        let took_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let mean_us = self.mean_us.load(Ordering::Relaxed);
        let mean_us = mean_us - mean_us / 8 + took_us / 8;
        self.mean_us.store(mean_us, Ordering::Relaxed);
        if took <= HELD_MAX && u128::from(mean_us) <= 2 * SHORT_MAX.as_micros() {
            return None;
        }
        Some(self.demote(took))
    }

    /// The route has done what only a thread of the pool can.
    pub(super) fn demote(&self, took: Duration) -> Demoted {
        let mut trial = self.trial.lock();
        self.inline.store(false, Ordering::Relaxed);
        trial.short = 0;
        let held_ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        trial.wanted = (trial.wanted * 2).min(TRIAL_CALLS_MAX).max(held_ms);
        let is_news = took > HELD_MAX && !trial.is_said;
        trial.is_said |= is_news;
        Demoted {
            trial_calls: trial.wanted,
            is_news,
        }
    }
}

/// What a thread has done so far: how long it worked, and how often it slept.
pub(super) struct Worked {
    time: Duration,
    waits: i64,
}

impl Worked {
    pub(super) fn so_far() -> Worked {
        // SAFETY: all zeroes is a valid `rusage`; the call writes to it only, and cannot fail for the calling thread.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
            usage
        };
        let time = |value: libc::timeval| {
            Duration::from_secs(value.tv_sec as u64) + Duration::from_micros(value.tv_usec as u64)
        };
        Worked {
            time: time(usage.ru_utime) + time(usage.ru_stime),
            waits: usage.ru_nvcsw,
        }
    }

    /// How long this thread has worked since then, and whether it slept.
    pub(super) fn since(&self) -> (Duration, bool) {
        let now = Worked::so_far();
        (now.time.saturating_sub(self.time), now.waits != self.waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(100);

    fn promoted() -> Pace {
        let pace = Pace::default();
        for _ in 0..TRIAL_CALLS_MIN {
            assert!(!pace.is_inline());
            pace.note_pooled(SHORT, false);
        }
        assert!(pace.is_inline());
        pace
    }

    fn calls_to_promote(pace: &Pace) -> u32 {
        let mut calls = 0;
        while !pace.is_inline() {
            pace.note_pooled(SHORT, false);
            calls += 1;
        }
        calls
    }

    #[test]
    fn short_calls_come_to_the_shard_and_stay_there() {
        let pace = promoted();
        for _ in 0..10_000 {
            assert_eq!(pace.note_inline(SHORT), None);
        }
        assert!(pace.is_inline());
    }

    #[test]
    fn one_slow_call_leaves_it_and_is_news_once() {
        let pace = promoted();
        let slow = Duration::from_millis(11);
        let demoted = pace.note_inline(slow);
        assert_eq!(
            demoted,
            Some(Demoted {
                trial_calls: 64,
                is_news: true
            })
        );
        assert_eq!(calls_to_promote(&pace), 64);
        assert!(!pace.note_inline(slow).unwrap().is_news);
        assert_eq!(calls_to_promote(&pace), 128);
    }

    #[test]
    fn the_next_trial_pays_for_each_millisecond_that_was_held() {
        let pace = promoted();
        pace.note_inline(Duration::from_secs(10)).unwrap();
        assert_eq!(calls_to_promote(&pace), 10_000);
        for _ in 0..20 {
            pace.note_inline(Duration::from_millis(20)).unwrap();
            assert!(calls_to_promote(&pace) <= TRIAL_CALLS_MAX);
        }
    }

    #[test]
    fn calls_that_are_never_quite_slow_leave_it_too() {
        let pace = promoted();
        let calls = (0..100).find(|_| pace.note_inline(Duration::from_millis(4)).is_some());
        assert!(calls.is_some_and(|calls| calls < 10), "{calls:?}");
    }

    #[test]
    fn calls_that_wait_or_work_long_never_come_to_the_shard() {
        let pace = Pace::default();
        for call in 0..10_000 {
            pace.note_pooled(SHORT, call % 8 == 0);
            pace.note_pooled(SHORT, false);
        }
        assert!(!pace.is_inline());
        let pace = Pace::default();
        for _ in 0..1000 {
            for _ in 0..TRIAL_CALLS_MIN - 1 {
                pace.note_pooled(SHORT, false);
            }
            pace.note_pooled(SHORT_MAX * 2, false);
        }
        assert!(!pace.is_inline());
    }

    #[test]
    fn routes_are_told_apart_by_method_first_segment_and_depth() {
        let key = |method: &str, path: &str| route_key(method.as_bytes(), path.as_bytes());
        assert_eq!(key("GET", "/users/1"), key("GET", "/users/2"));
        let different = [
            key("GET", "/users"),
            key("GET", "/users/1"),
            key("GET", "/users/1/2"),
            key("POST", "/users/1"),
            key("GET", "/orders/1"),
        ];
        for (index, one) in different.iter().enumerate() {
            assert!(!different[..index].contains(one));
        }
    }

    #[test]
    fn a_flood_of_paths_takes_nothing_from_what_is_asked_for() {
        let routes = Routes::new(InlineRule::Auto);
        let known = route_key(b"GET", b"/users/1");
        let pace = routes.pace(known).unwrap();
        for number in 0..100_000_u32 {
            routes.pace(route_key(b"GET", format!("/{number}").as_bytes()));
            if number % 64 == 0 {
                let found = routes.pace(known);
                assert!(found.is_some_and(|found| Arc::ptr_eq(&found, &pace)));
            }
        }
        assert_eq!(routes.slots.borrow().len(), ROUTES_MAX);
    }

    #[test]
    fn a_thread_that_sleeps_has_waited() {
        let before = Worked::so_far();
        std::thread::sleep(Duration::from_millis(1));
        assert!(before.since().1);
    }
}
