//! The service of ASGI 3 apps. Re-exports only.
//!
//! `service` calls the app for each request, `scope` makes what it is called with. `http_cycle` is what `receive` and
//! `send` of an HTTP request lead to, `websocket_cycle` those of a WebSocket; `channel` is the Python face of either,
//! `sending` what becomes of the app's messages, `waiters` who waits in either, `listener` how their connection reaches
//! them. `http_answer` puts the app's messages together to an answer, `messages` reads those messages, `awaitables` are
//! what the app awaits, `file_sender` reads files for `http.response.pathsend`.

mod awaitables;
mod channel;
mod file_sender;
mod header_names;
mod http_answer;
mod http_cycle;
mod http_sending;
mod listener;
mod messages;
mod scope;
mod service;
mod waiters;
mod websocket_cycle;
mod websocket_sending;
mod words;

pub(crate) use service::AsgiService;
