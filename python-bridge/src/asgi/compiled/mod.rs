//! Requests that a compiled plan serves instead of the app that it was made of. Re-exports only; knows no framework.
//!
//! A plan is a coroutine function with one argument, the `call` of the request. `front` knows which plan serves which
//! request, and `table_entries` reads what it is told of them; `call` is what a plan sees, and `query` reads a query as
//! Python does; `object_lists` compares lists of routes. Whatever happens to the coroutine happens to an app's as well: a call is an HTTP cycle whose scope is made
//! when it is asked for, and whose simple answers need no messages.

mod call;
mod front;
mod object_lists;
mod query;
mod table_entries;

pub(crate) use call::CompiledCall;
pub(crate) use front::CompiledFront;
pub(super) use front::Planned;
pub(crate) use object_lists::same_objects;
