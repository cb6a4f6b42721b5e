//! The line to a service manager such as systemd, by its protocol of datagrams (sd_notify(3)): what is told there when a
//! stop begins, which no thread of Python may hold up. Everything else is told by `turbo_shard.serving.service_manager`.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;

use parking_lot::Mutex;
use pyo3::prelude::*;

/// Where it listens, once it is known.
static ADDRESS: Mutex<Option<SocketAddr>> = Mutex::new(None);

/// The manager of this process listens at `address`: a path, or a name after an `@`; nobody does if it is empty.
#[pyfunction]
pub(crate) fn connect_service_manager(address: PathBuf) -> PyResult<()> {
    let bytes = address.into_os_string().into_vec();
    let address = match bytes.strip_prefix(b"@") {
        _ if bytes.is_empty() => None,
        Some(name) => Some(SocketAddr::from_abstract_name(name)?),
        None => Some(SocketAddr::from_pathname(PathBuf::from(
            std::ffi::OsString::from_vec(bytes),
        ))?),
    };
    *ADDRESS.lock() = address;
    Ok(())
}

/// Tells the manager, if there is one. Whether it heard.
#[pyfunction]
pub(crate) fn tell_service_manager(news: &str) -> bool {
    tell(news).unwrap_or(false)
}

pub(crate) fn tell(news: &str) -> io::Result<bool> {
    let Some(address) = ADDRESS.lock().clone() else {
        return Ok(false);
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not hold up a stop.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(news.as_bytes(), &address)?;
    Ok(true)
}
