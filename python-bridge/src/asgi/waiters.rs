//! `receive()`s and `send()`s that wait. Any news wakes all of them, and each looks for itself.

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;

use super::waiter::Waiter;
use crate::hosted_loop::AsyncioLoop;
use crate::python::errors::log_exception;

/// Those of one request. Used on the thread of its loop.
#[derive(Default)]
pub(super) struct Waiters(Mutex<Vec<Py<Waiter>>>);

impl Waiters {
    /// A new one, of this loop.
    pub(super) fn add<'py>(
        &self,
        py: Python<'py>,
        asyncio: &AsyncioLoop,
    ) -> PyResult<Bound<'py, Waiter>> {
        let waiter = Bound::new(py, Waiter::of(asyncio.event_loop(py)))?;
        let mut waiting = self.waiting();
        // With an app that polls with a timeout, waiters of cancelled tasks must not pile up.
        let (gone, kept) = std::mem::take(&mut *waiting)
            .into_iter()
            .partition(|waiter| waiter.get().is_done());
        *waiting = kept;
        waiting.push(waiter.clone().unbind());
        drop(waiting);
        drop::<Vec<_>>(gone);
        Ok(waiter)
    }

    /// Wakes all of them: their tasks go on in the loop's next round.
    pub(super) fn wake(&self, py: Python<'_>) {
        for waiter in self.take() {
            note(py, Waiter::wake_soon(waiter.bind(py)));
        }
    }

    /// Wakes all of them, and their tasks go on before this returns: it spares each a way through the loop's queue.
    /// Call where no task is running.
    pub(super) fn wake_now(&self, py: Python<'_>, asyncio: &AsyncioLoop) {
        let woken = self.take();
        if woken.is_empty() {
            return;
        }
        let ran = asyncio.as_running(py, true, || {
            for waiter in woken {
                note(py, Waiter::wake_now(waiter.bind(py)));
            }
            Ok(())
        });
        note(py, ran);
    }

    fn take(&self) -> Vec<Py<Waiter>> {
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Py<Waiter>>> {
        // Never held while Python runs.
        self.0.lock()
    }
}

/// A waiter that cannot be woken keeps no other from it.
fn note(py: Python<'_>, woken: PyResult<()>) {
    if let Err(error) = woken {
        log_exception(py, &error, "an ASGI app that waits could not be woken");
    }
}
