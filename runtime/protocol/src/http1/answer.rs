//! Where the answer of an exchange stands, and what writing it must know. Writes nothing itself.

use crate::http1::body_encoder::BodyEncoder;
use crate::misuse::AnswerStage;
use crate::request_head::RequestHead;
use crate::request_line::{Method, Version};

/// The answer of the exchange in flight.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) stage: AnswerStage,
    pub(crate) encoder: BodyEncoder,
    /// The request was `HEAD`: the answer has the head of the one to `GET`, and no body.
    pub(crate) is_to_head: bool,
    pub(crate) version: Version,
    /// The peer is ready for another request.
    pub(crate) peer_persists: bool,
    /// The peer should come back on another connection.
    pub(crate) is_last: bool,
    /// Of the final answer; 0 while its head was not written. Kept until the next request.
    pub(crate) status: u16,
    /// The answer's head has promised another request: the connection lives on.
    pub(crate) persists: bool,
}

impl Answer {
    /// No answer is due: between exchanges, and after the last one.
    pub(crate) const NONE: Answer = Answer {
        stage: AnswerStage::Cut,
        encoder: BodyEncoder::Silent,
        is_to_head: false,
        version: Version::Http11,
        peer_persists: false,
        is_last: false,
        status: 0,
        persists: false,
    };

    /// The answer to a request.
    #[inline]
    pub(crate) fn due(request: RequestHead<'_>) -> Answer {
        Answer {
            stage: AnswerStage::Due,
            encoder: BodyEncoder::Silent,
            is_to_head: request.method() == Method::Head,
            version: request.version(),
            peer_persists: request.keep_alive(),
            is_last: false,
            status: 0,
            persists: false,
        }
    }
    /// Nothing more is written; its status stays known.
    #[inline]
    pub(crate) fn ended(self) -> Answer {
        Answer {
            status: self.status,
            ..Answer::NONE
        }
    }
}
