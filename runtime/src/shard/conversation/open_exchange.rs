//! One exchange in flight, as its conversation knows it beside the protocol's own state, whatever version of HTTP that is.
//! Writes no bytes.

use std::task::Waker;

use turbo_shard_protocol::{Misuse, Tick, Violation};

use crate::coding::Compression;
use crate::edge::{Answered, InLog, Note, Passage};
use crate::exchange::http_reply::{Acceptance, AnswerPart, HttpPart, HttpSlot};
use crate::service::{Deferred, Service};
use crate::shard::conversation::body_flow::BodyFlow;
use crate::shard::conversation::both_ends::BothEnds;
use crate::shard::conversation::refusal_words::Refusal;
use crate::shard::workbench::Workbench;

/// See the module.
#[derive(Default)]
pub(crate) struct OpenExchange {
    /// Where an answer comes from that comes later.
    slot: Option<HttpSlot>,
    pub(crate) body: BodyFlow,
    /// What the server itself does about it, if it does anything.
    pub(crate) passage: Option<Box<Passage>>,
    /// Between a request's head and the end of its answer.
    pub(crate) is_in_flight: bool,
    /// The server has answered in the app's stead.
    pub(crate) is_refused: bool,
}

/// What is to be done next about an answer that comes later, or that is compressed piece by piece.
pub(crate) enum Step {
    /// To be written: this, or more of what was given before.
    Write(Option<AnswerPart>),
    /// The app takes a WebSocket.
    Accept(Acceptance),
    /// The app cannot answer.
    Fail,
    /// There is something, and no room for it.
    AwaitRoom,
    /// Nothing, until the app says more.
    Rest,
}

impl OpenExchange {
    /// The app is not waited for any more.
    pub(crate) fn end(&mut self) {
        self.slot = None;
        self.body = BodyFlow::None;
    }

    /// The answer comes later.
    pub(crate) fn await_reply(&mut self, deferred: Deferred, has_eof: bool) {
        let Deferred { slot, streams_body } = deferred;
        self.body = match streams_body {
            true => BodyFlow::Unasked,
            false => BodyFlow::None,
        };
        if has_eof {
            slot.end_input();
        }
        self.slot = Some(slot);
    }

    /// An app is asked for the answer.
    #[inline]
    pub(crate) fn awaits_reply(&self) -> bool {
        self.slot.is_some()
    }

    /// The peer will send no more.
    pub(crate) fn end_input(&self) {
        if let Some(slot) = &self.slot {
            slot.end_input();
        }
    }

    /// The app has asked for its request's body just now.
    pub(crate) fn begins_to_read(&mut self) -> bool {
        let begins = self.body == BodyFlow::Unasked
            && self.slot.as_ref().is_some_and(|slot| slot.wants_body());
        if begins {
            self.body = BodyFlow::Flowing;
        }
        begins
    }

    /// The body takes its way to the app as it comes.
    pub(crate) fn reads(&self) -> bool {
        matches!(self.body, BodyFlow::Flowing | BodyFlow::Ending)
    }

    /// Hands over what has come of the body. Returns for how many bytes the app had room.
    pub(crate) fn push_body(&mut self, body: &[u8]) -> usize {
        let Some(slot) = &self.slot else { return 0 };
        let taken = slot.push_body(body);
        if self.body == BodyFlow::Ending && taken == body.len() {
            slot.end_body();
            self.body = BodyFlow::None;
        }
        taken
    }

    /// What is next for the answer. With [`Step::AwaitRoom`] and [`Step::Rest`], `waker` is called when the app says more.
    #[inline]
    pub(crate) fn next_step<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        has_room: bool,
        waker: &Waker,
    ) -> Step {
        let compression = self.compression();
        let has_more = compression.as_ref().is_some_and(|one| one.has_more());
        let is_turn_over = compression.is_some_and(|one| one.is_turn_over());
        if self.slot.is_none() && !has_more {
            return Step::Rest;
        }
        if is_turn_over || !has_room {
            // The sender waits for what is in the slot. The slot's reader must not wait: it may want more of the
            // request's body before the peer reads on.
            if let Some(slot) = &self.slot {
                slot.watch(waker);
            }
            return Step::AwaitRoom;
        }
        if has_more {
            // Compressed before anything else is taken, so that no more waits than one part.
            return Step::Write(None);
        }
        loop {
            let Some(slot) = &self.slot else {
                return Step::Rest;
            };
            return match slot.take(waker) {
                Some(HttpPart::Answer(part)) => Step::Write(Some(part)),
                Some(HttpPart::Refusal { status, part }) => {
                    bench.counters.note_refusal(status);
                    Step::Write(Some(part))
                }
                Some(HttpPart::Route(route)) => {
                    if let Some(passage) = &mut self.passage {
                        passage.route = route;
                    }
                    continue;
                }
                Some(HttpPart::Accept(acceptance)) => {
                    self.slot = None;
                    self.forget_compression();
                    Step::Accept(*acceptance)
                }
                Some(HttpPart::Failed) => Step::Fail,
                None => Step::Rest,
            };
        }
    }

    /// A part was written, and completed the answer or not. Returns whether it could be.
    pub(crate) fn note_written(&mut self, written: Result<bool, Misuse>, ends: &BothEnds) -> bool {
        match written {
            Ok(true) => self.end(),
            Ok(false) => {}
            Err(misuse) => {
                let (peer, id) = (ends.peer(), self.id());
                log::error!("the answer to {peer}{id} could not be sent: {misuse}");
                return false;
            }
        }
        true
    }

    /// The server answers in the app's stead: that is counted, and said.
    #[cold]
    pub(crate) fn refuse<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        violation: Violation,
        ends: &BothEnds,
    ) {
        bench.counters.note_refusal(violation.status());
        if bench.peer_log.pass(now) {
            let limits = &*bench.limits;
            let refusal = Refusal { violation, limits };
            let (peer, id) = (ends.peer(), self.id());
            log::info!("{peer}{id} was refused: {refusal}");
        }
        self.end();
        self.is_refused = true;
    }

    /// The exchange has ended.
    #[inline(always)]
    pub(crate) fn leave<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        answered: impl FnOnce() -> Answered,
    ) {
        if let (Some(edge), Some(passage)) = (&bench.edge, self.passage.take()) {
            edge.leave(*passage, answered());
        }
    }

    /// The access log wants fields of the answer's head.
    #[inline]
    pub(crate) fn lacks_answer(&self) -> bool {
        let note = self.passage.as_ref().and_then(|it| it.note.as_ref());
        note.is_some_and(Note::lacks_answer)
    }

    /// The id of its request, for lines of the log.
    pub(crate) fn id(&self) -> InLog<'_> {
        let passage = self.passage.as_ref();
        InLog(passage.and_then(|it| it.identified.as_deref()))
    }

    /// What compresses its answer.
    #[inline]
    pub(crate) fn compression(&mut self) -> Option<&mut Compression> {
        self.passage.as_mut()?.compression.as_deref_mut()
    }

    /// It has compressed as much as one turn may.
    pub(crate) fn is_turn_over(&mut self) -> bool {
        self.compression().is_some_and(|one| one.is_turn_over())
    }

    /// What has been compressed of it in this turn, as so many short requests.
    #[inline]
    pub(crate) fn requests_worth(&mut self) -> u32 {
        self.compression().map_or(0, |one| one.turn_requests())
    }

    pub(crate) fn forget_compression(&mut self) {
        if let Some(passage) = &mut self.passage {
            passage.compression = None;
        }
    }
}
