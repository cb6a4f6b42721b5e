//! What probes of io_uring need: patience, a thread of their own, and words for a refusal. Knows no rings.

use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// How long rings that have ended may take to give back what they had locked, and how often we look.
const PATIENCE: Duration = Duration::from_millis(500);
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A ring that has ended interrupts its thread's system calls for some time: each probe gets a thread of its own.
pub fn on_own_thread<T: Send>(
    probe: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, probe);
        let thread = thread.map_err(|error| format!("no thread could be started: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|_panic| Err(String::from("the probe of io_uring panicked")))
    })
}

/// Enters a ring with nothing to do: a filter may let rings be made and forbid this.
pub fn enter_empty(ring: RawFd) -> io::Result<()> {
    // SAFETY: nothing is submitted and nothing waited for; no memory is handed over.
    let entered = unsafe { libc::syscall(libc::SYS_io_uring_enter, ring, 0, 0, 0, 0, 0) };
    if entered < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Tries again what finds no memory to lock: rings that have ended give theirs back some milliseconds late.
pub fn with_patience<T>(mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match make() {
            Err(error) if is_short_of_memory(&error) && Instant::now() < deadline => {
                std::thread::sleep(BETWEEN_TRIES);
            }
            made => return made,
        }
    }
}

/// Whether a limit of locked memory has refused.
pub fn is_short_of_memory(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOMEM)
}

/// Why there is no ring, and what would help.
pub fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => {
            String::from("this kernel has no io_uring, or a seccomp filter hides it")
        }
        Some(libc::EPERM) => {
            let setting =
                fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
            match setting.trim() {
                "" | "0" => String::from(
                    "io_uring is forbidden here, by a container's seccomp filter most likely",
                ),
                value => format!(
                    "io_uring is forbidden here: sysctl kernel.io_uring_disabled is {value}"
                ),
            }
        }
        Some(libc::ENOMEM) => String::from(
            "RLIMIT_MEMLOCK leaves too little memory to lock for io_uring; raise it (ulimit -l; `turbo-shard doctor` says how far)",
        ),
        _ => format!("io_uring could not be set up: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_explained_by_what_helps() {
        assert!(explain(&io::Error::from_raw_os_error(libc::ENOMEM)).contains("ulimit -l"));
        assert!(explain(&io::Error::from_raw_os_error(libc::ENOSYS)).contains("no io_uring"));
        assert!(explain(&io::Error::from_raw_os_error(libc::EPERM)).contains("forbidden"));
    }
}
