//! What goes back for a request, for every interface. Names its modules only.
//!
//! `reply_reader` reads what a handler returned, `overload` is the 503 of a pool without room.

pub(crate) mod overload;
pub(crate) mod reply_reader;
