//! The service of native apps. Re-exports only.
//!
//! `service` chooses how the handler of a route is called, `routes` finds it, `plan` is one route as one thread serves it,
//! `binder` makes the handler's arguments from the request (`request_view` is the request as an argument), `settle`
//! makes an answer from its result, and `deferred` does so where that comes later.

mod argument_list;
mod binder;
mod binder_scalars;
mod deferred;
mod faults;
mod plan;
mod request_view;
mod routes;
mod service;
mod settle;
mod websocket;

pub(crate) use request_view::Request;
pub(crate) use routes::route_template;
pub(crate) use service::{NativeService, native_service};
pub(crate) use websocket::WebSocketCall;
