//! One Python thread state for each OS thread's whole life, attached only while Python runs (invariant I4).
//! Knows nothing of loops, handlers or shards.
//!
//! `Python::attach` on a thread without a state makes one and destroys it again, each time, with its heap. So a thread
//! that serves Python announces itself once ([`thread_starts`]) and from then on owns a state:
//!
//! ```text
//!   thread_starts ──► detached ──attached(f)──► attached ──attached(f)──► attached …
//!                        ▲                         │
//!                        └───────thread_parks──────┘        thread_stops: from either
//! ```
//!
//! Between two `attached` calls of a batch the thread stays attached, so that a batch pays for one attach. In that gap
//! PyO3's own count is zero: a `Py<T>` dropped there goes to PyO3's pool, which is right but slower ([`Owned`] avoids
//! it). Threads that never announced themselves (the main thread, threads that Python made) may call [`attached`] too;
//! they are attached for that one call.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;

use super::names;

/// When a thread's state is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detaches {
    /// The thread's owner calls [`thread_parks`] before every wait.
    WhenParked,
    /// At the end of the outermost [`attached`], since [`thread_parks`] is never called there.
    AfterEachCall,
}

/// What this thread knows of its own Python state.
struct OwnState {
    /// Null until the state is made, and on threads whose state is not ours.
    pointer: Cell<*mut ffi::PyThreadState>,
    attached: Cell<bool>,
    /// How many [`attached`] calls are under way: while there is one, its token must stay true.
    depth: Cell<u32>,
    /// The first [`attached`] makes the state.
    made_late: Cell<bool>,
    /// Python's `threading` has not been told the thread's name yet.
    unnamed: Cell<bool>,
    detaches: Cell<Detaches>,
    may_block: Cell<bool>,
}

impl Drop for OwnState {
    /// A thread that ends without [`thread_stops`] must not leave an attached state behind: every later
    /// stop-the-world pause would wait for it for ever.
    fn drop(&mut self) {
        self.depth.set(0);
        destroy(self);
    }
}

thread_local! {
    static OWN: OwnState = const {
        OwnState {
            pointer: Cell::new(ptr::null_mut()),
            attached: Cell::new(false),
            depth: Cell::new(0),
            made_late: Cell::new(false),
            unnamed: Cell::new(false),
            detaches: Cell::new(Detaches::WhenParked),
            may_block: Cell::new(false),
        }
    };
}

/// States are made one after another: many simultaneous first attaches can deadlock (cpython#157666). Only detached
/// threads take it, so a stop-the-world pause never waits for its holder.
static MAKING: Mutex<()> = Mutex::new(());

/// Threads that are no longer waited for, though Python code still runs on them.
static LEFT_BEHIND: AtomicUsize = AtomicUsize::new(0);

/// Counts threads that have been given up.
pub(crate) fn leave_behind(threads: usize) {
    LEFT_BEHIND.fetch_add(threads, Ordering::Relaxed);
}

/// How many threads have been given up. The interpreter must not be finalised under them: it would end them in the
/// middle of Rust code.
pub(crate) fn left_behind() -> usize {
    LEFT_BEHIND.load(Ordering::Relaxed)
}

/// Makes this thread's Python state. The caller promises [`thread_parks`] before every wait.
///
/// Does nothing on a thread that has announced itself already, or that runs Python at this moment.
pub(crate) fn thread_starts() {
    OWN.with(|own| {
        own.detaches.set(Detaches::WhenParked);
        create(own);
    });
}

/// As [`thread_starts`], for a thread that waits without telling: it is detached after each [`attached`].
pub(crate) fn waiting_thread_starts() {
    OWN.with(|own| {
        own.detaches.set(Detaches::AfterEachCall);
        create(own);
    });
}

/// As [`waiting_thread_starts`], for a thread of a blocking pool: work on it may wait as long as it likes. The first
/// [`attached`] makes the state, because the starting thread may be attached while it waits for this one to be ready.
pub(crate) fn blocking_thread_starts() {
    OWN.with(|own| {
        own.detaches.set(Detaches::AfterEachCall);
        own.may_block.set(true);
        own.made_late.set(own.pointer.get().is_null());
    });
}

/// Whether work on this thread may wait ([`blocking_thread_starts`]).
pub(crate) fn thread_may_block() -> bool {
    OWN.with(|own| own.may_block.get())
}

/// Runs `f` with Python, attaching this thread if need be. The thread stays attached until [`thread_parks`].
pub(crate) fn attached<R>(f: impl FnOnce(Python<'_>) -> R) -> R {
    let Some(depth) = Depth::enter() else {
        return Python::attach(f);
    };
    // SAFETY: the interpreter runs (this thread has a state of it, and `restore` has looked for its end). If an outer
    // call has detached the thread (`Python::detach`), PyO3 attaches it again for this call.
    unsafe {
        Python::attach_unchecked(|py| {
            if depth.is_first {
                name_thread(py);
            }
            f(py)
        })
    }
}

/// Gives the state back until the next [`attached`]; nothing happens inside of one. Cheap when already detached.
pub(crate) fn thread_parks() {
    OWN.with(park);
}

/// Runs `f` without Python, also inside of [`attached`]: for what waits for threads that need Python.
pub(crate) fn detached(f: impl FnOnce() + Send) {
    thread_parks();
    match OWN.try_with(|own| own.attached.get()) {
        Ok(true) => Python::attach(|py| py.detach(f)),
        // SAFETY: only asks, and always safe to. A thread of the program's that is attached by itself.
        _ if unsafe { ffi::PyGILState_Check() } == 1 => Python::attach(|py| py.detach(f)),
        _ => f(),
    }
}

/// Destroys this thread's state. Nothing happens on a thread that has none of ours.
pub(crate) fn thread_stops() {
    OWN.with(destroy);
}

/// A `Py<T>` that may be dropped anywhere: dropping attaches, so the object is freed at once, on this thread.
pub(crate) struct Owned<T>(ManuallyDrop<Py<T>>);

impl<T> Owned<T> {
    /// Takes the reference.
    pub(crate) fn new(object: Py<T>) -> Owned<T> {
        Owned(ManuallyDrop::new(object))
    }
}

impl<T> Deref for Owned<T> {
    type Target = Py<T>;

    fn deref(&self) -> &Py<T> {
        &self.0
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: always safe to ask.
        if unsafe { ffi::Py_IsInitialized() == 0 || ffi::Py_IsFinalizing() != 0 } {
            // The interpreter is going or gone, and its objects with it.
            return;
        }
        // SAFETY: the field is taken once, here, and nothing reads it after drop.
        let object = unsafe { ManuallyDrop::take(&mut self.0) };
        let was_attached = OWN.try_with(|own| own.attached.get()).unwrap_or(true);
        attached(|py| object.drop_ref(py));
        if !was_attached {
            // The dropping code may know nothing of Python, and never park again.
            thread_parks();
        }
    }
}

/// One [`attached`] call under way.
struct Depth {
    /// This thread has not run Python before.
    is_first: bool,
}

impl Depth {
    /// Attaches; `None` if this thread has no state of ours, or is so near its end that it has no locals either.
    fn enter() -> Option<Depth> {
        OWN.try_with(|own| {
            if own.made_late.get() {
                create(own);
            }
            if own.pointer.get().is_null() {
                return None;
            }
            if !own.attached.get() {
                restore(own);
            }
            own.depth.set(own.depth.get() + 1);
            Some(Depth {
                is_first: own.unnamed.replace(false),
            })
        })
        .ok()
        .flatten()
    }
}

impl Drop for Depth {
    /// Runs when a panic unwinds through `attached` as well, after PyO3's guard has gone.
    fn drop(&mut self) {
        OWN.with(|own| {
            own.depth.set(own.depth.get() - 1);
            if own.detaches.get() == Detaches::AfterEachCall {
                park(own);
            }
        });
    }
}

fn create(own: &OwnState) {
    own.made_late.set(false);
    // SAFETY: asks for the current thread's state, null if it is detached; needs no state itself.
    if !own.pointer.get().is_null() || !unsafe { ffi::PyThreadState_GetUnchecked() }.is_null() {
        return;
    }
    let _one_at_a_time = MAKING.lock();
    // SAFETY: the interpreter is initialised (this library was imported by it) and the thread is detached.
    // `PyGILState_Ensure` makes the state that PyO3 will find (a bare `PyThreadState_New` it would not), and its count
    // stays at one until `destroy`, so PyO3's own Ensure and Release never end the state's life.
    let pointer = unsafe {
        ffi::PyGILState_Ensure();
        ffi::PyEval_SaveThread()
    };
    own.pointer.set(pointer);
    own.attached.set(false);
    own.unnamed.set(true);
}

/// Gives Python's `threading` the name that the thread was started with: log records carry it.
#[cold]
fn name_thread(py: Python<'_>) {
    let thread = std::thread::current();
    let Some(name) = thread.name() else { return };
    let named = names::CURRENT_THREAD.call0(py).and_then(|current| {
        current.setattr(names::name(py), name)?;
        // What the app starts here would be a daemon as Python takes this thread to be one, and end amid its work.
        current.setattr(names::_daemonic(py), false)
    });
    if let Err(error) = named {
        log::warn!("Python does not know thread {name} by its name: {error}");
    }
}

fn restore(own: &OwnState) {
    // SAFETY: always safe to ask.
    if unsafe { ffi::Py_IsFinalizing() } != 0 {
        // Python ends threads that come back now: 3.13 by unwinding them, which Rust frames do not survive. The
        // process is about to exit; `NativeServer` keeps it from getting here while a server runs.
        loop {
            std::thread::park();
        }
    }
    // SAFETY: the state is this thread's own, made by `create`, and detached as `attached` says.
    unsafe { ffi::PyEval_RestoreThread(own.pointer.get()) };
    own.attached.set(true);
}

fn park(own: &OwnState) {
    if own.attached.get() && own.depth.get() == 0 {
        own.attached.set(false);
        // SAFETY: `attached` says that this thread's own state is the current one, and depth 0 that no token of ours
        // is alive.
        unsafe { ffi::PyEval_SaveThread() };
    }
}

fn destroy(own: &OwnState) {
    if own.pointer.get().is_null() || own.depth.get() != 0 {
        return;
    }
    // SAFETY: always safe to ask.
    if unsafe { ffi::Py_IsInitialized() == 0 || ffi::Py_IsFinalizing() != 0 } {
        // The interpreter destroys what is left of its threads itself.
        own.pointer.set(ptr::null_mut());
        return;
    }
    if !own.attached.get() {
        restore(own);
    }
    own.pointer.set(ptr::null_mut());
    own.attached.set(false);
    // SAFETY: balances the `PyGILState_Ensure` of `create`, on the same thread, attached; the last release clears the
    // state and frees it.
    unsafe { ffi::PyGILState_Release(ffi::PyGILState_STATE::PyGILState_UNLOCKED) };
}
