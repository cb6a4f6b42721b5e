//! The states of a connection and of the exchange in it, and every step between them. Knows no bytes and no time.
//!
//! Three small machines run side by side:
//!
//! ```text
//! connection  Fresh ──► Head ──► Exchange ──► Idle ──► Head …        at most one exchange at a time: pipelined
//!                │        │         │           │                    requests wait in the input
//!                │        └────┬────┘           │
//!                │             ▼                │
//!                │         Refusing             │                    a violation that the driver has yet to answer
//!                │             ▼                │
//!                └───────► Closing ◄────────────┘ ──► Closed         send what is written, linger, part
//!
//! intake      Undecided ──► Whole | Stream | Discard ──► Complete    what happens to the request body;
//!                                              └───────► Abandoned   Abandoned: the connection is beyond reuse
//!
//! answer      Due ──► Body ──► Complete                              what the app has sent (public: `AnswerStage`);
//!                └──────┴────► Cut                                   Cut: given up, nothing may be written any more
//! ```
//!
//! An exchange is over when its answer is `Complete` and its intake is `Complete` or `Abandoned`. The peer drives the
//! connection and the intake: an impossible step there is our own bug and panics. The app drives the answer: an
//! impossible step there is a [`Misuse`].

use crate::http1::event::BodyMode;
use crate::misuse::{AnswerStage, AnswerStep, Misuse};
use crate::violation::Violation;

/// Where a connection stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Accepted; not a byte has come.
    Fresh,
    /// Between two requests.
    Idle,
    /// In the middle of a request head.
    Head,
    /// From a complete head until request and answer are complete.
    Exchange,
    /// A violation was found; the driver has yet to be told, or to answer.
    Refusing(Refusal),
    /// Nothing more will be parsed or written; what is written is sent. With `linger` the peer may still be sending.
    Closing { linger: bool },
    /// Nothing more happens.
    Closed,
}

/// A violation on its way to its answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) violation: Violation,
    /// No answer to this request had begun, so there is room for ours.
    pub(crate) is_answerable: bool,
    /// The driver has been told.
    pub(crate) is_announced: bool,
}

/// What moves a connection on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The first byte of a head is here.
    HeadBegun,
    /// The head is complete and valid.
    HeadRead,
    /// Request and answer are complete and the connection can be used again.
    ExchangeEnded,
    /// The peer broke a rule.
    Refused(Refusal),
    /// The end, after what is written has been sent.
    Finished { linger: bool },
    /// The end, now.
    Gone,
}

impl Phase {
    /// The phase after `step`.
    #[inline(always)]
    pub(crate) fn after(self, step: Step) -> Phase {
        match (self, step) {
            (Phase::Fresh | Phase::Idle, Step::HeadBegun) => Phase::Head,
            (Phase::Head, Step::HeadRead) => Phase::Exchange,
            (Phase::Exchange, Step::ExchangeEnded) => Phase::Idle,
            (Phase::Head | Phase::Exchange | Phase::Refusing(_), Step::Refused(refusal)) => {
                Phase::Refusing(refusal)
            }
            (Phase::Closing { .. } | Phase::Closed, Step::Finished { .. }) => self,
            (_, Step::Finished { linger }) => Phase::Closing { linger },
            (_, Step::Gone) => Phase::Closed,
            (phase, step) => panic!("a connection cannot take {step:?} while {phase:?}"),
        }
    }
}

/// What happens to a request body.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntakeStage {
    /// The driver has not chosen; the body waits in the input.
    Undecided,
    /// It is collected.
    Whole,
    /// It is handed over as it comes.
    Stream,
    /// It is swallowed.
    Discard,
    /// All of it has been read, and announced if it is wanted.
    Complete,
    /// The rest is not worth reading, or will never come.
    Abandoned,
}

impl IntakeStage {
    /// The stage after the driver's choice. A later choice can only be to discard the rest.
    pub(crate) fn after_choice(self, mode: BodyMode) -> IntakeStage {
        match (self, mode) {
            (IntakeStage::Undecided, BodyMode::Whole { .. }) => IntakeStage::Whole,
            (IntakeStage::Undecided, BodyMode::Stream) => IntakeStage::Stream,
            (IntakeStage::Complete | IntakeStage::Abandoned, BodyMode::Discard) => self,
            (_, BodyMode::Discard) => IntakeStage::Discard,
            (stage, mode) => panic!("a body cannot be read as {mode:?} while {stage:?}"),
        }
    }

    /// Nothing more will be read of this body.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, IntakeStage::Complete | IntakeStage::Abandoned)
    }
}

impl AnswerStage {
    /// The stage after `step`, or the app's misuse.
    #[inline]
    pub(crate) fn after(self, step: AnswerStep) -> Result<AnswerStage, Misuse> {
        match (self, step) {
            (AnswerStage::Due, AnswerStep::Interim) => Ok(AnswerStage::Due),
            (AnswerStage::Due, AnswerStep::Whole) => Ok(AnswerStage::Complete),
            (AnswerStage::Due, AnswerStep::Start) => Ok(AnswerStage::Body),
            (AnswerStage::Body, AnswerStep::Chunk) => Ok(AnswerStage::Body),
            (AnswerStage::Body, AnswerStep::End) => Ok(AnswerStage::Complete),
            (stage, step) => Err(Misuse::OutOfOrder { stage, step }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: Refusal = Refusal {
        violation: Violation::HostMissing,
        is_answerable: true,
        is_announced: false,
    };

    #[test]
    fn a_connection_goes_round_from_idle_to_idle() {
        let phase = Phase::Fresh
            .after(Step::HeadBegun)
            .after(Step::HeadRead)
            .after(Step::ExchangeEnded);
        assert_eq!(phase, Phase::Idle);
        assert_eq!(phase.after(Step::HeadBegun), Phase::Head);
    }

    #[test]
    fn nothing_revives_a_connection() {
        let closing = Phase::Exchange.after(Step::Finished { linger: true });
        assert_eq!(closing, Phase::Closing { linger: true });
        assert_eq!(closing.after(Step::Finished { linger: false }), closing);
        assert_eq!(closing.after(Step::Gone), Phase::Closed);
        assert_eq!(
            Phase::Closed.after(Step::Finished { linger: true }),
            Phase::Closed
        );
        for step in [
            Step::HeadBegun,
            Step::HeadRead,
            Step::ExchangeEnded,
            Step::Refused(REFUSAL),
        ] {
            for phase in [closing, Phase::Closed] {
                assert!(std::panic::catch_unwind(|| phase.after(step)).is_err());
            }
        }
    }

    #[test]
    fn only_a_request_can_be_refused() {
        assert!(std::panic::catch_unwind(|| Phase::Idle.after(Step::Refused(REFUSAL))).is_err());
        assert_eq!(
            Phase::Head.after(Step::Refused(REFUSAL)),
            Phase::Refusing(REFUSAL)
        );
    }

    #[test]
    fn an_answer_is_one_whole_or_start_chunks_end() {
        use AnswerStage::*;
        let steps = [
            AnswerStep::Interim,
            AnswerStep::Whole,
            AnswerStep::Start,
            AnswerStep::Chunk,
            AnswerStep::End,
        ];
        let allowed = |stage: AnswerStage| steps.map(|step| stage.after(step).ok());
        assert_eq!(
            allowed(Due),
            [Some(Due), Some(Complete), Some(Body), None, None]
        );
        assert_eq!(
            allowed(Body),
            [None, None, None, Some(Body), Some(Complete)]
        );
        assert_eq!(allowed(Complete), [None; 5]);
        assert_eq!(allowed(Cut), [None; 5]);
    }

    #[test]
    fn a_body_is_chosen_once_but_may_be_discarded_later() {
        let whole = BodyMode::Whole { bytes_max: 1 };
        assert_eq!(
            IntakeStage::Undecided.after_choice(whole),
            IntakeStage::Whole
        );
        for (stage, after) in [
            (IntakeStage::Undecided, IntakeStage::Discard),
            (IntakeStage::Stream, IntakeStage::Discard),
            (IntakeStage::Complete, IntakeStage::Complete),
            (IntakeStage::Abandoned, IntakeStage::Abandoned),
        ] {
            assert_eq!(stage.after_choice(BodyMode::Discard), after);
        }
        assert!(std::panic::catch_unwind(|| IntakeStage::Stream.after_choice(whole)).is_err());
    }
}
