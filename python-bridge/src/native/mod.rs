//! The service of native apps. Re-exports only.
//!
//! `service` chooses how the handler of a route is called, `routes` finds it (`mounts` has the files), `plan` is one route as one thread serves it,
//! `binder` makes the handler's arguments from the parts of the request (`incoming`; `request_view` is the request as an
//! argument), `arguments` has it do so for calls that Python makes, `settle` makes an answer from a call's result, and
//! `deferred` does so where that comes later.

mod argument_list;
mod arguments;
mod binder;
mod binder_scalars;
mod deferred;
mod faults;
mod incoming;
mod mounts;
mod parts;
mod plan;
mod request_view;
mod routes;
mod service;
mod settle;
mod websocket;

pub(crate) use arguments::Arguments;
pub(crate) use mounts::read_mount;
pub(crate) use request_view::Request;
pub(crate) use routes::route_template;
pub(crate) use service::{NativeService, native_service};
pub(crate) use websocket::WebSocketCall;
