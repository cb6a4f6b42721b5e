//! Asks the kernel for what glommio needs of io_uring, with raw system calls. glommio must not ask: where the answer is no it
//! panics, or ends the process.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use turbo_shard_ring::{enter_empty, explain};

/// glommio locks its rings in memory; below this it refuses to start.
pub(crate) const MEMLOCK_BYTES_MIN: u64 = 512 * 1024;
const IORING_REGISTER_PROBE: libc::c_uint = 8;
const IO_URING_OP_SUPPORTED: u16 = 1;
/// `struct io_uring_params` of <linux/io_uring.h>.
const PARAMS_BYTES: usize = 120;
const PROBE_OPS: usize = 256;

/// Operations that glommio uses for sockets and timers (<linux/io_uring.h>, `enum io_uring_op`).
const OPS_NEEDED: [(usize, &str); 10] = [
    (0, "NOP"),
    (6, "POLL_ADD"),
    (7, "POLL_REMOVE"),
    (11, "TIMEOUT"),
    (12, "TIMEOUT_REMOVE"),
    (13, "ACCEPT"),
    (14, "ASYNC_CANCEL"),
    (16, "CONNECT"),
    (22, "READ"),
    (23, "WRITE"),
];

/// `struct io_uring_probe_op`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct ProbeOp {
    op: u8,
    reserved: u8,
    flags: u16,
    reserved2: u32,
}

/// `struct io_uring_probe` with room for every operation there can be.
#[repr(C)]
struct Probe {
    last_op: u8,
    ops_len: u8,
    reserved: u16,
    reserved2: [u32; 3],
    ops: [ProbeOp; PROBE_OPS],
}

/// Whether io_uring can be used here as glommio needs it; otherwise why not and what would help.
pub(crate) fn probe() -> Result<(), String> {
    check_memlock()?;
    let ring = set_up_ring().map_err(|error| explain(&error))?;
    enter_empty(ring.as_raw_fd()).map_err(|error| explain(&error))?;
    let mut probe = Probe {
        last_op: 0,
        ops_len: 0,
        reserved: 0,
        reserved2: [0; 3],
        ops: [ProbeOp::default(); PROBE_OPS],
    };
    // SAFETY: REGISTER_PROBE writes at most PROBE_OPS entries behind the header, which `probe` has room for.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_io_uring_register,
            ring.as_raw_fd(),
            IORING_REGISTER_PROBE,
            &raw mut probe,
            PROBE_OPS,
        )
    };
    if answer != 0 {
        return Err(format!(
            "this kernel cannot say which io_uring operations it has ({}); Linux 5.8 or newer is needed",
            io::Error::last_os_error()
        ));
    }
    match OPS_NEEDED
        .iter()
        .find(|(op, _)| probe.ops[*op].flags & IO_URING_OP_SUPPORTED == 0)
    {
        Some((_, name)) => Err(format!(
            "this kernel's io_uring has no {name}; Linux 5.8 or newer is needed"
        )),
        None => Ok(()),
    }
}

fn set_up_ring() -> io::Result<OwnedFd> {
    let mut params = [0_u8; PARAMS_BYTES];
    // SAFETY: `params` is as large as the kernel's struct, zeroed as it asks, and lives through the call.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, params.as_mut_ptr()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just handed out this descriptor; nothing else has it. Descriptors fit an i32.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn check_memlock() -> Result<(), String> {
    // SAFETY: rlimit is plain old data; getrlimit fills it.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: `limit` is writable and lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } == 0
        && limit.rlim_cur < MEMLOCK_BYTES_MIN
    {
        return Err(format!(
            "RLIMIT_MEMLOCK is {} KiB, glommio needs {} KiB (ulimit -l)",
            limit.rlim_cur / 1024,
            MEMLOCK_BYTES_MIN / 1024
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_structs_have_the_kernel_s_sizes() {
        assert_eq!(size_of::<ProbeOp>(), 8);
        assert_eq!(size_of::<Probe>(), 16 + 8 * PROBE_OPS);
    }
}
