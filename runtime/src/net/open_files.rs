//! How many descriptors this process may have. Every connection is one.

use std::io;
use std::mem;

/// Raises the soft limit of open files to the hard one, as servers do: the soft limit of 1024 that many systems start
/// with is there for programs that use select(2). Returns the limit that holds now.
pub(crate) fn raise_limit() -> io::Result<u64> {
    // SAFETY: rlimit is plain old data; getrlimit fills it.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: `limit` is writable and lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is readable and lives through the call.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_can_be_raised_and_stays() {
        let limit = raise_limit().unwrap();
        assert_eq!(raise_limit().unwrap(), limit);
    }
}
