//! The load generator: decides when requests are due and on which connection they go. Knows nothing of cores.

use std::collections::VecDeque;

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution as _, Exp1};
use rand_pcg::Pcg64Mcg;

use crate::connection::{Connection, Request};
use crate::costs::ns;
use crate::distribution::{Distribution, Sampler};
use crate::event::{Calendar, Event};
use crate::outcome::Record;
use crate::scenario::{Arrivals, Dispatch, Handler, Scenario};

/// One part of ten warms up.
const WARM_UP_PART: usize = 10;
/// The time over which the connections of a closed loop without pauses begin, so that they do not march in step.
const START_SPREAD_US: f64 = 100.0;

pub(crate) struct Clients {
    arrivals: Arrivals,
    pipeline: usize,
    service: Sampler,
    service_factor: f64,
    wait: Sampler,
    half_round_trip: u64,
    /// When, where and how long: a random stream each, so that every policy meets the same requests.
    when: Pcg64Mcg,
    how_long: Pcg64Mcg,
    left: usize,
    warm_up_left: usize,
    /// The pool: connections without a request, the longest idle first, and requests without a connection.
    idle: VecDeque<u32>,
    queued: VecDeque<Request>,
}

impl Clients {
    pub(crate) fn new(scenario: &Scenario, service_factor: f64) -> Result<Self, String> {
        let wait = match &scenario.handler {
            Handler::Inline => Distribution::NONE.sampler("wait")?,
            Handler::Async { wait } | Handler::Blocking { wait, .. } => wait.sampler("wait")?,
        };
        Ok(Self {
            arrivals: scenario.arrivals,
            pipeline: scenario.pipeline,
            service: scenario.service.sampler("service")?,
            service_factor,
            wait,
            half_round_trip: scenario.costs.in_ns().half_round_trip,
            when: Pcg64Mcg::seed_from_u64(scenario.seed ^ 0x7768_656e),
            how_long: Pcg64Mcg::seed_from_u64(scenario.seed ^ 0x6c6f_6e67),
            left: scenario.requests,
            warm_up_left: scenario.requests / WARM_UP_PART,
            idle: (0..scenario.connections as u32).collect(),
            queued: VecDeque::new(),
        })
    }

    /// Nothing more will be due.
    pub(crate) fn are_done(&self) -> bool {
        self.left == 0
    }

    pub(crate) fn start(
        &mut self,
        connections: &mut [Connection],
        calendar: &mut Calendar,
        record: &mut Record,
    ) {
        match self.arrivals {
            Arrivals::Open { per_second, .. } => self.enter_next_arrival(0, per_second, calendar),
            Arrivals::Closed { think_us } => {
                let spread = ns(think_us.max(START_SPREAD_US));
                for _ in 0..self.pipeline {
                    for connection in 0..connections.len() as u32 {
                        let due = self.when.random_range(0..=spread);
                        self.send_again(0, due, connection, connections, calendar, record);
                    }
                }
            }
        }
    }

    /// The open loop's next request is due.
    pub(crate) fn arrival(
        &mut self,
        now: u64,
        connections: &mut [Connection],
        calendar: &mut Calendar,
        record: &mut Record,
    ) {
        let Arrivals::Open {
            per_second,
            dispatch,
        } = self.arrivals
        else {
            return;
        };
        let request = self.request(now, now, record);
        match dispatch {
            Dispatch::Bound => {
                let chosen = self.when.random_range(0..connections.len());
                self.send_or_hold_back(now, chosen as u32, request, connections, calendar);
            }
            Dispatch::Idle => match self.idle.pop_front() {
                None => self.queued.push_back(request),
                Some(connection) => {
                    self.send_or_hold_back(now, connection, request, connections, calendar);
                }
            },
        }
        self.enter_next_arrival(now, per_second, calendar);
    }

    /// The client is about to see an answer on this connection.
    pub(crate) fn answered(
        &mut self,
        now: u64,
        connection: u32,
        connections: &mut [Connection],
        calendar: &mut Calendar,
        record: &mut Record,
    ) {
        let seen = now + self.half_round_trip;
        let own = &mut connections[connection as usize];
        own.in_flight = own.in_flight.saturating_sub(1);
        own.client_free_at = seen;
        match self.arrivals {
            Arrivals::Closed { think_us } => {
                let pause: f64 = Exp1.sample(&mut self.when);
                let due = seen + ns(pause * think_us);
                self.send_again(now, due, connection, connections, calendar, record);
            }
            Arrivals::Open { dispatch, .. } => {
                let next = own
                    .held_back
                    .pop_front()
                    .or_else(|| self.queued.pop_front());
                if let Some(request) = next {
                    self.send(seen, connection, request, connections, calendar);
                } else if dispatch == Dispatch::Idle && own.in_flight + 1 == self.pipeline {
                    self.idle.push_back(connection);
                }
            }
        }
    }

    fn send_again(
        &mut self,
        now: u64,
        due: u64,
        connection: u32,
        connections: &mut [Connection],
        calendar: &mut Calendar,
        record: &mut Record,
    ) {
        if self.left > 0 {
            let request = self.request(now, due, record);
            self.send(due, connection, request, connections, calendar);
        }
    }

    fn send_or_hold_back(
        &mut self,
        now: u64,
        connection: u32,
        request: Request,
        connections: &mut [Connection],
        calendar: &mut Calendar,
    ) {
        let own = &mut connections[connection as usize];
        if own.in_flight < self.pipeline {
            let at = now.max(own.client_free_at);
            self.send(at, connection, request, connections, calendar);
            // A pool's connection with room stays in the pool.
            let is_pooled = matches!(
                self.arrivals,
                Arrivals::Open {
                    dispatch: Dispatch::Idle,
                    ..
                }
            );
            if is_pooled && connections[connection as usize].in_flight < self.pipeline {
                self.idle.push_back(connection);
            }
        } else {
            own.held_back.push_back(request);
        }
    }

    fn send(
        &mut self,
        at: u64,
        connection: u32,
        request: Request,
        connections: &mut [Connection],
        calendar: &mut Calendar,
    ) {
        let own = &mut connections[connection as usize];
        own.in_flight += 1;
        own.on_the_way.push_back(request);
        calendar.enter(at + self.half_round_trip, Event::Delivered(connection));
    }

    fn request(&mut self, now: u64, intended: u64, record: &mut Record) -> Request {
        self.left = self.left.saturating_sub(1);
        let measured = self.warm_up_left == 0;
        self.warm_up_left = self.warm_up_left.saturating_sub(1);
        record.due(now, measured);
        let service = self.service.sample_ns(&mut self.how_long);
        Request {
            intended,
            service: (service as f64 * self.service_factor).round() as u64,
            wait: self.wait.sample_ns(&mut self.how_long),
            measured,
        }
    }

    fn enter_next_arrival(&mut self, now: u64, per_second: f64, calendar: &mut Calendar) {
        if self.left > 0 {
            let unit: f64 = Exp1.sample(&mut self.when);
            calendar.enter(now + (unit * 1e9 / per_second) as u64, Event::Arrival);
        }
    }
}
