//! What all architectures share: the time, the connections, the load, the costs, the record of what happened.

use std::collections::VecDeque;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use crate::clients::Clients;
use crate::connection::{Connection, Request};
use crate::costs::CostsNs;
use crate::event::{Calendar, Event};
use crate::outcome::{Outcome, Record};
use crate::placement;
use crate::scenario::{Handler, Policy, Scenario};
use crate::shared_line::SharedLine;

/// What an architecture does when something happens. Cores are numbers; what they do is the architecture's.
pub(crate) trait Architecture {
    /// A request stands in this connection's inbox.
    fn delivered(&mut self, world: &mut World, connection: u32);
    /// A core has finished what it was doing, or wakes up.
    fn core_is_free(&mut self, world: &mut World, core: u32);
    /// What this connection's handler waited for is there.
    fn wait_over(&mut self, world: &mut World, connection: u32);
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) calendar: Calendar,
    pub(crate) connections: Vec<Connection>,
    pub(crate) costs: CostsNs,
    pub(crate) record: Record,
    /// The architecture's random choices.
    pub(crate) chance: Pcg64Mcg,
    clients: Clients,
    /// What each request costs besides its handler.
    request_ns: u64,
    /// Added to a wait: the hand-over to a thread that is not the core's.
    hand_over_ns: u64,
    shared_line: Option<SharedLine>,
    pools: Option<Vec<Pool>>,
}

/// One core's threads for handlers that block.
struct Pool {
    free: usize,
    /// Connections, and for how long each waits once it has a thread.
    queue: VecDeque<(u32, u64)>,
}

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Result<Self, String> {
        let costs = scenario.costs.in_ns();
        let is_steal = matches!(scenario.policy, Policy::Steal | Policy::StealHandoff);
        let is_process = scenario.policy == Policy::Process;
        let factor = if is_process {
            scenario.costs.process_service_factor
        } else {
            1.0
        };
        let mut chance = Pcg64Mcg::seed_from_u64(scenario.seed);
        let homes = placement::homes(
            scenario.policy,
            scenario.cores,
            scenario.connections,
            &mut chance,
        );
        let connections = homes
            .into_iter()
            .map(|home| Connection {
                home,
                ..Connection::default()
            })
            .collect();
        let is_async = matches!(scenario.handler, Handler::Async { .. });
        Ok(Self {
            now: 0,
            calendar: Calendar::default(),
            connections,
            costs,
            record: Record::new(scenario.cores, scenario.requests),
            chance,
            clients: Clients::new(scenario, factor)?,
            request_ns: costs.request + if is_steal { costs.steal_request } else { 0 },
            hand_over_ns: if is_steal && is_async { costs.wake } else { 0 },
            // Neither processes nor the ideal share anything.
            shared_line: (costs.shared > 0 && !is_process && scenario.policy != Policy::Ideal)
                .then(SharedLine::default),
            pools: match scenario.handler {
                Handler::Blocking { threads, .. } => Some(
                    (0..scenario.cores)
                        .map(|_| Pool {
                            free: threads,
                            queue: VecDeque::new(),
                        })
                        .collect(),
                ),
                _ => None,
            },
        })
    }

    /// Runs all events until none is left.
    pub(crate) fn run(mut self, mut architecture: impl Architecture) -> Outcome {
        self.clients
            .start(&mut self.connections, &mut self.calendar, &mut self.record);
        while let Some((at, event)) = self.calendar.next() {
            self.now = at;
            match event {
                Event::Arrival => self.clients.arrival(
                    at,
                    &mut self.connections,
                    &mut self.calendar,
                    &mut self.record,
                ),
                Event::Delivered(connection) => {
                    let own = &mut self.connections[connection as usize];
                    if let Some(request) = own.on_the_way.pop_front() {
                        own.inbox.push_back(request);
                        self.record.waits(at);
                        architecture.delivered(&mut self, connection);
                    }
                }
                Event::Core(core) => architecture.core_is_free(&mut self, core),
                Event::WaitOver { connection, core } => {
                    self.leave_pool(core);
                    architecture.wait_over(&mut self, connection);
                }
            }
        }
        let (end, events) = (self.now, self.calendar.entered());
        self.record.outcome(end, events)
    }

    /// The core is at work for so long.
    pub(crate) fn work(&mut self, core: u32, ns: u64) {
        self.record.busy_ns[core as usize] += ns;
        self.calendar.enter(self.now + ns, Event::Core(core));
    }

    /// The core will wake up, `delay` and a wake-up's latency from now.
    pub(crate) fn wake(&mut self, core: u32, delay: u64) {
        let at = self.now + delay + self.costs.wake;
        self.calendar.enter(at, Event::Core(core));
    }

    /// How long this request holds a core that begins it `delay` from now.
    pub(crate) fn begin(&mut self, core: u32, request: &Request, delay: u64) -> u64 {
        self.record.begins(self.now);
        let mut took = self.request_ns + request.service;
        if let Some(line) = &mut self.shared_line {
            took += line.write(core, self.now + delay, self.costs.shared);
        }
        took
    }

    /// The answer leaves for the client.
    pub(crate) fn answer(&mut self, core: u32, connection: u32, request: &Request) {
        self.record.answered(
            self.now,
            self.now + self.costs.half_round_trip,
            request.intended,
            request.measured,
            core,
            self.clients.are_done(),
        );
        self.clients.answered(
            self.now,
            connection,
            &mut self.connections,
            &mut self.calendar,
            &mut self.record,
        );
    }

    /// This connection's handler begins to wait, having run on `core`.
    pub(crate) fn begin_wait(&mut self, core: u32, connection: u32, wait: u64) {
        match &mut self.pools {
            Some(pools) if pools[core as usize].free == 0 => {
                pools[core as usize].queue.push_back((connection, wait));
                return;
            }
            Some(pools) => pools[core as usize].free -= 1,
            None => {}
        }
        let at = self.now + wait + self.hand_over_ns;
        self.calendar
            .enter(at, Event::WaitOver { connection, core });
    }

    /// The thread that waited takes the next one.
    fn leave_pool(&mut self, core: u32) {
        let Some(pools) = &mut self.pools else {
            return;
        };
        let pool = &mut pools[core as usize];
        pool.free += 1;
        if let Some((next, wait)) = pool.queue.pop_front() {
            self.begin_wait(core, next, wait);
        }
    }
}
