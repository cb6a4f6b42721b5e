//! The ends of a connection as a scope shows them: tuples, made once for addresses that come again. Knows no requests.

use std::net::SocketAddr;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use turbo_shard_runtime::Address;

use crate::python::thread::Owned;

/// Addresses whose tuples are kept: a connection's requests find theirs again. Worst case per thread: one tuple each.
const ADDRESSES_KEPT: usize = 256;

/// An address and the tuple made of it.
type Kept = (SocketAddr, Owned<PyTuple>);

/// One thread's tuples.
pub(super) struct Addresses {
    /// Taken only where it is free: scopes are made on the owner's thread, and elsewhere only for an app that asks there.
    kept: Mutex<Vec<Option<Kept>>>,
}

impl Addresses {
    pub(super) fn new() -> Addresses {
        Addresses {
            kept: Mutex::new((0..ADDRESSES_KEPT).map(|_| None).collect()),
        }
    }

    /// What `client` says: `(host, port)`, or nothing for a client on a Unix socket and one that a proxy hides.
    #[inline]
    pub(super) fn client<'py>(
        &self,
        py: Python<'py>,
        peer: &Address,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        match peer {
            Address::Tcp(address) => self.host_and_port(py, *address).map(Some),
            Address::Named(name, port) => (&**name, *port).into_pyobject(py).map(Some),
            Address::Unix(_) | Address::Unknown => Ok(None),
        }
    }

    /// What `server` says: `(host, port)`, or `(path, None)` for a Unix socket.
    pub(super) fn server<'py>(
        &self,
        py: Python<'py>,
        local: &Address,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        match local {
            Address::Tcp(address) => self.host_and_port(py, *address).map(Some),
            Address::Unix(Some(path)) => (path.as_os_str(), py.None()).into_pyobject(py).map(Some),
            Address::Named(name, port) => (&**name, *port).into_pyobject(py).map(Some),
            Address::Unix(None) | Address::Unknown => Ok(None),
        }
    }

    fn host_and_port<'py>(
        &self,
        py: Python<'py>,
        address: SocketAddr,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let Some(mut kept) = self.kept.try_lock() else {
            return (address.ip().to_string(), address.port()).into_pyobject(py);
        };
        let place = &mut kept[usize::from(address.port()) % ADDRESSES_KEPT];
        if let Some((known, tuple)) = place
            && *known == address
        {
            return Ok(tuple.bind(py).clone());
        }
        let tuple = (address.ip().to_string(), address.port()).into_pyobject(py)?;
        *place = Some((address, Owned::new(tuple.clone().unbind())));
        Ok(tuple)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn shown(tuple: Option<Bound<'_, PyTuple>>) -> String {
        tuple.map_or_else(|| String::from("None"), |tuple| tuple.to_string())
    }

    #[test]
    fn tcp_is_host_and_port_and_a_unix_socket_its_path() {
        Python::initialize();
        Python::attach(|py| {
            let addresses = Addresses::new();
            let client = |address: &Address| shown(addresses.client(py, address).unwrap());
            let server = |address: &Address| shown(addresses.server(py, address).unwrap());
            let tcp = Address::Tcp("127.0.0.1:80".parse().unwrap());
            let unix = Address::Unix(Some(Path::new("/run/app.sock").into()));
            assert_eq!(client(&tcp), "('127.0.0.1', 80)");
            assert_eq!(server(&tcp), "('127.0.0.1', 80)");
            assert_eq!(client(&unix), "None");
            assert_eq!(server(&unix), "('/run/app.sock', None)");
            assert_eq!(client(&Address::Unix(None)), "None");
            assert_eq!(server(&Address::Unix(None)), "None");
            let named = Address::Named("example.com".into(), 443);
            assert_eq!(server(&named), "('example.com', 443)");
            assert_eq!(client(&Address::Unknown), "None");
        });
    }

    #[test]
    fn an_address_that_takes_anothers_place_is_not_mistaken_for_it() {
        Python::initialize();
        Python::attach(|py| {
            let addresses = Addresses::new();
            for address in ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:336", "10.0.0.1:80"] {
                let (host, port) = address.split_once(':').unwrap();
                let tcp = Address::Tcp(address.parse().unwrap());
                let tuple = addresses.client(py, &tcp).unwrap();
                assert_eq!(shown(tuple), format!("('{host}', {port})"));
            }
        });
    }
}
