//! Unix signals as calls on a thread of their own, for as long as a server runs.
//!
//! The handlers that were there before (Python's, for one) are put back exactly as they were, and a later server in the
//! same process installs ours again; signal-handling crates keep theirs for ever once installed and do not cope with
//! another handler that comes and goes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread::JoinHandle;

/// Written instead of a signal's number to end the thread.
const END: u8 = 0;

/// Where the handler writes. The pipe is made once and never closed: a handler may be about to write at any time.
static BELL: AtomicI32 = AtomicI32::new(-1);
static PIPE: OnceLock<(File, File)> = OnceLock::new();
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Listens until it is dropped. There is one at a time in a process.
pub(crate) struct SignalThread {
    previous: Vec<(i32, libc::sigaction)>,
    thread: Option<JoinHandle<()>>,
}

impl SignalThread {
    /// Calls `told` with the number of each signal of `numbers` that arrives.
    pub(crate) fn start(
        numbers: &[i32],
        told: impl Fn(i32) + Send + 'static,
    ) -> io::Result<SignalThread> {
        if IN_USE.swap(true, Ordering::AcqRel) {
            return Err(io::Error::other(
                "another server of this process handles them already",
            ));
        }
        let mut listening = SignalThread {
            previous: Vec::new(),
            thread: None,
        };
        let (mut reader, _) = pipe()?;
        let listen = move || {
            let mut byte = [END];
            while matches!(reader.read(&mut byte), Ok(1)) && byte[0] != END {
                told(i32::from(byte[0]));
            }
        };
        listening.thread = Some(
            std::thread::Builder::new()
                .name("signals".into())
                .spawn(listen)?,
        );
        for number in numbers {
            let action = action_of(ring);
            listening
                .previous
                .push((*number, replace_action(*number, &action)?));
        }
        Ok(listening)
    }
}

impl Drop for SignalThread {
    fn drop(&mut self) {
        for (number, action) in self.previous.drain(..) {
            let _ = replace_action(number, &action);
        }
        if let (Some(thread), Some((_, writer))) = (self.thread.take(), PIPE.get()) {
            let mut writer: &File = writer;
            if writer.write_all(&[END]).is_ok() {
                let _ = thread.join();
            }
        }
        IN_USE.store(false, Ordering::Release);
    }
}

/// Makes a signal that would end the process do nothing, until a server hears it. A handler that is there already stays.
pub fn disarm_signal(number: i32) -> io::Result<()> {
    if current_action(number)?.sa_sigaction == libc::SIG_DFL {
        replace_action(number, &action_of(hush))?;
    }
    Ok(())
}

/// Whether nobody but this module has a handler for it.
pub(crate) fn is_free(number: i32) -> bool {
    current_action(number).is_ok_and(|action| {
        [libc::SIG_DFL, hush as *const () as usize].contains(&action.sa_sigaction)
    })
}

/// Not `SIG_IGN`, which the programs that an app starts would inherit.
extern "C" fn hush(_number: i32) {}

/// Makes the pipe: returns its reading end, and puts its writing end where the handler finds it.
fn pipe() -> io::Result<(&'static File, &'static File)> {
    if PIPE.get().is_none() {
        let mut ends = [-1; 2];
        // SAFETY: pipe2 writes two descriptors into `ends`, which is what it has room for.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: both are fresh from the kernel and nothing else has them.
        let [reader, writer] = ends.map(|end| File::from(unsafe { OwnedFd::from_raw_fd(end) }));
        // `IN_USE` lets one thread in here at a time.
        let _ = PIPE.set((reader, writer));
    }
    let (reader, writer) = PIPE.get().ok_or(io::ErrorKind::NotFound)?;
    BELL.store(writer.as_raw_fd(), Ordering::Release);
    Ok((reader, writer))
}

/// Runs in whatever thread the kernel chose, between two instructions: one write, nothing else.
extern "C" fn ring(number: i32) {
    // The numbers handled here are below 32.
    let byte = number as u8;
    // SAFETY: errno is this thread's own; write(2) is async-signal-safe, `byte` is one readable byte, and the descriptor
    // is never closed (see `BELL`).
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::write(BELL.load(Ordering::Acquire), ptr::from_ref(&byte).cast(), 1);
        *errno = before;
    }
}

fn current_action(number: i32) -> io::Result<libc::sigaction> {
    let mut current = MaybeUninit::uninit();
    // SAFETY: without a new action the call only writes the current one.
    if unsafe { libc::sigaction(number, ptr::null(), current.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: sigaction succeeded, so it has filled `current`.
    Ok(unsafe { current.assume_init() })
}

fn action_of(handler: extern "C" fn(i32)) -> libc::sigaction {
    // SAFETY: sigaction is plain old data, for which zeroes are a value; sigemptyset then fills the mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the mask is ours and writable.
    unsafe { libc::sigemptyset(&raw mut action.sa_mask) };
    action
}

fn replace_action(number: i32, action: &libc::sigaction) -> io::Result<libc::sigaction> {
    let mut previous = MaybeUninit::uninit();
    // SAFETY: `action` is a whole sigaction: a function above, which is async-signal-safe, or what the kernel gave us
    // before.
    if unsafe { libc::sigaction(number, action, previous.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: sigaction succeeded, so it has filled `previous`.
    Ok(unsafe { previous.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler_of(number: i32) -> usize {
        current_action(number).unwrap().sa_sigaction
    }

    #[test]
    fn a_signal_that_is_disarmed_ends_nothing_and_is_free_for_a_server() {
        assert!(is_free(libc::SIGUSR1));
        disarm_signal(libc::SIGUSR1).unwrap();
        // SAFETY: SIGUSR1 has a handler now.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        assert!(is_free(libc::SIGUSR1));
        let before = replace_action(libc::SIGUSR1, &action_of(ring)).unwrap();
        disarm_signal(libc::SIGUSR1).unwrap();
        assert!(!is_free(libc::SIGUSR1), "a handler stays");
        replace_action(libc::SIGUSR1, &before).unwrap();
    }

    #[test]
    fn signals_are_told_one_server_after_another_and_the_old_handler_comes_back() {
        let before = handler_of(libc::SIGUSR2);
        for _ in 0..2 {
            let (tell, told) = crossbeam_channel::unbounded();
            let listening = SignalThread::start(&[libc::SIGUSR2], move |number| {
                let _ = tell.send(number);
            });
            let listening = listening.unwrap();
            assert!(
                SignalThread::start(&[libc::SIGUSR2], |_| {}).is_err(),
                "one at a time"
            );
            // SAFETY: SIGUSR2 has our handler now.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
            assert_eq!(
                told.recv_timeout(std::time::Duration::from_secs(20)),
                Ok(libc::SIGUSR2)
            );
            drop(listening);
            assert_eq!(handler_of(libc::SIGUSR2), before);
        }
    }
}
