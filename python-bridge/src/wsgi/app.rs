//! A WSGI app, on its way to every thread that calls it. Knows no calls.

use pyo3::prelude::*;

use super::environ::EnvironParts;
use crate::python::thread::Owned;

/// What a call of the app needs, on any thread.
pub(super) struct WsgiApp {
    pub(super) application: Owned<PyAny>,
    pub(super) parts: EnvironParts,
}
