//! What the setting `metrics` says, as the table of settings and a supervisor write it.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use turbo_shard_runtime::MetricsPlace;

/// Who is given metrics, and the path at which the server, or all workers of its supervisor, give them.
pub(super) struct MetricsSetting {
    pub(super) place: MetricsPlace,
    pub(super) path: Option<String>,
}

impl MetricsSetting {
    /// `HOST:PORT`, `/PATH`, or `unix:SOCKET;` and perhaps a path, as a supervisor tells its workers: the socket of all of
    /// them is beside each one's own.
    pub(super) fn read(text: &str) -> PyResult<MetricsSetting> {
        let told = text.strip_prefix("unix:");
        if let Some((own, path)) = told.and_then(|told| told.rsplit_once(';')) {
            let own = PathBuf::from(own);
            let all = own.with_file_name("all");
            return Ok(MetricsSetting {
                place: MetricsPlace::Link { own, all },
                path: (!path.is_empty()).then(|| path.to_owned()),
            });
        }
        if text.starts_with('/') {
            return Ok(MetricsSetting {
                place: MetricsPlace::OwnPath,
                path: Some(text.to_owned()),
            });
        }
        let wrong = || PyValueError::new_err(format!("metrics: {text:?} is no HOST:PORT"));
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        Ok(MetricsSetting {
            place: MetricsPlace::Port {
                host: host.to_owned(),
                port: port.parse().map_err(|_| wrong())?,
            },
            path: None,
        })
    }
}
