//! Makes JSON text of Python values. Re-exports only; knows nothing of HTTP, shards or routes.
//!
//! `encode` walks the Python values, `object_view` reads them, `escape` and `number` write text and know no Python,
//! `failure` says what was wrong and where, `python` is the face that Python code sees.

mod encode;
mod escape;
mod failure;
mod number;
mod object_view;
mod python;

pub(crate) use encode::encode;
pub(crate) use python::{encode_jsonable, json_encode};
