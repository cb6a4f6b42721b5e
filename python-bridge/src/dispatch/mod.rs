//! Services that call Python: native apps and WSGI apps. Re-exports only.
//!
//! `native` finds the route and chooses how its handler is called, `endpoint` is one route as one thread serves it,
//! `binder` makes the handler's arguments from the request, `clean_context` the context that it is called in, `settle`
//! makes an answer from its result, and `deferred` does so where that comes later. `asgi` and `wsgi` are the services
//! of the other interfaces.

mod argument_list;
mod asgi;
mod binder;
mod binder_scalars;
mod clean_context;
mod deferred;
mod endpoint;
mod faults;
mod native;
mod overload;
mod request_text;
mod settle;
mod slow_calls;
mod wsgi;

pub(crate) use asgi::{AsgiService, ScopeOptions};
pub(crate) use clean_context::{copied_context, in_context};
pub(crate) use native::{NativeService, native_service};
pub(crate) use request_text::{cookie_pairs, decode_path_text, decode_query_text, query_pairs};
pub(crate) use wsgi::{InlineRule, WsgiOptions, WsgiService, let_pool_run, wsgi_thread_stops};
