//! What stands between a connection and the app while a request is answered: the reply, and what flows towards the app.
//! Knows neither of the two.

pub(crate) mod message_feed;
pub(crate) mod reply;
pub(crate) mod reply_part;
pub(crate) mod request_body;
pub(crate) mod response;
