//! The service of ASGI 3 apps. Re-exports only.
//!
//! `service` calls the app for each request, or a plan that was made of it (`starting`; `compiled` has all about plans),
//! `scope` makes what it is called with, `home` is where the app lives.
//! `websocket_service` opens WebSockets, of native apps too. `channel` is what Python holds of a cycle: of an HTTP
//! request, or of a WebSocket. Its `receive` and `send`, and what the app awaits of them, are in `awaitables`;
//! `surroundings` is what either kind needs of its thread, `waiters` which calls wait in it and `waiter` for what,
//! `listener` how its connection reaches it, `messages` reads what the app sends.
//!
//! Of an HTTP request, from the bottom: `http_phase` says in which order the messages of an answer come, `http_answer`
//! puts them together, `http_state` is all that is known of the request, `http_cycle` what `receive` leads to,
//! `route_sought` which route it was found to be for, `http_parting` what an app hears when its answer is not wanted, `http_sending` what `send` leads to (`file_sender`
//! reads files for `http.response.pathsend`), `http_life` what comes from the connection, and the end. Of a WebSocket,
//! `websocket_refusal` answers a handshake that leads to none, `websocket_cycle` is what `receive` and `send` lead to, and
//! `websocket_sending` what becomes of the app's messages.

mod addresses;
mod awaitables;
mod channel;
mod compiled;
mod file_sender;
mod header_names;
mod home;
mod http_answer;
mod http_cycle;
mod http_life;
mod http_parting;
mod http_phase;
mod http_sending;
mod http_state;
mod listener;
mod messages;
mod route_sought;
mod scope;
mod service;
mod starting;
mod surroundings;
mod waiter;
mod waiters;
mod websocket_cycle;
mod websocket_refusal;
mod websocket_sending;
mod websocket_service;
mod words;

pub(crate) use compiled::{CompiledCall, CompiledFront, same_objects};
pub(crate) use home::{CallNeeds, Home};
pub(crate) use scope::ScopeOptions;
pub(crate) use service::AsgiService;
pub(crate) use websocket_service::{WebSocketApp, WebSocketService};
