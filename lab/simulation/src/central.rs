//! The ideal: one queue for all cores, and sharing it costs nothing. Real architectures are measured by it.

use std::collections::VecDeque;

use crate::connection::Request;
use crate::world::{Architecture, World};

struct Work {
    connection: u32,
    request: Request,
    is_resumed: bool,
}

pub(crate) struct Central {
    queue: VecDeque<Work>,
    serving: Vec<Option<Work>>,
    idle: Vec<u32>,
}

impl Central {
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            serving: (0..cores).map(|_| None).collect(),
            idle: (0..cores as u32).rev().collect(),
        }
    }

    fn queue(&mut self, world: &mut World, work: Work) {
        self.queue.push_back(work);
        if let Some(core) = self.idle.pop() {
            world.record.is_up(world.now);
            self.serve_next(world, core);
        }
    }

    fn serve_next(&mut self, world: &mut World, core: u32) {
        let Some(work) = self.queue.pop_front() else {
            self.idle.push(core);
            return world.record.falls_asleep(world.now);
        };
        let took = if work.is_resumed {
            world.costs.resume
        } else {
            world.begin(core, &work.request, 0)
        };
        world.work(core, took);
        self.serving[core as usize] = Some(work);
    }
}

impl Architecture for Central {
    fn delivered(&mut self, world: &mut World, connection: u32) {
        if let Some(request) = world.connections[connection as usize].inbox.pop_front() {
            let is_resumed = false;
            self.queue(
                world,
                Work {
                    connection,
                    request,
                    is_resumed,
                },
            );
        }
    }

    fn core_is_free(&mut self, world: &mut World, core: u32) {
        if let Some(work) = self.serving[core as usize].take() {
            if work.request.wait > 0 && !work.is_resumed {
                world.connections[work.connection as usize]
                    .waited
                    .push_back(work.request);
                world.begin_wait(core, work.connection, work.request.wait);
            } else {
                world.answer(core, work.connection, &work.request);
            }
        }
        self.serve_next(world, core);
    }

    fn wait_over(&mut self, world: &mut World, connection: u32) {
        if let Some(request) = world.connections[connection as usize].waited.pop_front() {
            let is_resumed = true;
            self.queue(
                world,
                Work {
                    connection,
                    request,
                    is_resumed,
                },
            );
        }
    }
}
