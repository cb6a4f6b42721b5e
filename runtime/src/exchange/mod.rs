//! What stands between a connection and the app while a request is answered: the reply, and what flows towards the app.
//! Knows neither of the two.

mod compressed_answer;
pub(crate) mod held_bytes;
pub(crate) mod http_reply;
pub(crate) mod message_feed;
pub(crate) mod reply_queue;
pub(crate) mod request_body;
pub(crate) mod response;
pub(crate) mod shared_reply;
pub(crate) mod websocket_reply;
pub(crate) mod writer;
