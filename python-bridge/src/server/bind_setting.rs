//! A place to listen, as it comes from Python. Opens nothing.

use std::os::fd::RawFd;
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use turbo_shard_runtime::{Bind, BindPlace, ListenerOptions, UnixPlace};

/// A place to listen, as `turbo_shard.settings.binds` has read it.
#[derive(FromPyObject)]
pub(super) struct BindSetting {
    kind: String,
    host: String,
    port: u16,
    path: PathBuf,
    fd: RawFd,
    mode: Option<u32>,
    owner: Option<u32>,
    group: Option<u32>,
    expects_proxy_protocol: bool,
}

impl BindSetting {
    /// Where to listen; `unix_mode` is for a Unix socket that does not say its own.
    pub(super) fn bind(&self, unix_mode: u32) -> Bind {
        let place = match self.kind.as_str() {
            "unix" => BindPlace::Unix(UnixPlace {
                path: self.path.clone(),
                mode: self.mode.unwrap_or(unix_mode),
                owner: self.owner,
                group: self.group,
            }),
            "fd" => BindPlace::Inherited(self.fd),
            "every" => BindPlace::EveryAddress { port: self.port },
            _ => BindPlace::Tcp {
                host: self.host.clone(),
                port: self.port,
            },
        };
        Bind {
            place,
            options: ListenerOptions {
                expects_proxy_protocol: self.expects_proxy_protocol,
                // That of the whole server is added.
                ..ListenerOptions::default()
            },
        }
    }
}

pub(super) fn file_mode(text: &Bound<'_, PyAny>) -> PyResult<u32> {
    let text: &str = &text.extract::<PyBackedStr>()?;
    let digits = text.get(text.len().saturating_sub(3)..).unwrap_or(text);
    u32::from_str_radix(digits, 8)
        .map_err(|_| PyValueError::new_err(format!("{text:?} is no file's mode")))
}
