//! An answer of a WSGI app: its head, and how far it has gone out. Knows no environ, and not how the app speaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use turbo_shard_runtime::protocol::BodyLength;
use turbo_shard_runtime::{Flow, HttpReply};

use super::body::{Left, ended, hold, not_called, send_held, too_long};
use super::head::{Head, is_bodiless};
use crate::streaming::{Gate, Gone};

/// Why an answer ends before its time.
pub(super) enum Broken {
    /// The peer is gone.
    PeerLeft,
    /// The app raised this, or did what it must not.
    App(PyErr),
}

impl From<PyErr> for Broken {
    fn from(error: PyErr) -> Broken {
        Broken::App(error)
    }
}

/// Whether an answer wants more pieces of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    MayGoOn,
    /// It has no body, however long the app's is.
    HasNoBody,
}

/// How far the answer has come.
enum Phase {
    /// Nothing has gone out.
    Due { head: Option<Head>, outlet: Outlet },
    /// The head has, and the body is on its way.
    Body {
        handle: HttpReply,
        gate: Arc<Gate>,
        left: Left,
    },
    /// Everything has gone out, but the app may not know it yet.
    Sent { has_body: bool },
    /// The request is over.
    Ended,
}

/// Where the answer goes.
enum Outlet {
    Handle(HttpReply),
    /// The call is on the connection's own thread, which cannot write before it has returned: what `write` was given.
    Held(Vec<u8>),
}

/// An app's answer.
///
/// An app may begin it from threads of its own. What changes is behind a lock; nothing waits and no Python runs while it
/// is held.
pub(super) struct WsgiResponse {
    answers_head: bool,
    /// `write` was used, which a call on the shard must hold back.
    is_written: AtomicBool,
    phase: Mutex<Phase>,
}

impl WsgiResponse {
    /// Sends its answer by itself, from any thread.
    pub(super) fn through(handle: HttpReply, answers_head: bool) -> WsgiResponse {
        WsgiResponse::new(Outlet::Handle(handle), answers_head)
    }

    /// Keeps what it is told, for the connection's thread to send.
    pub(super) fn held(answers_head: bool) -> WsgiResponse {
        WsgiResponse::new(Outlet::Held(Vec::new()), answers_head)
    }

    fn new(outlet: Outlet, answers_head: bool) -> WsgiResponse {
        WsgiResponse {
            answers_head,
            is_written: AtomicBool::new(false),
            phase: Mutex::new(Phase::Due { head: None, outlet }),
        }
    }

    /// The app says which head the answer has; one that it said before is replaced, if that is what it wants.
    pub(super) fn set_head(&self, said: Head, replaces: bool) -> PyResult<()> {
        match &mut *self.phase.lock() {
            Phase::Due { head, .. } if head.is_none() || replaces => {
                *head = Some(said);
                Ok(())
            }
            Phase::Due { .. } => Err(PyAssertionError::new_err(
                "start_response was called a second time without exc_info",
            )),
            Phase::Body { .. } | Phase::Sent { .. } => Err(PyAssertionError::new_err(
                "start_response was called after the headers had been sent",
            )),
            Phase::Ended => Err(ended()),
        }
    }

    /// Takes the head of a held answer, which the caller then sends; an error if there is none.
    pub(super) fn take_head(&self) -> Result<Head, Broken> {
        match &mut *self.phase.lock() {
            Phase::Due { head, .. } => head.take().ok_or_else(|| Broken::App(not_called())),
            _ => Err(Broken::App(ended())),
        }
    }

    /// Notes that `write` was used.
    pub(super) fn note_written(&self) {
        self.is_written.store(true, Ordering::Relaxed);
    }

    /// `write` was used.
    pub(super) fn is_written(&self) -> bool {
        self.is_written.load(Ordering::Relaxed)
    }

    /// The caller has sent the head of a held answer: the app can no longer change it.
    pub(super) fn note_sent(&self, has_body: bool) {
        *self.phase.lock() = Phase::Sent { has_body };
    }

    /// A held answer is over.
    pub(super) fn note_end(&self) {
        *self.phase.lock() = Phase::Ended;
    }

    /// Gives up a held answer: what `write` was given still goes out, and ends in the middle.
    pub(super) fn break_off(&self, handle: HttpReply) {
        if let Phase::Due {
            head: Some(Head { status, lines }),
            outlet: Outlet::Held(written),
        } = std::mem::replace(&mut *self.phase.lock(), Phase::Ended)
            && !written.is_empty()
        {
            handle.start(status, lines, BodyLength::Unknown);
            handle.chunk(written);
        }
        handle.fail();
    }

    /// From here on the answer goes out by itself; what `write` was given goes first.
    pub(super) fn release(&self, py: Python<'_>, handle: HttpReply) -> Result<(), Broken> {
        let mut phase = self.phase.lock();
        let written = match &mut *phase {
            Phase::Due { outlet, .. } => match std::mem::replace(outlet, Outlet::Handle(handle)) {
                Outlet::Held(written) => written,
                Outlet::Handle(_) => Vec::new(),
            },
            _ => return Err(Broken::App(ended())),
        };
        drop(phase);
        if written.is_empty() {
            return Ok(());
        }
        self.send(py, &written).map(|_| ())
    }

    /// From here on the rest of a body goes out by itself; its head, and all but what is `left`, has gone.
    pub(super) fn release_rest(&self, handle: HttpReply, left: Left) {
        let gate = Gate::of(&handle);
        *self.phase.lock() = Phase::Body { handle, gate, left };
    }

    /// Sends a piece of the body, and the head before it. Waits for room, detached.
    pub(super) fn send(&self, py: Python<'_>, data: &[u8]) -> Result<Progress, Broken> {
        let mut phase = self.phase.lock();
        let (sent, next) = match std::mem::replace(&mut *phase, Phase::Ended) {
            due @ Phase::Due { head: None, .. } => (Err(Broken::App(not_called())), due),
            Phase::Due {
                head,
                outlet: Outlet::Held(mut written),
            } => {
                let sent = hold(&mut written, data)
                    .map(|()| Sent::There)
                    .map_err(Broken::App);
                let outlet = Outlet::Held(written);
                (sent, Phase::Due { head, outlet })
            }
            Phase::Due {
                head: Some(head),
                outlet: Outlet::Handle(handle),
            } => self.begin(head, handle, data),
            Phase::Body { handle, gate, left } => go_on(handle, gate, left, data),
            Phase::Sent { has_body: false } => (Ok(Sent::Nobody), Phase::Sent { has_body: false }),
            Phase::Sent { has_body: true } => {
                (Err(Broken::App(too_long())), Phase::Sent { has_body: true })
            }
            Phase::Ended => (Err(Broken::App(ended())), Phase::Ended),
        };
        *phase = next;
        drop(phase);
        match sent? {
            Sent::There => Ok(Progress::MayGoOn),
            Sent::Nobody => Ok(Progress::HasNoBody),
            Sent::Wait(gate) if py.detach(|| gate.wait()) == Gone::No => Ok(Progress::MayGoOn),
            Sent::Wait(_) => Err(Broken::PeerLeft),
        }
    }

    /// Sends the head and the first piece of the body.
    fn begin(&self, head: Head, handle: HttpReply, data: &[u8]) -> (Result<Sent, Broken>, Phase) {
        let mut left = Left::of(&head);
        let Head { status, lines } = head;
        if self.has_no_body(status) {
            handle.whole(status, lines, Vec::new());
            return (Ok(Sent::Nobody), Phase::Sent { has_body: false });
        }
        let (fits, is_cut) = left.cut(data);
        if left.is_nothing() {
            // Nothing may follow, so this need not wait for what comes after it.
            handle.whole(status, lines, fits.to_vec());
            let sent = match is_cut {
                true => Err(Broken::App(too_long())),
                false => Ok(Sent::There),
            };
            return (sent, Phase::Sent { has_body: true });
        }
        let gate = Gate::of(&handle);
        handle.start(status, lines, BodyLength::Unknown);
        let flow = handle.chunk(fits.to_vec());
        (after(flow, &gate), Phase::Body { handle, gate, left })
    }

    /// Sends a body that is complete, and ends the answer.
    pub(super) fn finish_with(&self, py: Python<'_>, body: Vec<u8>) -> Result<(), Broken> {
        let mut phase = self.phase.lock();
        match std::mem::replace(&mut *phase, Phase::Ended) {
            Phase::Due {
                head: Some(head),
                outlet: Outlet::Handle(handle),
            } => {
                let mut body = body;
                let (fits, is_cut) = Left::of(&head).cut(&body);
                let is_cut = is_cut && !self.has_no_body(head.status);
                let length = fits.len();
                if is_cut {
                    body.truncate(length);
                }
                handle.whole(head.status, head.lines, body);
                match is_cut {
                    true => Err(Broken::App(too_long())),
                    false => Ok(()),
                }
            }
            // `write` was used before.
            other => {
                *phase = other;
                drop(phase);
                if !body.is_empty() {
                    self.send(py, &body)?;
                }
                self.finish()
            }
        }
    }

    /// The same for a body that is not copied. Returns false where it must be: more or less of it goes out.
    pub(super) fn finish_with_held(&self, bytes: &Bound<'_, PyBytes>) -> bool {
        let mut phase = self.phase.lock();
        match std::mem::replace(&mut *phase, Phase::Ended) {
            Phase::Due {
                head: Some(head),
                outlet: Outlet::Handle(handle),
            } if !is_bodiless(head.status) && Left::of(&head).is_met_by(bytes.as_bytes()) => {
                send_held(handle, head, bytes, self.answers_head);
                true
            }
            other => {
                *phase = other;
                false
            }
        }
    }

    /// The app has nothing more to say.
    pub(super) fn finish(&self) -> Result<(), Broken> {
        let mut phase = self.phase.lock();
        match std::mem::replace(&mut *phase, Phase::Ended) {
            Phase::Due {
                head: Some(Head { status, lines }),
                outlet: Outlet::Handle(handle),
            } => {
                handle.whole(status, lines, Vec::new());
                Ok(())
            }
            due @ Phase::Due { .. } => {
                *phase = due;
                Err(Broken::App(not_called()))
            }
            Phase::Body { handle, .. } => {
                handle.end();
                Ok(())
            }
            Phase::Sent { .. } | Phase::Ended => Ok(()),
        }
    }

    /// Gives up: 500 while nothing has gone out, a cut connection in the middle of the body.
    pub(super) fn fail(&self) {
        match std::mem::replace(&mut *self.phase.lock(), Phase::Ended) {
            Phase::Due {
                outlet: Outlet::Handle(handle),
                ..
            }
            | Phase::Body { handle, .. } => handle.fail(),
            Phase::Due { .. } | Phase::Sent { .. } | Phase::Ended => {}
        }
    }

    /// It is known that no body will go out, so the app need not make one.
    pub(super) fn wants_no_body(&self) -> bool {
        match &*self.phase.lock() {
            Phase::Due {
                head: Some(head), ..
            } => self.has_no_body(head.status),
            Phase::Sent { has_body } => !has_body,
            _ => false,
        }
    }

    /// Whether the connection is known to be gone.
    pub(super) fn peer_left(&self) -> bool {
        match &*self.phase.lock() {
            Phase::Due {
                outlet: Outlet::Handle(handle),
                ..
            }
            | Phase::Body { handle, .. } => handle.peer_left(),
            Phase::Due { .. } | Phase::Sent { .. } | Phase::Ended => false,
        }
    }

    pub(super) fn has_no_body(&self, status: u16) -> bool {
        self.answers_head || is_bodiless(status)
    }

    /// Whether the head has gone out, or as good as that.
    pub(super) fn is_started(&self) -> bool {
        match &*self.phase.lock() {
            Phase::Body { .. } | Phase::Sent { .. } => true,
            // For the app, what it has written has gone.
            Phase::Due {
                outlet: Outlet::Held(written),
                ..
            } => !written.is_empty(),
            Phase::Due { .. } | Phase::Ended => false,
        }
    }
}

/// What became of a piece.
enum Sent {
    There,
    /// No body goes out.
    Nobody,
    /// It is there, and there is room for no other.
    Wait(Arc<Gate>),
}

/// Sends a further piece.
fn go_on(
    handle: HttpReply,
    gate: Arc<Gate>,
    mut left: Left,
    data: &[u8],
) -> (Result<Sent, Broken>, Phase) {
    let (fits, is_cut) = left.cut(data);
    let flow = match fits.is_empty() {
        true => Flow::Ready,
        false => handle.chunk(fits.to_vec()),
    };
    if is_cut && flow != Flow::PeerLeft {
        // The client has got what it was promised.
        handle.end();
        return (Err(Broken::App(too_long())), Phase::Sent { has_body: true });
    }
    (after(flow, &gate), Phase::Body { handle, gate, left })
}

fn after(flow: Flow, gate: &Arc<Gate>) -> Result<Sent, Broken> {
    match flow {
        Flow::Ready => Ok(Sent::There),
        Flow::Wait => Ok(Sent::Wait(Arc::clone(gate))),
        Flow::PeerLeft => Err(Broken::PeerLeft),
    }
}
