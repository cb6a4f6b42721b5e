//! The service of ASGI 3 apps. Re-exports only.
//!
//! `service` calls the app for each request, `scope` makes what it is called with, `home` is where the app lives.
//! `websocket_service` opens WebSockets, of native apps too. `http_cycle` is what `receive` and
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
mod home;
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
mod websocket_refusal;
mod websocket_sending;
mod websocket_service;
mod words;

pub(crate) use home::Home;
pub(crate) use scope::ScopeOptions;
pub(crate) use service::AsgiService;
pub(crate) use websocket_service::{WebSocketApp, WebSocketService};
