//! The rules of a connection's life that every engine follows: stages of its host, deadlines, and how it ends. Moves no
//! bytes and knows neither sockets nor HTTP.

use turbo_shard_protocol::{Closing, Tick};

use crate::shard::accepting::Admitted;
use crate::shard::connection_table::ConnectionId;
use crate::shard::driver::Driver;
use crate::shard::host::{Admission, Host, Stage};

/// How long a peer that sends faster than it is answered may keep a draining shard from telling it. What has arrived
/// before the drain is answered by then; a pipeline that never runs dry would hold the shard for all of its graceful time.
const DRAIN_UNTOLD_MS_MAX: u64 = 500;

/// How long, and for how many turns at least, a peer that sends faster than it is read may put off a deadline that has
/// passed: what had arrived before it is read by then.
const HEARING_MS_MAX: u64 = 500;
const HEARING_TURNS_MIN: u32 = 64;

/// What the owner of a connection's socket must do about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing: it goes on.
    NotYet,
    /// Our side says that nothing more will come; what the peer still sends is swallowed, so that no reset overtakes
    /// the answer. Said once.
    ShutWrite,
    /// The connection is over.
    Now,
}

/// What becomes of a deadline that may have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is none.
    InTime,
    /// The peer has not been heard out yet: look again once the others had their turn.
    HearFirst,
    /// It was acted on: the driver may have something to do or to send.
    Met,
    /// The connection is over.
    End,
}

/// A deadline that has passed and was not acted on yet.
#[derive(Clone, Copy, Debug)]
struct Overdue {
    /// When that was noticed, and how many turns the connection has had since then.
    noticed: Tick,
    turns: u32,
}

/// What few connections need, and only towards their end.
#[derive(Debug, Default)]
struct Rare {
    overdue: Option<Overdue>,
    /// Since when the connection knows of the drain.
    drain_seen: Option<Tick>,
}

/// A connection's driver and how far its life has come.
pub(crate) struct ConnectionLife {
    pub(crate) driver: Driver,
    id: ConnectionId,
    is_write_shut: bool,
    /// The table has the waker of the connection's task.
    pub(crate) is_known_to_table: bool,
    /// The earliest moment at which the table will wake the connection.
    armed: Option<Tick>,
    rare: Option<Box<Rare>>,
    is_drain_told: bool,
}

/// An idle connection is this, its buffers and what its engine adds.
const _: () = assert!(size_of::<ConnectionLife>() <= 256);

impl ConnectionLife {
    pub(crate) fn new<H: Host + ?Sized>(
        host: &H,
        Admitted { admission, info }: Admitted,
    ) -> ConnectionLife {
        let bench = host.bench();
        let now = bench.clock.now();
        let mut driver = Driver::new(bench, info, now);
        if let Admission::Refused(_) = admission {
            driver.refuse_overload(bench, now);
        }
        ConnectionLife {
            driver,
            id: admission.id(),
            is_write_shut: false,
            is_known_to_table: false,
            armed: None,
            rare: None,
            is_drain_told: false,
        }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Call at the beginning of a turn: whether the connection may go on. It may not when its host cuts.
    pub(crate) fn goes_on<H: Host + ?Sized>(&mut self, host: &H, now: Tick) -> bool {
        match host.stage() {
            Stage::Serving => {}
            Stage::Draining => {
                let seen = *self.rare().drain_seen.get_or_insert(now);
                if now.since_ms(seen) >= DRAIN_UNTOLD_MS_MAX {
                    self.tell_drain(now);
                }
            }
            Stage::Cutting => return false,
        }
        true
    }

    /// Call at the end of a turn that read and wrote all there was: acts on the deadline that has passed, if one has.
    ///
    /// A look may come late, because a handler has held the shard or the process was stopped; it must not take what has
    /// not been read yet for silence. So no peer's time is over before `is_heard_out` says that the socket has nothing
    /// left that we want and no room that we need. `engine_deadline` is the one of [`arm`](ConnectionLife::arm).
    pub(crate) fn judge<H: Host + ?Sized>(
        &mut self,
        host: &H,
        now: Tick,
        engine_deadline: Option<Tick>,
        is_heard_out: impl FnOnce(&Driver) -> bool,
    ) -> Verdict {
        // `armed` is never later than the deadline, so most turns need not ask for that.
        let is_late = self.armed.is_some_and(|armed| now >= armed)
            && self
                .deadline(engine_deadline)
                .is_some_and(|deadline| now >= deadline);
        if !is_late {
            self.forget_overdue();
            return Verdict::InTime;
        }
        let overdue = self.rare().overdue.get_or_insert(Overdue {
            noticed: now,
            turns: 0,
        });
        overdue.turns = overdue.turns.saturating_add(1);
        let is_hearing_over =
            overdue.turns > HEARING_TURNS_MIN && now.since_ms(overdue.noticed) >= HEARING_MS_MAX;
        if !is_hearing_over && !is_heard_out(&self.driver) {
            return Verdict::HearFirst;
        }
        self.forget_overdue();
        let is_stuck = engine_deadline.is_some_and(|deadline| now >= deadline);
        if is_stuck {
            host.bench().counters.timeouts_write.add(1);
        }
        match is_stuck || self.driver.expire(host.bench(), now) {
            true => Verdict::End,
            false => Verdict::Met,
        }
    }

    /// What to do about the end, with `is_sent` when the socket has taken all output.
    pub(crate) fn ending(&mut self, is_sent: bool) -> Ending {
        match self.driver.closing() {
            Closing::Now => Ending::Now,
            Closing::AfterOutput { linger: false } if is_sent => Ending::Now,
            Closing::AfterOutput { linger: true }
                if is_sent && !std::mem::replace(&mut self.is_write_shut, true) =>
            {
                Ending::ShutWrite
            }
            Closing::AfterOutput { .. } | Closing::Open => Ending::NotYet,
        }
    }

    /// The host drains and the connection does not know it yet. It is told once nothing is left to read: a request that
    /// had arrived before the drain gets its answer.
    pub(crate) fn has_drain_to_hear<H: Host + ?Sized>(&self, host: &H) -> bool {
        host.stage() == Stage::Draining && !self.is_drain_told
    }

    pub(crate) fn tell_drain(&mut self, now: Tick) {
        if !std::mem::replace(&mut self.is_drain_told, true) {
            self.driver.drain(now);
        }
    }

    /// Call at the end of a turn: asks the host's table to wake the connection in time for its driver, and for what
    /// else its engine waits for.
    pub(crate) fn arm<H: Host + ?Sized>(
        &mut self,
        host: &H,
        now: Tick,
        engine_deadline: Option<Tick>,
    ) {
        let Some(deadline) = self.deadline(engine_deadline) else {
            return;
        };
        if self.is_overdue() {
            return; // it has another turn anyway
        }
        if self
            .armed
            .is_none_or(|armed| deadline < armed || armed <= now)
        {
            self.armed = Some(deadline);
            if host.with_table(|table| table.arm(self.id, deadline)) {
                host.deadline_moved().notify_one();
            }
        }
    }

    /// The connection leaves its host, and with it what is in flight.
    pub(crate) fn leave<H: Host + ?Sized>(&mut self, host: &H) {
        self.driver.abandon(host.bench());
        host.leave(self.id, self.driver.exchanges_in_flight());
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn is_overdue(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| rare.overdue.is_some())
    }

    fn forget_overdue(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.overdue = None;
        }
    }

    fn deadline(&self, engine_deadline: Option<Tick>) -> Option<Tick> {
        let of_driver = self.driver.next_deadline();
        [of_driver, engine_deadline].into_iter().flatten().min()
    }
}
