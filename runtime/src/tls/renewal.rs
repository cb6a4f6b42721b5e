//! Notices that files of certificates have changed, and has them read again. One thread, apart from all that serve.

use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::tls::context::Tls;

/// How often the files are looked at: a look is a few system calls, and a renewed certificate has weeks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks until it is dropped.
pub(crate) struct Renewal {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewal {
    /// A server without this thread serves all the same, so the log is told if there is none.
    pub(crate) fn start(tls: &Tls) -> Renewal {
        let (stop, stopped) = bounded(0);
        let tls = tls.clone();
        let look = move || {
            let mut tried = None;
            while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                if !tls.files_have_changed() {
                    tried = None;
                    continue;
                }
                // Files that change one after another are read once they have stood still.
                let now = tls.stamps_now();
                let stands_still = tried.as_ref().is_some_and(|(stamps, _)| *stamps == now);
                let was_tried = tried.as_ref().is_some_and(|(_, was_tried)| *was_tried);
                match stands_still {
                    false => tried = Some((now, false)),
                    true if !was_tried => {
                        tls.renew();
                        tried = Some((now, true));
                    }
                    true => {}
                }
            }
        };
        let thread = Builder::new().name("certificates".into()).spawn(look);
        if let Err(error) = &thread {
            log::error!("certificates that are renewed will not be noticed: {error}");
        }
        Renewal {
            stop: Some(stop),
            thread: thread.ok(),
        }
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
