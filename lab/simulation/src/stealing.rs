//! tokio's multi-thread runtime (1.54) as its source has it: one I/O driver that one worker polls at a time and whose tasks
//! go into that worker's own queue, a LIFO slot, sleepers woken one by one, half of a random victim's queue stolen.

mod idleness;
mod queues;

use std::collections::VecDeque;

use crate::connection::Stage;
use crate::shared_line::SharedLine;
use crate::task::Task;
use crate::world::{Architecture, World};

use idleness::Idleness;
use queues::Queues;

/// tokio's `event_interval`: a busy worker looks at the I/O driver after so many tasks.
const TASKS_PER_LOOK: u32 = 61;
/// tokio's buffer of events.
const EVENTS_PER_LOOK: usize = 1024;
/// Where tokio's self-tuned interval of looks into the global queue begins.
const TASKS_PER_GLOBAL_LOOK: u32 = 31;

enum Activity {
    Asleep,
    Waking,
    /// Finished what came before its sleep.
    LyingDown,
    /// Finished looking for work and found none.
    GivingUp,
    Serving(Task),
}

struct Worker {
    activity: Activity,
    is_searching: bool,
    had_driver: bool,
    tasks: u32,
}

pub(crate) struct Stealing {
    workers: Vec<Worker>,
    queues: Queues,
    idleness: Idleness,
    /// Ready sockets that no worker has asked the I/O driver for.
    ready: VecDeque<u32>,
    /// The worker that sleeps on the I/O driver; all others sleep on a futex.
    driver_holder: Option<u32>,
    /// The lock around the record of sleeping and searching workers.
    idle_lock: SharedLine,
    hands_driver_on: bool,
}

impl Stealing {
    pub(crate) fn new(cores: usize, hands_driver_on: bool) -> Self {
        Self {
            workers: (0..cores)
                .map(|_| Worker {
                    activity: Activity::Asleep,
                    is_searching: false,
                    had_driver: false,
                    tasks: 0,
                })
                .collect(),
            queues: Queues::new(cores),
            idleness: Idleness::all_asleep(cores),
            ready: VecDeque::new(),
            driver_holder: Some(0),
            idle_lock: SharedLine::default(),
            hands_driver_on,
        }
    }

    fn worker(&mut self, worker: u32) -> &mut Worker {
        &mut self.workers[worker as usize]
    }

    /// Wakes one sleeper, if there is one and no worker searches already. Returns what that costs the caller, which
    /// does it `delay` from now.
    fn notify(&mut self, world: &mut World, worker: Option<u32>, delay: u64) -> u64 {
        let Some(sleeper) = self.idleness.sleeper_to_wake() else {
            return 0;
        };
        // An outside caller is a thread of the blocking pool or of asyncio, whose time is not counted.
        let locked = worker.map_or(0, |worker| self.lock(world, worker, delay));
        let delay = delay + locked + world.costs.notify;
        // A worker that is already waking up only finds that it was asked to.
        if matches!(self.worker(sleeper).activity, Activity::Asleep) {
            self.worker(sleeper).activity = Activity::Waking;
            world.wake(sleeper, delay);
        }
        locked + world.costs.notify
    }

    fn lock(&mut self, world: &World, worker: u32, delay: u64) -> u64 {
        let start = world.now + delay;
        self.idle_lock
            .write(worker, start, world.costs.scheduler_lock)
    }

    /// Takes what the I/O driver has and schedules it here. Returns what that costs.
    fn look_at_driver(&mut self, world: &mut World, worker: u32) -> u64 {
        let found = self.ready.len().min(EVENTS_PER_LOOK);
        for connection in self.ready.drain(..found) {
            let own = &mut world.connections[connection as usize];
            own.is_ready = false;
            match own.stage {
                Stage::Idle if !own.inbox.is_empty() => {
                    own.stage = Stage::Scheduled;
                    self.queues.push_lifo(worker, connection);
                }
                Stage::Running => own.is_notified = true,
                Stage::Idle | Stage::Scheduled | Stage::Waiting => {}
            }
        }
        world.costs.turn + world.costs.driver_event * found as u64
    }

    /// If there is more here than this worker's next task, another worker may have it.
    fn offer_work(&mut self, world: &mut World, worker: u32, delay: u64) -> u64 {
        if !self.worker(worker).is_searching && self.queues.local(worker) > 1 {
            self.notify(world, Some(worker), delay)
        } else {
            0
        }
    }

    /// Awake: by the I/O driver, by another worker, or both.
    fn rise(&mut self, world: &mut World, worker: u32, spent: u64) {
        let mut delay = spent;
        let had_driver = self.driver_holder == Some(worker);
        if had_driver {
            self.driver_holder = None;
            delay += self.look_at_driver(world, worker);
            delay += self.offer_work(world, worker, delay);
        }
        self.worker(worker).had_driver = had_driver;
        if self.queues.local(worker) > 0 {
            let was_asked_to = !self.idleness.get_up(worker);
            delay += self.lock(world, worker, delay);
            self.worker(worker).is_searching = was_asked_to;
        } else if self.idleness.is_lying(worker) {
            // For nothing.
            self.worker(worker).activity = Activity::LyingDown;
            return world.work(worker, delay);
        } else {
            self.worker(worker).is_searching = true;
        }
        self.go_on(world, worker, delay);
    }

    /// The worker's next task, once it has finished something that takes `delay`.
    fn go_on(&mut self, world: &mut World, worker: u32, mut delay: u64) {
        loop {
            let own = self.worker(worker);
            own.tasks = own.tasks.wrapping_add(1);
            let tasks = own.tasks;
            if tasks.is_multiple_of(TASKS_PER_LOOK) && self.driver_holder.is_none() {
                delay += self.look_at_driver(world, worker);
                delay += self.offer_work(world, worker, delay);
                self.worker(worker).had_driver = true;
            }
            let prefers_global = tasks.is_multiple_of(TASKS_PER_GLOBAL_LOOK);
            let mut next = self.queues.next(worker, prefers_global);
            if next.is_none() {
                let (stolen, cost) = self.steal(world, worker);
                delay += cost;
                next = stolen;
            }
            let Some(connection) = next else {
                self.worker(worker).activity = Activity::GivingUp;
                return world.work(worker, delay);
            };
            delay += self.stop_searching(world, worker, delay);
            if let Some(task) = Task::begin(world, worker, connection, delay) {
                self.worker(worker).activity = Activity::Serving(task);
                return;
            }
            // Another worker has read what it was woken for.
            world.connections[connection as usize].stage = Stage::Idle;
        }
    }

    fn steal(&mut self, world: &mut World, worker: u32) -> (Option<u32>, u64) {
        if !self.worker(worker).is_searching && !self.idleness.begin_search() {
            return (None, 0);
        }
        self.worker(worker).is_searching = true;
        let (stolen, probes, moved) = self.queues.steal(worker, &mut world.chance);
        let mut cost = world.costs.steal_probe * probes;
        if moved > 0 {
            world.record.steals += moved;
            cost += world.costs.steal;
        }
        (stolen, cost)
    }

    /// The last worker that searched and found something wakes the next; so does one that had the driver, if asked to.
    fn stop_searching(&mut self, world: &mut World, worker: u32, delay: u64) -> u64 {
        let own = self.worker(worker);
        let has_searched = std::mem::take(&mut own.is_searching);
        let had_driver = std::mem::take(&mut own.had_driver);
        if has_searched && self.idleness.end_search() {
            return self.notify(world, Some(worker), delay);
        }
        if self.hands_driver_on && had_driver {
            return self.notify(world, Some(worker), delay);
        }
        0
    }

    fn give_up(&mut self, world: &mut World, worker: u32) {
        if self.queues.local(worker) > 0 {
            return self.go_on(world, worker, 0);
        }
        let was_searching = std::mem::take(&mut self.worker(worker).is_searching);
        let was_last = self.idleness.lie_down(worker, was_searching);
        let mut delay = self.lock(world, worker, 0);
        if was_last && self.queues.has_work() {
            delay += self.notify(world, Some(worker), delay);
        }
        if delay > 0 {
            self.worker(worker).activity = Activity::LyingDown;
            world.work(worker, delay);
        } else {
            self.lie_down(world, worker);
        }
    }

    fn lie_down(&mut self, world: &mut World, worker: u32) {
        if !self.idleness.is_lying(worker) {
            // Woken before it slept.
            self.worker(worker).is_searching = true;
            return self.go_on(world, worker, 0);
        }
        if self.driver_holder.is_none() {
            self.driver_holder = Some(worker);
            if !self.ready.is_empty() {
                return self.rise(world, worker, 0);
            }
        }
        self.worker(worker).activity = Activity::Asleep;
        world.record.falls_asleep(world.now);
    }

    /// A task that was woken while it ran, or that has more to read, goes to the back of the queue.
    fn reschedule(&mut self, world: &mut World, worker: u32, connection: u32) -> u64 {
        let own = &mut world.connections[connection as usize];
        let is_due = own.stage == Stage::Idle && !own.inbox.is_empty();
        if !is_due || (own.is_ready && !own.is_notified) {
            return 0;
        }
        own.stage = Stage::Scheduled;
        self.queues.push_back(worker, connection);
        self.notify(world, Some(worker), 0)
    }
}

impl Architecture for Stealing {
    fn delivered(&mut self, world: &mut World, connection: u32) {
        let own = &mut world.connections[connection as usize];
        if own.is_ready {
            return;
        }
        own.is_ready = true;
        self.ready.push_back(connection);
        if let Some(holder) = self.driver_holder
            && matches!(self.worker(holder).activity, Activity::Asleep)
        {
            self.worker(holder).activity = Activity::Waking;
            world.wake(holder, 0);
        }
    }

    fn core_is_free(&mut self, world: &mut World, core: u32) {
        match &mut self.worker(core).activity {
            Activity::Asleep => {}
            Activity::Waking => {
                world.record.is_up(world.now);
                self.rise(world, core, world.costs.sleep);
            }
            Activity::LyingDown => self.lie_down(world, core),
            Activity::GivingUp => self.give_up(world, core),
            Activity::Serving(task) => {
                if task.step(world, core) {
                    let connection = task.connection;
                    let delay = self.reschedule(world, core, connection);
                    self.go_on(world, core, delay);
                }
            }
        }
    }

    fn wait_over(&mut self, world: &mut World, connection: u32) {
        world.connections[connection as usize].stage = Stage::Scheduled;
        self.queues.inject(connection);
        // The waking thread is none of our cores.
        self.notify(world, None, 0);
    }
}
