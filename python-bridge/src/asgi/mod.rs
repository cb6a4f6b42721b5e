//! The service of ASGI 3 apps. Re-exports only.
//!
//! `service` calls the app for each request, `scope` makes what it is called with. `http_cycle` is what `receive` and
//! `send` of an HTTP request lead to, `websocket_cycle` those of a WebSocket; `channel` is the Python face of either,
//! `http_sending` and `websocket_sending` are what becomes of the app's messages, `http_parting` what an app hears when
//! its answer is not wanted, `waiters` which calls wait in either and `waiter` for what, `listener` how their
//! connection reaches them. `http_answer` puts the app's messages together into an answer, `http_stage` says in which
//! order, `messages` reads those messages, `awaitables` are what the app awaits, `file_sender` reads files for
//! `http.response.pathsend`.

mod addresses;
mod awaitables;
mod channel;
mod file_sender;
mod header_names;
mod http_answer;
mod http_cycle;
mod http_parting;
mod http_sending;
mod http_stage;
mod listener;
mod messages;
mod scope;
mod service;
mod waiter;
mod waiters;
mod websocket_cycle;
mod websocket_sending;
mod words;

pub(crate) use scope::ScopeOptions;
pub(crate) use service::AsgiService;
