//! One connection's turn on a core: it reads what is in its socket, serves it request by request, and writes all answers
//! at once. Does not know why it is this connection's turn.

use crate::connection::{Request, Stage};
use crate::world::World;

/// As many pipelined requests are served per turn (`runtime` has the same bound).
const REQUESTS_PER_TURN_MAX: usize = 64;

/// What a core is doing.
pub(crate) struct Task {
    pub(crate) connection: u32,
    current: Request,
    is_resumed: bool,
    left: usize,
    answers: Vec<Request>,
}

impl Task {
    /// Begins on a core that is free `delay` from now. None if there is nothing to serve.
    pub(crate) fn begin(world: &mut World, core: u32, connection: u32, delay: u64) -> Option<Self> {
        let own = &mut world.connections[connection as usize];
        let is_moved = own.last_core.is_some_and(|last| last != core);
        let waited = own.waited.pop_front();
        let mut left = own.inbox.len().min(REQUESTS_PER_TURN_MAX);
        let current = match waited {
            Some(request) => request,
            None => {
                left = left.checked_sub(1)?;
                own.inbox.pop_front()?
            }
        };
        own.last_core = Some(core);
        own.stage = Stage::Running;
        own.is_notified = false;
        let delay = delay + if is_moved { world.costs.moved_task } else { 0 };
        let took = match waited {
            Some(_) => world.costs.resume,
            None => world.begin(core, &current, delay),
        };
        world.work(core, delay + took);
        Some(Self {
            connection,
            current,
            is_resumed: waited.is_some(),
            left,
            answers: Vec::new(),
        })
    }

    /// The current request's time is over. True if the turn is, too.
    pub(crate) fn step(&mut self, world: &mut World, core: u32) -> bool {
        if self.current.wait > 0 && !self.is_resumed {
            self.write(world, core);
            let own = &mut world.connections[self.connection as usize];
            own.stage = Stage::Waiting;
            own.waited.push_back(self.current);
            world.begin_wait(core, self.connection, self.current.wait);
            return true;
        }
        self.answers.push(self.current);
        let own = &mut world.connections[self.connection as usize];
        if self.left > 0
            && let Some(next) = own.inbox.pop_front()
        {
            self.left -= 1;
            self.is_resumed = false;
            self.current = next;
            let took = world.begin(core, &next, 0);
            world.work(core, took);
            return false;
        }
        own.stage = Stage::Idle;
        self.write(world, core);
        true
    }

    fn write(&mut self, world: &mut World, core: u32) {
        for request in self.answers.drain(..) {
            world.answer(core, self.connection, &request);
        }
    }
}
