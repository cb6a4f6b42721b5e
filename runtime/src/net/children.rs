//! What a forked child of this process does not keep: the listeners, and the connections that were accepted on them. Knows no
//! engine and no Python.
//!
//! A child that an app forks (multiprocessing, `os.fork`) has copies of all descriptors. Its listener would take connections
//! that nobody accepts, and keep the port when the server has gone. So `/dev/null` takes the place of each in the child:
//! code that still believes it owns the number can neither reach a client with it nor close another file. Programs that
//! the app starts get none of them anyway (close-on-exec).
//!
//! The child finds what is ours by the local port of its sockets, so that no connection pays for being remembered.
//!
//! `unsafe` here: between fork and the rest of the child's life only what is safe in a signal handler may be called. That is
//! system calls alone: no lock, no allocation.

use std::fs::File;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU16, Ordering::SeqCst};

/// Servers of one process that can be remembered at once; those beyond share their sockets with children.
const PORTS_MAX: usize = 16;
/// Descriptors that are looked at where `/proc` cannot be read.
const NUMBERS_MAX: RawFd = 65_536;
/// Entries of `/proc/self/fd` that are read at once.
const ENTRIES_BYTES: usize = 4096;
/// Where a `struct linux_dirent64` has its length and its name.
const LENGTH_AT: usize = 16;
const NAME_AT: usize = 19;

static PORTS: [AtomicU16; PORTS_MAX] = [const { AtomicU16::new(0) }; PORTS_MAX];
static IS_CHILD: AtomicBool = AtomicBool::new(false);
static NULL: AtomicI32 = AtomicI32::new(-1);

/// The port of a server of this process, for as long as the server has it.
#[derive(Debug)]
pub(crate) struct OwnPort(Option<&'static AtomicU16>);

impl OwnPort {
    pub(crate) fn claim(port: u16) -> OwnPort {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
                NULL.store(null.into_raw_fd(), SeqCst);
                // SAFETY: `in_child` keeps to what may be called in a child, and stays where it is.
                unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
            }
        });
        if IS_CHILD.swap(false, SeqCst) {
            // What the parent served does not concern a child that serves.
            PORTS.iter().for_each(|port| port.store(0, SeqCst));
        }
        let is_taken = |place: &&AtomicU16| place.compare_exchange(0, port, SeqCst, SeqCst).is_ok();
        OwnPort(PORTS.iter().find(is_taken))
    }
}

impl Drop for OwnPort {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            place.store(0, SeqCst);
        }
    }
}

/// This process was forked from one that serves, and serves nothing itself.
#[inline]
pub fn is_child() -> bool {
    IS_CHILD.load(std::sync::atomic::Ordering::Relaxed)
}

/// Call where an app's code returns to the server. A child that gets here has lost its way: everything that it could do
/// here is its parent's.
#[inline]
pub fn end_if_child() {
    if is_child() {
        end_child();
    }
}

#[cold]
fn end_child() {
    const WORDS: &[u8] =
        b"turbo-shard: a child that the app forked came back into the server; it ends here, \
        as os._exit(0) would have ended it\n";
    // SAFETY: writes bytes that are there, and ends the process.
    unsafe {
        libc::write(2, WORDS.as_ptr().cast(), WORDS.len());
        libc::_exit(0)
    }
}

extern "C" fn in_child() {
    IS_CHILD.store(true, SeqCst);
    if PORTS.iter().any(|port| port.load(SeqCst) != 0) && !drop_listed() {
        (0..NUMBERS_MAX).for_each(drop_if_ours);
    }
}

/// Looks at all open descriptors. Returns false if they cannot be listed.
fn drop_listed() -> bool {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path is a terminated string.
    let listing = unsafe { libc::open(c"/proc/self/fd".as_ptr(), flags) };
    if listing < 0 {
        return false;
    }
    let mut entries = [0_u8; ENTRIES_BYTES];
    loop {
        // SAFETY: the call writes to `entries`, no more than it holds.
        let read = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                listing,
                entries.as_mut_ptr(),
                entries.len(),
            )
        };
        let Ok(read @ 1..) = usize::try_from(read) else {
            break;
        };
        let mut rest = &entries[..read.min(ENTRIES_BYTES)];
        while let Some(&[low, high]) = rest.get(LENGTH_AT..LENGTH_AT + 2) {
            let length = usize::from(u16::from_ne_bytes([low, high]));
            if let Some(number) = rest.get(NAME_AT..).and_then(number_of)
                && number != listing
            {
                drop_if_ours(number);
            }
            rest = match rest.get(length..) {
                Some(rest) if length > 0 => rest,
                _ => break,
            };
        }
    }
    // SAFETY: it was opened here.
    unsafe { libc::close(listing) };
    true
}

/// A terminated name as a number, if it is one.
fn number_of(name: &[u8]) -> Option<RawFd> {
    let digits = name.split(|&byte| byte == 0).next()?;
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |number: RawFd, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(RawFd::from(digit))
    })
}

fn drop_if_ours(fd: RawFd) {
    if is_ours(fd) {
        // SAFETY: gives the number to another file, which the number's owner then closes.
        unsafe { libc::dup3(NULL.load(SeqCst), fd, libc::O_CLOEXEC) };
    }
}

/// Whether `fd` is a TCP socket with the port of a server of ours: a listener, or a connection that one has accepted.
fn is_ours(fd: RawFd) -> bool {
    let mut kind: libc::c_int = 0;
    let mut kind_len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the call writes one int to `kind`.
    let asked = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut kind_len,
        )
    };
    if asked != 0 || kind != libc::SOCK_STREAM {
        return false;
    }
    // SAFETY: an address of zeroes is one; the call writes no more than it holds.
    let (named, address) = unsafe {
        let mut address: libc::sockaddr_in6 = std::mem::zeroed();
        let mut len = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        let named = libc::getsockname(fd, (&raw mut address).cast(), &raw mut len);
        (named, address)
    };
    let is_internet = [libc::AF_INET, libc::AF_INET6].contains(&i32::from(address.sin6_family));
    // IPv4 has its port at the same place.
    let port = u16::from_be(address.sin6_port);
    named == 0 && is_internet && port != 0 && PORTS.iter().any(|place| place.load(SeqCst) == port)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn only_the_sockets_of_a_server_are_ours_and_only_while_it_has_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("[::1]:0").unwrap();
        let port = OwnPort::claim(listener.local_addr().unwrap().port());
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let foreign = [other.as_raw_fd(), client.as_raw_fd(), 0, 1, 2, -1, 60_000];
        assert!(is_ours(listener.as_raw_fd()) && is_ours(accepted.as_raw_fd()));
        assert!(foreign.iter().all(|&fd| !is_ours(fd)));
        let sixth = OwnPort::claim(other.local_addr().unwrap().port());
        assert!(is_ours(other.as_raw_fd()));
        drop((port, sixth));
        assert!(!is_ours(listener.as_raw_fd()) && !is_ours(accepted.as_raw_fd()));
    }

    #[test]
    fn names_of_descriptors_are_numbers() {
        assert_eq!(number_of(b"17\0\0\0"), Some(17));
        assert_eq!(number_of(b"0"), Some(0));
        for name in [&b".\0"[..], b"..\0", b"\0", b"1a\0", b"99999999999\0"] {
            assert_eq!(number_of(name), None);
        }
    }
}
