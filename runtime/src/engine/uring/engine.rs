//! The `uring` engine: one io_uring per shard, whose completions drive the connections' drivers directly. No task per
//! connection, no executor.
//!
//! A turn of the loop takes what the kernel has completed, lets each driver answer at once, gives woken connections, the
//! hosted loop and the mailbox their turn, and enters the kernel once: that hands over every answer of the turn and
//! brings the next completions. Only an enter with nothing to hand over waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Instant;

use turbo_shard_ring::{URING_FEATURES, with_patience};

use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::uring::arrivals::fetch;
use crate::engine::uring::kernel_features::{fits, of_this_kernel};
use crate::engine::uring::listening::Listening;
use crate::engine::uring::operations::Operations;
use crate::engine::uring::plan::RING;
use crate::engine::uring::shard::{ARRIVALS, BELL, HOSTED, MAILBOX, Shard, ring_failed};
use crate::engine::wakes::Wakes;
use crate::metrics::busy_time::BusyTime;
use crate::service::App;
use crate::shard::host::{Host, LocalHost, Stage};
use crate::shard::mailbox::{Control, Mailbox};
use crate::start_error::StartError;

/// io_uring on one core.
pub(crate) struct Uring(Operations);

impl Engine for Uring {
    fn probe(shards: usize) -> Result<(), String> {
        of_this_kernel().and_then(|features| fits(features, shards))
    }

    fn lacks() -> Vec<String> {
        let Ok(found) = of_this_kernel() else {
            return Vec::new();
        };
        let lacking = URING_FEATURES.into_iter().filter(|one| !found.has(*one));
        lacking.map(|feature| feature.to_string()).collect()
    }

    fn locked_bytes(shards: usize) -> u64 {
        RING.locked_bytes() * shards as u64
    }

    fn on_this_thread<A: App>(plan: &ShardPlan<A>) -> Result<Uring, EngineError> {
        let features = of_this_kernel()
            .map_err(|reason| EngineError::App(StartError::new(reason)))?
            .without(&plan.config.uring_without);
        let made = with_patience(|| Operations::new(features));
        made.map(Uring)
            .map_err(EngineError::setup("a ring could not be made"))
    }

    fn run<A: App>(self, plan: ShardPlan<A>, host: &Rc<LocalHost<A>>) -> Result<(), EngineError> {
        let Uring(operations) = self;
        let wakes = Wakes::new().map_err(EngineError::setup("an eventfd could not be made"))?;
        let listening = Listening::new(plan.listeners)
            .map_err(EngineError::setup("the listeners could not be set up"))?;
        let busy = &plan.counters.busy_us;
        // The connections that are left when it has lived end with it.
        let mut shard = Shard::new(host, operations, wakes, listening, &plan.intake);
        let result = shard.live(&*plan.app, &plan.mailbox, plan.ready, busy);
        busy.parks();
        result
    }
}

impl<A: App> Shard<'_, A> {
    fn live(
        &mut self,
        app: &A,
        mailbox: &Mailbox,
        ready: Box<dyn FnOnce() + Send>,
        busy: &BusyTime,
    ) -> Result<(), EngineError> {
        let host = self.host();
        self.operations
            .poll(self.wakes.bell(), BELL)
            .map_err(ring_failed)?;
        let hosted = host.host_loop();
        if let Some(hosted) = hosted {
            self.operations
                .poll(hosted.fd(), HOSTED)
                .map_err(ring_failed)?;
            self.is_loop_due = true;
        }
        self.accept().map_err(ring_failed)?;
        let heard = RefCell::new(VecDeque::new());
        let mut listening = pin!(hear(mailbox, &heard));
        let mailbox_waker = self.wakes.target(MAILBOX);
        mailbox_waker.wake_by_ref();
        let intake = self.intake;
        let arrived = RefCell::new(VecDeque::new());
        let mut arriving = pin!(fetch(intake, &arrived));
        let door = self.wakes.target(ARRIVALS);
        if intake.is_in_use() {
            intake.open();
            door.wake_by_ref();
        }
        app.thread_parks();
        ready();

        busy.unparks();
        loop {
            self.now = host.bench.clock.now();
            while let Some(completion) = self.operations.next_completion() {
                self.complete(completion)?;
            }
            host.with_table(|table| {
                if table
                    .next_deadline()
                    .is_some_and(|deadline| deadline <= self.now)
                {
                    table.wake_due(self.now);
                }
            });
            let mut woken = std::mem::take(&mut self.woken);
            self.wakes.collect(&mut woken);
            for number in woken.drain(..) {
                match number {
                    MAILBOX => {
                        mailbox_waker.begins_turn();
                        let waker = mailbox_waker.waker();
                        let _never = listening.as_mut().poll(&mut Context::from_waker(&waker));
                    }
                    ARRIVALS => {
                        door.begins_turn();
                        let waker = door.waker();
                        let _never = arriving.as_mut().poll(&mut Context::from_waker(&waker));
                    }
                    _ => self.turn(number).map_err(ring_failed)?,
                }
            }
            self.woken = woken;
            while let Some(next) = arrived.borrow_mut().pop_front() {
                self.take_in(next).map_err(ring_failed)?;
            }
            while let Some(control) = heard.borrow_mut().pop_front() {
                self.obey(control).map_err(ring_failed)?;
            }
            if let Some(hosted) = hosted {
                self.turn_hosted(hosted);
            }
            if host.stage() != Stage::Serving && self.is_empty() {
                return Ok(());
            }
            self.accept().map_err(ring_failed)?;
            app.thread_parks();
            self.enter(busy).map_err(ring_failed)?;
        }
    }

    /// Hands over what was asked for; with nothing to hand over and nothing to run it waits for news.
    fn enter(&mut self, busy: &BusyTime) -> io::Result<()> {
        // Answers complete while they are handed over, so an enter with answers returns at once whatever it is told.
        let waits =
            !self.is_loop_due && !self.operations.has_submissions() && self.wakes.goes_to_sleep();
        if !waits {
            return self.operations.enter(false, None);
        }
        let host = self.host();
        let deadline = host
            .with_table(|table| table.next_deadline())
            .map(|tick| host.bench.clock.instant(tick));
        let deadline = [deadline, self.listening.resumes()]
            .into_iter()
            .flatten()
            .min();
        let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        busy.parks();
        let entered = self.operations.enter(true, timeout);
        busy.unparks();
        self.wakes.wakes_up();
        entered
    }
}

/// Moves messages out of the mailbox as they come. Never ends.
async fn hear(mailbox: &Mailbox, heard: &RefCell<VecDeque<Control>>) {
    loop {
        let control = mailbox.next().await;
        heard.borrow_mut().push_back(control);
    }
}
