//! Where plain HTTP is led to https from, as the setting `redirect_http` says it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use turbo_shard_runtime::{Bind, BindPlace, Redirect};

/// As `turbo_shard.settings.redirects` writes it: `HOST:PORT`, or `*:PORT`, and what follows commas.
pub(super) fn read(text: &str) -> PyResult<Redirect> {
    let wrong = || PyValueError::new_err(format!("redirect_http: {text:?} is no HOST:PORT"));
    let mut parts = text.split(',');
    let address = parts.next().and_then(|address| address.rsplit_once(':'));
    let (host, port) = address.ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let mut redirect = Redirect {
        bind: match host {
            "*" => Bind::plain(BindPlace::EveryAddress { port }),
            host => Bind::tcp(host, port),
        },
        port: None,
    };
    for option in parts {
        match option.strip_prefix("to=") {
            Some(port) => redirect.port = Some(port.parse().map_err(|_| wrong())?),
            None => redirect.bind.options.expects_proxy_protocol = true,
        }
    }
    Ok(redirect)
}
