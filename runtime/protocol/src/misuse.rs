//! The app's faults: answers that must not go out as they are. Knows nothing of the peer's faults (see `violation`).

use std::error::Error;
use std::fmt;

/// Where the answer of an exchange stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum AnswerStage {
    /// No byte of the final answer has been written.
    Due,
    /// The head has been written, the body is under way.
    Body,
    /// The whole answer has been written.
    Complete,
    /// The answer was given up, or there is no exchange to answer.
    Cut,
}

/// What the app asked for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum AnswerStep {
    /// An interim answer (1xx).
    Interim,
    /// Head and body at once.
    Whole,
    /// The head of a streamed answer.
    Start,
    /// A piece of its body.
    Chunk,
    /// The end of its body.
    End,
}

/// A broken promise of the app towards HTTP. Log it; answer 500 if nothing was sent, [`cut`](crate::Connection::cut)
/// otherwise. A call that returns a misuse has written nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misuse {
    /// A field name that is not a token (RFC 9110 section 5.1).
    FieldNameInvalid,
    /// CR, LF, NUL or another control byte in a field value (RFC 9110 section 5.5).
    FieldValueInvalid,
    /// More header lines than [`RESPONSE_HEAD_BYTES_MAX`](crate::RESPONSE_HEAD_BYTES_MAX).
    HeadTooLarge,
    /// `content-length` is not 1*DIGIT or does not fit 64 bits.
    ContentLengthInvalid,
    /// More than one `content-length`.
    ContentLengthRepeated,
    /// `content-length` says something else than the body.
    ContentLengthDiffers {
        /// What the app's header says.
        announced: u64,
        /// What the body really has.
        actual: u64,
    },
    /// `transfer-encoding` other than `chunked`: framing is the server's.
    TransferEncodingUnsupported,
    /// A status that is no final status (200 to 999).
    StatusNotFinal {
        /// The status that was asked for.
        status: u16,
    },
    /// A status that is no interim status that an app may send (102 to 199).
    StatusNotInterim {
        /// The status that was asked for.
        status: u16,
    },
    /// More body than announced.
    BodyTooLong {
        /// Bytes beyond the announced length.
        excess: u64,
    },
    /// Less body than announced; the connection is cut.
    BodyTooShort {
        /// Bytes that were announced and never came.
        missing: u64,
    },
    /// The body could not be compressed; the connection is cut.
    BodyNotCoded,
    /// A step that does not follow from where the answer stands.
    OutOfOrder {
        /// Where the answer stood.
        stage: AnswerStage,
        /// What was asked for.
        step: AnswerStep,
    },
    /// A header line of a 101 that belongs to the handshake (`sec-websocket-…`).
    HandshakeFieldReserved,
    /// A subprotocol that the client did not offer; it would have to give the connection up (RFC 6455 section 4.1).
    SubprotocolNotOffered,
    /// A message or a close on a WebSocket that is closed or closing.
    WebSocketClosed,
    /// A close code that must not be sent (RFC 6455 section 7.4).
    CloseCodeInvalid {
        /// The code that was asked for.
        code: u16,
    },
    /// A close reason that does not fit into a control frame (RFC 6455 section 5.5).
    CloseReasonTooLong {
        /// Length of the reason in UTF-8.
        bytes: usize,
    },
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::FieldNameInvalid => f.write_str("response header name is not a token"),
            Misuse::FieldValueInvalid => f.write_str("response header value holds a control byte"),
            Misuse::HeadTooLarge => f.write_str("response headers are too large"),
            Misuse::ContentLengthInvalid => f.write_str("content-length is not a number"),
            Misuse::ContentLengthRepeated => f.write_str("more than one content-length"),
            Misuse::ContentLengthDiffers { announced, actual } => {
                write!(
                    f,
                    "content-length says {announced}, the body has {actual} bytes"
                )
            }
            Misuse::TransferEncodingUnsupported => {
                f.write_str("transfer-encoding other than chunked")
            }
            Misuse::StatusNotFinal { status } => write!(f, "{status} is not a final status"),
            Misuse::StatusNotInterim { status } => {
                write!(f, "{status} is not an interim status an app may send")
            }
            Misuse::BodyTooLong { excess } => {
                write!(f, "body is {excess} bytes longer than announced")
            }
            Misuse::BodyTooShort { missing } => {
                write!(f, "body is {missing} bytes shorter than announced")
            }
            Misuse::BodyNotCoded => f.write_str("response body could not be compressed"),
            Misuse::OutOfOrder { stage, step } => {
                write!(f, "{step:?} does not follow {stage:?} in an answer")
            }
            Misuse::HandshakeFieldReserved => {
                f.write_str("sec-websocket headers of the handshake belong to the server")
            }
            Misuse::SubprotocolNotOffered => {
                f.write_str("the client did not offer this subprotocol")
            }
            Misuse::WebSocketClosed => f.write_str("the WebSocket is closed"),
            Misuse::CloseCodeInvalid { code } => {
                write!(
                    f,
                    "{code} is not a close code that may be sent (1000 to 1003, 1007 to 1014, 3000 to 4999)"
                )
            }
            Misuse::CloseReasonTooLong { bytes } => {
                write!(
                    f,
                    "a close reason has at most 123 bytes, this one has {bytes}"
                )
            }
        }
    }
}

impl Error for Misuse {}
