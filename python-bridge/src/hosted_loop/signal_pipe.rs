//! Python's signals on a shard that lives on the main thread (a worker of the process mode): its handlers run there and
//! nowhere else, and a sleeping shard must be woken for them. Knows nothing of what they do.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::python::errors::log_exception;
use crate::python::names;

/// What CPython writes to when a signal arrives that has a Python handler.
pub(crate) struct SignalPipe {
    reader: UnixStream,
    /// Kept open: CPython has its number.
    _writer: UnixStream,
}

impl SignalPipe {
    /// Takes over the interpreter's wake-up descriptor where the calling thread is the main one.
    pub(super) fn of_main_thread(py: Python<'_>) -> PyResult<Option<SignalPipe>> {
        // SAFETY: both only ask. Python's main thread is the process's, unless a program has embedded Python.
        if unsafe { libc::getpid() != libc::gettid() } {
            return Ok(None);
        }
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        wake_by(py, writer.as_raw_fd())?;
        Ok(Some(SignalPipe {
            reader,
            _writer: writer,
        }))
    }

    /// Polls readable when a signal has arrived.
    pub(super) fn fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// Runs the handlers of signals that have arrived. What one raises can only go to the log.
    pub(super) fn hear(&self, py: Python<'_>) {
        let mut numbers = [0; 64];
        if matches!((&self.reader).read(&mut numbers), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        {
            return;
        }
        while let Err(error) = py.check_signals() {
            log_exception(py, &error, "a signal handler raised");
        }
    }

    /// The interpreter must not write to a descriptor that is about to be closed.
    pub(super) fn close(&self, py: Python<'_>) {
        if let Err(error) = wake_by(py, -1) {
            log_exception(py, &error, "signals cannot be given back");
        }
    }
}

fn wake_by(py: Python<'_>, fd: RawFd) -> PyResult<()> {
    let options = PyDict::new(py);
    // A full pipe wakes as well as one with room.
    options.set_item("warn_on_full_buffer", false)?;
    names::SET_WAKEUP_FD.find(py)?.call((fd,), Some(&options))?;
    Ok(())
}
