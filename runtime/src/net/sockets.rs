//! What engines ask a socket itself, or do to it, by its descriptor. Knows no connections.

use std::os::fd::RawFd;

/// Whether `fd` is readable now. An edge-triggered watch tells of changes only, so this asks for what is left over.
pub(crate) fn polls_readable(fd: RawFd) -> bool {
    polls(fd, libc::POLLIN)
}

/// Whether the peer of `socket` has been heard out: nothing that we want is left to read, and nothing that waits to be
/// sent would find room. The socket is asked itself, because an engine may not have heard yet of what it has received.
pub(crate) fn is_heard_out(socket: RawFd, wants_read: bool, wants_room: bool) -> bool {
    let reads = if wants_read { libc::POLLIN } else { 0 };
    let writes = if wants_room { libc::POLLOUT } else { 0 };
    reads | writes == 0 || !polls(socket, reads | writes)
}

/// Ends the conversation on a socket that is about to be closed: a child that the app has forked may hold a copy of it, and
/// would keep the peer waiting for as long as it lives.
pub(crate) fn end_conversation(socket: RawFd) {
    // SAFETY: a plain system call on a number. A conversation that has ended already is no news.
    unsafe { libc::shutdown(socket, libc::SHUT_RDWR) };
}

fn polls(fd: RawFd, events: libc::c_short) -> bool {
    let mut entry = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: `entry` is one valid pollfd that lives through the call; poll writes to its `revents` only.
    unsafe { libc::poll(&raw mut entry, 1, 0) == 1 }
}
