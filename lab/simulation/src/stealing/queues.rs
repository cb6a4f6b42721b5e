//! Where tasks wait: a slot and a queue per worker, and one queue for all.

use std::collections::VecDeque;

use rand::{Rng, RngExt};

/// tokio's local queue; a task that does not fit goes to the global one, and half of the queue with it.
const LOCAL_MAX: usize = 256;

#[derive(Default)]
struct Local {
    /// Runs next, and cannot be stolen.
    lifo_slot: Option<u32>,
    queue: VecDeque<u32>,
}

pub(super) struct Queues {
    local: Vec<Local>,
    global: VecDeque<u32>,
    /// In all local queues, slots apart.
    stealable: usize,
}

impl Queues {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            local: (0..workers).map(|_| Local::default()).collect(),
            global: VecDeque::new(),
            stealable: 0,
        }
    }

    /// A worker's own tasks.
    pub(super) fn local(&self, worker: u32) -> usize {
        let own = &self.local[worker as usize];
        usize::from(own.lifo_slot.is_some()) + own.queue.len()
    }

    /// Whether any worker could take anything.
    pub(super) fn has_work(&self) -> bool {
        self.stealable > 0 || !self.global.is_empty()
    }

    pub(super) fn inject(&mut self, task: u32) {
        self.global.push_back(task);
    }

    pub(super) fn push_lifo(&mut self, worker: u32, task: u32) {
        if let Some(displaced) = self.local[worker as usize].lifo_slot.replace(task) {
            self.push_back(worker, displaced);
        }
    }

    pub(super) fn push_back(&mut self, worker: u32, task: u32) {
        let queue = &mut self.local[worker as usize].queue;
        if queue.len() < LOCAL_MAX {
            queue.push_back(task);
            self.stealable += 1;
        } else {
            self.global.extend(queue.drain(..LOCAL_MAX / 2));
            self.global.push_back(task);
            self.stealable -= LOCAL_MAX / 2;
        }
    }

    /// The worker's next task without stealing.
    pub(super) fn next(&mut self, worker: u32, prefers_global: bool) -> Option<u32> {
        if prefers_global && let Some(task) = self.global.pop_front() {
            return Some(task);
        }
        let workers = self.local.len();
        let own = &mut self.local[worker as usize];
        if let Some(task) = own.lifo_slot.take() {
            return Some(task);
        }
        if let Some(task) = own.queue.pop_front() {
            self.stealable -= 1;
            return Some(task);
        }
        let share = (self.global.len() / workers + 1).min(LOCAL_MAX / 2);
        let first = self.global.pop_front()?;
        let rest = (share - 1).min(self.global.len());
        own.queue.extend(self.global.drain(..rest));
        self.stealable += rest;
        Some(first)
    }

    /// A stolen task, how many queues were looked into, how many tasks were moved.
    pub(super) fn steal(&mut self, thief: u32, chance: &mut impl Rng) -> (Option<u32>, u64, u64) {
        let workers = self.local.len();
        let start = chance.random_range(0..workers);
        if self.stealable == 0 {
            return (self.global.pop_front(), workers as u64 - 1, 0);
        }
        let mut probes = 0;
        for victim in (0..workers).map(|step| (start + step) % workers) {
            if victim == thief as usize {
                continue;
            }
            probes += 1;
            let queue = &mut self.local[victim].queue;
            let half = queue.len() - queue.len() / 2;
            if half == 0 {
                continue;
            }
            let mut stolen: VecDeque<u32> = queue.drain(..half).collect();
            let next = stolen.pop_back();
            self.local[thief as usize].queue.extend(stolen);
            self.stealable -= 1;
            return (next, probes, half as u64);
        }
        (self.global.pop_front(), probes, 0)
    }
}
