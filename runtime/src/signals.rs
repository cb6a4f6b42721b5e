//! Unix signals as calls on a thread of their own.

use std::io;
use std::thread::JoinHandle;

use signal_hook::iterator::{Handle, Signals};

/// Listens until it is dropped.
pub(crate) struct SignalThread {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl SignalThread {
    pub(crate) fn start(
        numbers: &[i32],
        told: impl Fn(i32) + Send + 'static,
    ) -> io::Result<SignalThread> {
        let mut signals = Signals::new(numbers)?;
        let handle = signals.handle();
        let thread = std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for signal in &mut signals {
                    told(signal);
                }
            })?;
        Ok(SignalThread {
            handle,
            thread: Some(thread),
        })
    }
}

impl Drop for SignalThread {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
