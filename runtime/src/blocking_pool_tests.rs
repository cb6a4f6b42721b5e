//! The pool's threads: when they start and end, which of them a job goes to, what becomes of panics.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::*;

#[derive(Default)]
struct Counted {
    started: AtomicUsize,
    stopped: AtomicUsize,
}

impl ThreadHooks for Counted {
    fn starts(&self) {
        self.started.fetch_add(1, Ordering::SeqCst);
    }
    fn stops(&self) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }
}

fn pool(threads: usize, queue_max: usize) -> (BlockingPool, Arc<Counted>) {
    let hooks = Arc::new(Counted::default());
    let pool = BlockingPool::new(
        "test",
        NonZeroUsize::new(threads).unwrap(),
        queue_max,
        hooks.clone(),
    );
    (pool, hooks)
}

#[test]
fn a_full_queue_refuses_and_a_finished_job_makes_room() {
    let (pool, _hooks) = pool(1, 1);
    let (release, gate) = crossbeam_channel::bounded::<()>(0);
    let (done, finished) = crossbeam_channel::unbounded::<()>();
    let blocked = || {
        let (gate, done) = (gate.clone(), done.clone());
        Box::new(move || {
            let _ = gate.recv();
            let _ = done.send(());
        })
    };
    assert_eq!(pool.try_run(blocked()), Ok(()), "runs");
    assert_eq!(pool.try_run(blocked()), Ok(()), "waits");
    assert_eq!(pool.try_run(blocked()), Err(QueueFull));
    release.send(()).unwrap();
    finished.recv().unwrap();
    release.send(()).unwrap();
    finished.recv().unwrap();
}

#[test]
fn threads_start_when_needed_and_all_are_ended() {
    let (mut pool, hooks) = pool(3, 10);
    assert_eq!(hooks.started.load(Ordering::SeqCst), 0);
    pool.try_run(Box::new(|| {})).unwrap();
    pool.close();
    assert_eq!(hooks.started.load(Ordering::SeqCst), 1);
    assert_eq!(hooks.stopped.load(Ordering::SeqCst), 1);
}

#[test]
fn the_last_to_let_go_may_be_a_thread_of_the_pool() {
    let (pool, hooks) = pool(2, 10);
    let pool = Arc::new(pool);
    let (go, gate) = crossbeam_channel::bounded::<()>(0);
    let (done, finished) = crossbeam_channel::bounded::<()>(0);
    let last = Arc::clone(&pool);
    let job = move || {
        gate.recv().unwrap();
        drop(last);
        done.send(()).unwrap();
    };
    pool.try_run(Box::new(job)).unwrap();
    drop(pool);
    go.send(()).unwrap();
    finished.recv().unwrap();
    while hooks.stopped.load(Ordering::SeqCst) < 1 {
        std::thread::yield_now();
    }
}

#[test]
fn calls_one_after_another_stay_with_the_thread_that_is_warm() {
    let (pool, hooks) = pool(4, 100);
    let (ran, until_ran) = crossbeam_channel::unbounded();
    let call = || {
        let ran = ran.clone();
        let job = move || ran.send(std::thread::current().id()).unwrap();
        pool.try_run(Box::new(job)).unwrap();
        let thread = until_ran.recv().unwrap();
        let is_busy = || {
            let state = pool.state.lock();
            state.idle.len() < state.threads.len()
        };
        while is_busy() {
            std::thread::yield_now();
        }
        thread
    };
    let first = call();
    assert!((0..50).all(|_| call() == first));
    assert_eq!(hooks.started.load(Ordering::SeqCst), 1);
}

struct Tidy {
    wanted: AtomicUsize,
    stopped: crossbeam_channel::Sender<usize>,
}

impl ThreadHooks for Tidy {
    fn starts(&self) {}
    fn tidies_after(&self) -> Option<Duration> {
        (self.wanted.load(Ordering::SeqCst) > 0).then_some(Duration::from_millis(1))
    }
    fn tidies(&self) {
        let left = self.wanted.fetch_sub(1, Ordering::SeqCst) - 1;
        let _ = self.stopped.send(left);
    }
    fn stops(&self) {}
}

#[test]
fn an_idle_thread_tidies_up_and_runs_the_next_job_all_the_same() {
    let (told, tidied) = crossbeam_channel::unbounded();
    let hooks = Arc::new(Tidy {
        wanted: AtomicUsize::new(3),
        stopped: told,
    });
    let pool = BlockingPool::new("test", NonZeroUsize::new(1).unwrap(), 1, hooks);
    pool.try_run(Box::new(|| {})).unwrap();
    let order: Vec<usize> = (0..3).map(|_| tidied.recv().unwrap()).collect();
    assert_eq!(order, [2, 1, 0]);
    let (ran, until_ran) = crossbeam_channel::unbounded();
    pool.try_run(Box::new(move || ran.send(()).unwrap()))
        .unwrap();
    until_ran.recv().unwrap();
}

/// Its first thread does not end before the test lets it.
struct SlowEnd {
    ends: crossbeam_channel::Sender<()>,
    may_end: crossbeam_channel::Receiver<()>,
}

impl ThreadHooks for SlowEnd {
    fn starts(&self) {}
    fn stops(&self) {
        let _ = self.ends.send(());
        let _ = self.may_end.recv();
    }
}

#[test]
fn a_job_that_comes_while_the_last_thread_ends_is_run() {
    let (ends, until_it_ends) = crossbeam_channel::unbounded();
    let (end, may_end) = crossbeam_channel::unbounded::<()>();
    let hooks = Arc::new(SlowEnd { ends, may_end });
    let mut pool = BlockingPool::new("test", NonZeroUsize::MIN, 1, hooks);
    pool.idle_max = Duration::from_millis(1);
    pool.try_run(Box::new(|| {})).unwrap();
    until_it_ends.recv().unwrap();
    let (ran, until_ran) = crossbeam_channel::unbounded();
    pool.try_run(Box::new(move || ran.send(()).unwrap()))
        .unwrap();
    let has_run = until_ran.recv_timeout(Duration::from_secs(60));
    drop(end);
    has_run.unwrap();
}

#[test]
fn what_is_queued_is_finished_at_close() {
    let (mut pool, _hooks) = pool(1, 100);
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let ran = Arc::clone(&ran);
        let job = move || _ = ran.fetch_add(1, Ordering::SeqCst);
        pool.try_run(Box::new(job)).unwrap();
    }
    pool.close();
    assert_eq!(ran.load(Ordering::SeqCst), 50);
}

#[test]
fn a_job_that_panics_does_not_take_its_thread_along() {
    let (mut pool, _hooks) = pool(1, 10);
    let ran = Arc::new(AtomicUsize::new(0));
    pool.try_run(Box::new(|| panic!("on purpose"))).unwrap();
    let counter = Arc::clone(&ran);
    pool.try_run(Box::new(move || _ = counter.fetch_add(1, Ordering::SeqCst)))
        .unwrap();
    pool.close();
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

/// Panics once, in the hook of that name.
struct Panics {
    hook: &'static str,
    has_panicked: AtomicBool,
}

impl Panics {
    fn called(&self, hook: &str) {
        if self.hook == hook && !self.has_panicked.swap(true, Ordering::SeqCst) {
            panic!("on purpose, in {hook}");
        }
    }
}

impl ThreadHooks for Panics {
    fn starts(&self) {
        self.called("starts");
    }
    fn parks(&self) {
        self.called("parks");
    }
    fn tidies_after(&self) -> Option<Duration> {
        self.called("tidies_after");
        let is_wanted = self.hook == "tidies" && !self.has_panicked.load(Ordering::SeqCst);
        is_wanted.then_some(Duration::from_millis(1))
    }
    fn tidies(&self) {
        self.called("tidies");
    }
    fn stops(&self) {
        self.called("stops");
    }
}

#[test]
fn a_hook_that_panics_costs_the_pool_no_thread() {
    for hook in ["starts", "parks", "tidies_after", "tidies", "stops"] {
        let hooks = Arc::new(Panics {
            hook,
            has_panicked: AtomicBool::new(false),
        });
        let mut pool = BlockingPool::new("test", NonZeroUsize::MIN, 1, hooks.clone());
        pool.idle_max = Duration::from_millis(1);
        let first = pool.try_run(Box::new(|| {}));
        assert_eq!(first.is_ok(), hook != "starts", "{hook}");
        while !hooks.has_panicked.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let (ran, until_ran) = crossbeam_channel::unbounded();
        pool.try_run(Box::new(move || ran.send(()).unwrap()))
            .unwrap();
        let has_run = until_ran.recv_timeout(Duration::from_secs(60));
        assert_eq!(has_run, Ok(()), "{hook}");
        let give_up = Instant::now() + Duration::from_secs(60);
        while !pool.state.lock().threads.is_empty() {
            assert!(Instant::now() < give_up, "{hook}: a thread stays for ever");
            std::thread::yield_now();
        }
    }
}
