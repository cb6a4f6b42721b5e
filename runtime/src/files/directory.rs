//! A directory that files are opened in, without a way out of it. Knows no requests.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2};
use rustix::io::Errno;

/// Times that a name is looked up again when a directory on its way was moved meanwhile.
const TRIES_MAX: u32 = 4;

/// The open root.
#[derive(Debug)]
pub(super) struct Directory {
    root: OwnedFd,
    way: Way,
}

/// How names are followed below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The kernel (5.6 or later) refuses whatever would leave the root.
    Beneath,
    /// Segment by segment, and through no symbolic link.
    Walk,
    /// Symbolic links may lead anywhere: the user has said so.
    Anywhere,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    pub(super) length: u64,
    /// Since 1970; a file from before that counts as of then.
    pub(super) modified_ns: u64,
    changed: (i64, u64),
    place: (u64, u64),
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(FileState),
    Directory,
    /// Nothing that may be sent: it does not exist, may not be read, leads out of the root, or is a device, pipe or socket.
    Nothing,
}

impl Directory {
    pub(super) fn open(path: &Path, links_may_leave: bool) -> io::Result<Directory> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty())?;
        let mut directory = Directory {
            root,
            way: Way::Beneath,
        };
        if links_may_leave {
            directory.way = Way::Anywhere;
        } else if directory.open_name(b".", flags).is_err() {
            // An old kernel does not know the call; a sandbox may forbid it.
            directory.way = Way::Walk;
        }
        Ok(directory)
    }

    /// What the name stands for now. The name is a path of plain segments, or empty for the directory itself. Nothing is
    /// opened for reading.
    pub(super) fn look(&self, name: &[u8]) -> io::Result<Entry> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match self.open_name(name, flags) {
            Ok(found) => Ok(entry_of(&fstat(found)?)),
            Err(error) if is_absence(error) => Ok(Entry::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the file for reading if it still is in that state.
    pub(super) fn open_file(&self, name: &[u8], state: &FileState) -> io::Result<Option<File>> {
        // Should the name stand for a pipe or a terminal by now, then opening it neither waits nor takes it over.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match self.open_name(name, flags) {
            Ok(file) => file,
            Err(error) if is_absence(error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_same = entry_of(&fstat(&file)?) == Entry::File(*state);
        Ok(is_same.then(|| File::from(file)))
    }

    fn open_name(&self, name: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let name = if name.is_empty() { b"." } else { name };
        match self.way {
            Way::Beneath => self.open_beneath(name, flags),
            Way::Walk => self.walk(name, flags),
            Way::Anywhere => openat(&self.root, name, flags, Mode::empty()),
        }
    }

    fn open_beneath(&self, name: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut tries = 0;
        loop {
            tries += 1;
            match openat2(&self.root, name, flags, Mode::empty(), resolve) {
                // Something was moved while a link with `..` was followed, so the kernel could not tell.
                Err(Errno::AGAIN) if tries < TRIES_MAX => {}
                opened => return opened,
            }
        }
    }

    fn walk(&self, name: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at: Option<OwnedFd> = None;
        let mut left = name;
        while let Some(slash) = left.iter().position(|&byte| byte == b'/') {
            let from = at.as_ref().unwrap_or(&self.root);
            at = Some(openat(from.as_fd(), &left[..slash], step, Mode::empty())?);
            left = &left[slash + 1..];
        }
        let from = at.as_ref().unwrap_or(&self.root);
        openat(from.as_fd(), left, flags | OFlags::NOFOLLOW, Mode::empty())
    }
}

/// Whether the error says that there is nothing to send, rather than that something is wrong with the machine.
fn is_absence(error: Errno) -> bool {
    matches!(
        error,
        Errno::NOENT
            | Errno::NOTDIR
            | Errno::ACCESS
            | Errno::PERM
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::XDEV
            | Errno::NXIO
            | Errno::INVAL
            | Errno::AGAIN
    )
}

fn entry_of(stat: &Stat) -> Entry {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Entry::File(FileState {
            length: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: since_1970_ns(stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
            place: (stat.st_dev, stat.st_ino),
        }),
        FileType::Directory => Entry::Directory,
        _ => Entry::Nothing,
    }
}

fn since_1970_ns(seconds: i64, nanoseconds: u64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
