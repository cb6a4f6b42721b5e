//! Shards and single-shard processes: a connection stays where it was placed; a core looks at its own I/O driver, runs
//! what is ready, and sleeps when nothing is. As tokio's current-thread runtime does it.

use std::collections::VecDeque;

use crate::connection::Stage;
use crate::task::Task;
use crate::world::{Architecture, World};

/// Tasks between two looks at the I/O driver (tokio's `event_interval`).
const TASKS_PER_LOOK: u32 = 61;
/// What one look brings at most (the size of tokio's event buffer).
const EVENTS_PER_LOOK: usize = 1024;

#[derive(Default)]
enum Activity {
    #[default]
    Asleep,
    Waking,
    Looking,
    Serving(Task),
}

#[derive(Default)]
struct Shard {
    activity: Activity,
    /// In the I/O driver.
    ready: VecDeque<u32>,
    /// In the executor.
    queue: VecDeque<u32>,
    tasks_since_look: u32,
}

pub(crate) struct Shards(Vec<Shard>);

impl Shards {
    pub(crate) fn new(cores: usize) -> Self {
        Self((0..cores).map(|_| Shard::default()).collect())
    }

    fn is_ready(&mut self, world: &mut World, connection: u32) {
        let own = &mut world.connections[connection as usize];
        own.stage = Stage::Scheduled;
        let home = own.home;
        let shard = &mut self.0[home as usize];
        shard.ready.push_back(connection);
        if matches!(shard.activity, Activity::Asleep) {
            shard.activity = Activity::Waking;
            world.wake(home, 0);
        }
    }

    /// What this core does next, which has `delay` to finish first.
    fn go_on(&mut self, world: &mut World, core: u32, delay: u64) {
        let shard = &mut self.0[core as usize];
        while shard.tasks_since_look < TASKS_PER_LOOK
            && let Some(connection) = shard.queue.pop_front()
        {
            shard.tasks_since_look += 1;
            if let Some(task) = Task::begin(world, core, connection, delay) {
                shard.activity = Activity::Serving(task);
                return;
            }
        }
        if shard.queue.is_empty() && shard.ready.is_empty() {
            shard.activity = Activity::Asleep;
            world.record.falls_asleep(world.now);
        } else {
            shard.activity = Activity::Looking;
            world.work(core, delay + world.costs.turn);
        }
    }
}

impl Architecture for Shards {
    fn delivered(&mut self, world: &mut World, connection: u32) {
        if world.connections[connection as usize].stage == Stage::Idle {
            self.is_ready(world, connection);
        }
    }

    fn core_is_free(&mut self, world: &mut World, core: u32) {
        let shard = &mut self.0[core as usize];
        match &mut shard.activity {
            Activity::Asleep => {}
            Activity::Waking => {
                world.record.is_up(world.now);
                shard.activity = Activity::Looking;
                world.work(core, world.costs.sleep + world.costs.turn);
            }
            Activity::Looking => {
                let found = shard.ready.len().min(EVENTS_PER_LOOK);
                shard.queue.extend(shard.ready.drain(..found));
                shard.tasks_since_look = 0;
                self.go_on(world, core, world.costs.driver_event * found as u64);
            }
            Activity::Serving(task) => {
                if task.step(world, core) {
                    let connection = task.connection;
                    let own = &world.connections[connection as usize];
                    if own.stage == Stage::Idle && !own.inbox.is_empty() {
                        self.is_ready(world, connection);
                    }
                    self.go_on(world, core, 0);
                }
            }
        }
    }

    fn wait_over(&mut self, world: &mut World, connection: u32) {
        self.is_ready(world, connection);
    }
}
