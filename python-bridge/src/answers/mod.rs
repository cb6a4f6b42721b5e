//! What goes back for a request, for every interface. Names its modules only.
//!
//! `reply_reader` reads what a handler returned, `lines` are the header lines of a media type, `overload` is the 503 of
//! a pool without room.

pub(crate) mod lines;
pub(crate) mod overload;
pub(crate) mod reply_reader;
