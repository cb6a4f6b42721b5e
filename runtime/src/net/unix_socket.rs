//! Unix sockets that listen: made in the place of a dead server's, with the mode and owner asked for, and removed at the
//! end. Knows nothing of HTTP.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::bind::UnixPlace;
use crate::start_error::StartError;

/// The kernel's room for a path: sun_path has 108 bytes, with its final NUL.
const PATH_BYTES_MAX: usize = 107;
/// A name in the abstract namespace begins with a NUL and needs none at its end.
const NAME_BYTES_MAX: usize = 107;

/// A socket's file, for as long as the server listens. Removed then, unless another server has taken the path or this
/// process has only been forked from the server.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
    process: u32,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.process != std::process::id() || inode_of(&self.path) != Some(self.inode) {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!(
                "the socket {} could not be removed: {error}; the next server takes its place",
                self.path.display()
            );
        }
    }
}

/// Makes the socket and has it listen; non-blocking and close-on-exec.
pub(crate) fn listen(
    place: &UnixPlace,
    backlog: u32,
) -> Result<(Socket, Option<SocketFile>), StartError> {
    let refused = |reason: String| {
        StartError::new(format!(
            "cannot listen on unix:{}: {reason}",
            place.path.display()
        ))
    };
    if let Some(name) = place.path.as_os_str().as_bytes().strip_prefix(b"@") {
        let socket = listen_on_name(name, backlog).map_err(refused)?;
        return Ok((socket, None));
    }
    refuse_unusable(&place.path).map_err(refused)?;
    remove_dead(&place.path).map_err(refused)?;
    let (socket, file) = listen_on_path(place, backlog).map_err(refused)?;
    Ok((socket, Some(file)))
}

fn listen_on_name(name: &[u8], backlog: u32) -> Result<Socket, String> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(format!(
            "the name has {} bytes, an abstract socket's may have 1 to {NAME_BYTES_MAX}",
            name.len()
        ));
    }
    let bytes = [b"\0", name].concat();
    let address = SockAddr::unix(OsStr::from_bytes(&bytes)).map_err(in_words)?;
    let socket = open().map_err(in_words)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err("another process has that name; stop it or choose another".into())
        }
        bound => bound
            .and_then(|()| socket.listen(depth(backlog)))
            .map(|()| socket)
            .map_err(in_words),
    }
}

fn listen_on_path(place: &UnixPlace, backlog: u32) -> Result<(Socket, SocketFile), String> {
    let path = &place.path;
    let socket = open().map_err(in_words)?;
    // The file gets the socket's own mode, less what umask takes away: nobody finds it more open than it will be.
    // SAFETY: changes the mode of a descriptor that is open.
    if unsafe { libc::fchmod(socket.as_raw_fd(), place.mode) } != 0 {
        return Err(in_words(io::Error::last_os_error()));
    }
    let address = SockAddr::unix(path).map_err(in_words)?;
    socket
        .bind(&address)
        .map_err(|error| cannot_make(path, &error))?;
    let absolute = std::path::absolute(path).map_err(in_words)?;
    let file = SocketFile {
        inode: inode_of(&absolute).ok_or("its file is gone again")?,
        path: absolute,
        process: std::process::id(),
    };
    if place.owner.is_some() || place.group.is_some() {
        lchown(path, place.owner, place.group).map_err(|error| {
            format!("it cannot be given to that owner ({error}); only root may give files away")
        })?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(place.mode)).map_err(in_words)?;
    socket.listen(depth(backlog)).map_err(in_words)?;
    Ok((socket, file))
}

fn open() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn refuse_unusable(path: &Path) -> Result<(), String> {
    let length = path.as_os_str().len();
    if length > PATH_BYTES_MAX {
        return Err(format!(
            "the path has {length} bytes, a Unix socket's may have {PATH_BYTES_MAX}; choose a shorter one"
        ));
    }
    let directory = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err("it is a directory".into()),
    };
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(format!(
            "no permission for the directory {}",
            directory.display()
        )),
        _ => Err(format!(
            "there is no directory {}; make it first",
            directory.display()
        )),
    }
}

/// Removes what a killed server has left; refuses anything else.
fn remove_dead(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("it cannot be looked at: {error}")),
        Ok(found) if !found.file_type().is_socket() => {
            return Err("exists and is no socket; choose another path or remove it".into());
        }
        Ok(_) => {}
    }
    let listens = || "another server listens there; stop it or choose another path".to_string();
    let probe = open().map_err(in_words)?;
    let address = SockAddr::unix(path).map_err(in_words)?;
    match probe.connect(&address) {
        Ok(()) => return Err(listens()),
        Err(error) => match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => {}
            Some(libc::ENOENT) => return Ok(()),
            // Its queue is full, or it is of another kind.
            Some(libc::EAGAIN | libc::EPROTOTYPE) => return Err(listens()),
            _ => {
                return Err(format!(
                    "exists and cannot be connected to ({error}); choose another path"
                ));
            }
        },
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!(
            "a dead server's socket is there and cannot be removed ({error})"
        )),
        _ => {
            log::info!(
                "took the place of a socket that nobody listens on: {}",
                path.display()
            );
            Ok(())
        }
    }
}

fn cannot_make(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "no permission to make it; the directory {} must be writable for this user",
            path.parent().unwrap_or(Path::new(".")).display()
        ),
        io::ErrorKind::AddrInUse => {
            "another server has just made it; stop it or choose another path".into()
        }
        _ => in_words(error),
    }
}

fn depth(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}

fn in_words(error: impl std::borrow::Borrow<io::Error>) -> String {
    error.borrow().to_string()
}

fn inode_of(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("ts-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Directory(path)
        }

        fn place(&self) -> UnixPlace {
            UnixPlace {
                path: self.0.join("app.sock"),
                mode: 0o660,
                owner: None,
                group: None,
            }
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn refusal(place: &UnixPlace) -> String {
        listen(place, 16).unwrap_err().to_string()
    }

    #[test]
    fn the_file_has_its_mode_whatever_umask_says_and_goes_with_the_server() {
        let directory = Directory::new("mode");
        for mode in [0o666, 0o600, 0o660] {
            let place = UnixPlace {
                mode,
                ..directory.place()
            };
            let made = listen(&place, 16).unwrap();
            let found = fs::metadata(&place.path).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode);
            UnixStream::connect(&place.path).unwrap();
            drop(made);
            assert!(!place.path.exists());
        }
    }

    #[test]
    fn a_dead_servers_socket_is_replaced_and_a_live_ones_is_not() {
        let directory = Directory::new("dead");
        let place = directory.place();
        let live = UnixListener::bind(&place.path).unwrap();
        assert!(refusal(&place).contains("another server listens there"));
        drop(live);
        let (_socket, file) = listen(&place, 16).unwrap();
        UnixStream::connect(&place.path).unwrap();
        // Another server has the path now: its file stays.
        fs::remove_file(&place.path).unwrap();
        let _other = UnixListener::bind(&place.path).unwrap();
        drop(file);
        UnixStream::connect(&place.path).unwrap();
    }

    #[test]
    fn what_cannot_be_a_socket_is_refused_with_the_reason() {
        let directory = Directory::new("bad");
        let at = |path: PathBuf| UnixPlace {
            path,
            ..directory.place()
        };
        let file = directory.0.join("file");
        fs::write(&file, "kept").unwrap();
        assert!(refusal(&at(file.clone())).contains("is no socket"));
        assert_eq!(fs::read(&file).unwrap(), b"kept");
        let long = directory.0.join("x".repeat(108));
        assert!(refusal(&at(long)).contains("a Unix socket's may have 107"));
        let nowhere = directory.0.join("nowhere/app.sock");
        assert!(refusal(&at(nowhere)).contains("there is no directory"));
        assert!(refusal(&at("@".into())).contains("1 to 107"));
        let datagrams = directory.0.join("datagrams");
        let _socket = std::os::unix::net::UnixDatagram::bind(&datagrams).unwrap();
        assert!(refusal(&at(datagrams)).contains("another server listens there"));
    }

    #[test]
    fn an_abstract_name_is_had_by_one() {
        let name = format!("@turbo-shard-name-{}", std::process::id());
        let directory = Directory::new("name");
        let place = UnixPlace {
            path: name.into(),
            ..directory.place()
        };
        let (socket, file) = listen(&place, 16).unwrap();
        assert!(file.is_none());
        assert!(refusal(&place).contains("another process has that name"));
        drop(socket);
        listen(&place, 16).unwrap();
    }
}
