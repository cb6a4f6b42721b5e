//! What a forked child of this process does not keep: the listeners, and the connections that were accepted on them. Knows no
//! engine and no Python.
//!
//! A child that an app forks (multiprocessing, `os.fork`) has copies of all descriptors. Its listener would take connections
//! that nobody accepts, and keep the port when the server has gone. So `/dev/null` takes the place of each in the child:
//! code that still believes it owns the number can neither reach a client with it nor close another file. Programs that
//! the app starts get none of them anyway (close-on-exec).
//!
//! The child finds what is ours by the local name of its sockets (port or path), so that no connection pays for being
//! remembered.
//!
//! `unsafe` here: between fork and the rest of the child's life only what is safe in a signal handler may be called. That is
//! system calls alone: no lock, no allocation.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};

/// Addresses of the servers of one process that can be remembered at once; those beyond share their sockets with children.
const ADDRESSES_MAX: usize = 64;
/// Descriptors that are looked at where `/proc` cannot be read.
const NUMBERS_MAX: RawFd = 65_536;
/// Entries of `/proc/self/fd` that are read at once.
const ENTRIES_BYTES: usize = 4096;
/// Where a `struct linux_dirent64` has its length and its name.
const LENGTH_AT: usize = 16;
const NAME_AT: usize = 19;

static NAMES: [AtomicU64; ADDRESSES_MAX] = [const { AtomicU64::new(0) }; ADDRESSES_MAX];
static IS_CHILD: AtomicBool = AtomicBool::new(false);
static NULL: AtomicI32 = AtomicI32::new(-1);

/// The address of a server of this process, for as long as the server has it.
#[derive(Debug)]
pub(crate) struct OwnAddress(Option<&'static AtomicU64>);

impl OwnAddress {
    pub(crate) fn claim(listener: &impl AsFd) -> OwnAddress {
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
            NAMES.iter().for_each(|name| name.store(0, SeqCst));
        }
        let Some(name) = name_of(listener.as_fd().as_raw_fd()) else {
            return OwnAddress(None);
        };
        let is_taken = |place: &&AtomicU64| place.compare_exchange(0, name, SeqCst, SeqCst).is_ok();
        OwnAddress(NAMES.iter().find(is_taken))
    }
}

impl Drop for OwnAddress {
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
    if NAMES.iter().any(|name| name.load(SeqCst) != 0) && !drop_listed() {
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

/// Whether `fd` is a socket with the name of a server of ours: a listener, or a connection that one has accepted.
fn is_ours(fd: RawFd) -> bool {
    name_of(fd).is_some_and(|name| NAMES.iter().any(|place| place.load(SeqCst) == name))
}

/// The local name of a stream socket as a number that is not 0: the port of TCP, a hash of a Unix socket's path.
fn name_of(fd: RawFd) -> Option<u64> {
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
        return None;
    }
    let mut address = [0_u8; size_of::<libc::sockaddr_un>() + 1];
    let mut len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the call writes no more than it is told that there is.
    if unsafe { libc::getsockname(fd, address.as_mut_ptr().cast(), &raw mut len) } != 0 {
        return None;
    }
    let &[low, high, ref rest @ ..] = address.get(..len as usize)? else {
        return None;
    };
    match (i32::from(u16::from_ne_bytes([low, high])), rest) {
        // IPv6 has its port at the same place.
        (libc::AF_INET | libc::AF_INET6, &[high, low, ..]) => {
            Some(u64::from(u16::from_be_bytes([high, low]))).filter(|port| *port != 0)
        }
        (libc::AF_UNIX, path) if !path.is_empty() => Some(hash_of(path) | HASHED),
        _ => None,
    }
}

/// No port has this bit.
const HASHED: u64 = 1 << 63;

/// FNV-1a.
fn hash_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn only_the_sockets_of_a_server_are_ours_and_only_while_it_has_its_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("[::1]:0").unwrap();
        let port = OwnAddress::claim(&listener);
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let foreign = [other.as_raw_fd(), client.as_raw_fd(), 0, 1, 2, -1, 60_000];
        assert!(is_ours(listener.as_raw_fd()) && is_ours(accepted.as_raw_fd()));
        assert!(foreign.iter().all(|&fd| !is_ours(fd)));
        let sixth = OwnAddress::claim(&other);
        assert!(is_ours(other.as_raw_fd()));
        drop((port, sixth));
        assert!(!is_ours(listener.as_raw_fd()) && !is_ours(accepted.as_raw_fd()));
    }

    #[test]
    fn a_unix_listener_and_what_it_has_accepted_are_ours() {
        let directory = std::env::temp_dir();
        let at = |name: &str| directory.join(format!("ts-own-{}-{name}", std::process::id()));
        let [listener, other] = ["a", "b"].map(|name| UnixListener::bind(at(name)).unwrap());
        let address = OwnAddress::claim(&listener);
        let client = UnixStream::connect(at("a")).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        for name in ["a", "b"] {
            std::fs::remove_file(at(name)).unwrap();
        }
        assert!(is_ours(listener.as_raw_fd()) && is_ours(accepted.as_raw_fd()));
        assert!(!is_ours(other.as_raw_fd()) && !is_ours(client.as_raw_fd()));
        drop(address);
        assert!(!is_ours(listener.as_raw_fd()));
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
