//! The service of WSGI apps (PEP 3333). Re-exports only.
//!
//! `service` decides which thread calls the app, by what `pace` has measured: `shard_call` is a call on the shard's own
//! thread, `pool_call` one on a thread of the blocking pool, to which `hand_over` gives it. `app` is what either calls,
//! `environ` (from `request` and `keys`) what the app gets of a request. `response` is its answer (`start_response` is how
//! the app begins it, `head` what it says there), `body` judges what the app returns, and `delivery` sends that in the pool.

mod app;
mod body;
mod delivery;
mod environ;
mod hand_over;
mod head;
mod keys;
mod pace;
mod pool_call;
mod request;
mod response;
mod service;
mod shard_call;
mod start_response;

pub(crate) use hand_over::let_pool_run;
pub(crate) use pace::InlineRule;
pub(crate) use pool_call::wsgi_thread_stops;
pub(crate) use service::{WsgiOptions, WsgiService};
