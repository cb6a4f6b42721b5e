//! What goes over a connection again and again: a request and its answer, or a WebSocket message and its answer. Knows
//! nothing of sockets.

use crate::request::RequestPlan;
use crate::websocket::MessagePlan;

/// One kind of question, and the answer that is right.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// Over HTTP.
    Http(RequestPlan),
    /// Over a WebSocket, once its connection is open.
    WebSocket(MessagePlan),
}

impl Exchange {
    /// Appends the question with this number.
    pub fn encode(&self, number: u64, out: &mut Vec<u8>) {
        match self {
            Exchange::Http(plan) => plan.encode(number, out),
            Exchange::WebSocket(plan) => plan.encode(number, out),
        }
    }

    /// The question with this number, for messages.
    pub fn line(&self, number: u64) -> String {
        match self {
            Exchange::Http(plan) => plan.line(number),
            Exchange::WebSocket(plan) => format!("WebSocket message {number} on {}", plan.path),
        }
    }
}
