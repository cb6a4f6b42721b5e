//! Where lines go: standard output, or a file that can be opened again. Knows no formats.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::edge::access_log::told::LineTaker;

/// Where the lines are to go.
#[derive(Debug)]
pub enum AccessLogTarget {
    /// Standard output.
    Stdout,
    /// A file, which is appended to, and opened again when it was moved away.
    File(PathBuf),
    /// Another log.
    Taker(Arc<dyn LineTaker>),
}

/// The open target.
pub(crate) struct Outlet {
    place: Place,
    /// The last write ended within a line.
    is_torn: bool,
}

enum Place {
    Stdout(File),
    File(PathBuf, File),
    Taker(Arc<dyn LineTaker>),
}

impl Outlet {
    pub(crate) fn open(target: AccessLogTarget) -> io::Result<Outlet> {
        let place = match target {
            AccessLogTarget::Stdout => {
                let stdout = io::stdout().as_fd().try_clone_to_owned()?;
                Place::Stdout(File::from(stdout))
            }
            AccessLogTarget::File(path) => {
                let file = open(&path)?;
                Place::File(path, file)
            }
            AccessLogTarget::Taker(taker) => Place::Taker(taker),
        };
        Ok(Outlet {
            place,
            is_torn: false,
        })
    }

    /// What takes whole requests instead of lines, if that is the target.
    pub(crate) fn taker(&self) -> Option<Arc<dyn LineTaker>> {
        match &self.place {
            Place::Taker(taker) => Some(Arc::clone(taker)),
            Place::Stdout(_) | Place::File(..) => None,
        }
    }

    /// Opens the file again under its name. After an error the old one stays.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        if let Place::File(path, file) = &mut self.place {
            *file = open(path)?;
            self.is_torn = false;
        }
        Ok(())
    }

    /// Writes whole lines. Returns how many bytes were written, and the error that stopped it if those are not all; with
    /// `WouldBlock` the rest may be tried again.
    pub(crate) fn write(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        let (Place::Stdout(file) | Place::File(_, file)) = &mut self.place else {
            return (0, Err(io::ErrorKind::Unsupported.into()));
        };
        let mut written = 0;
        while written < lines.len() {
            match file.write(&lines[written..]) {
                Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (written, Err(error)),
            }
        }
        (written, Ok(()))
    }

    /// The rest of a line will not follow: the next line must not be taken for it.
    pub(crate) fn tear(&mut self) {
        self.is_torn = true;
    }

    /// Ends the line that a write has left unfinished. Returns whether lines can be written.
    pub(crate) fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.write(b"\n").1?;
            self.is_torn = false;
        }
        Ok(())
    }
}

/// Whole lines of several processes go into one file: each write appends. A pipe that nobody reads does not hold us up.
fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}
