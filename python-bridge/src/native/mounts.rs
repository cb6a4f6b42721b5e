//! Directories that are served, as Python tells of them. Knows no requests.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::{FileMount, FileMountSettings, StaticFiles};

use super::plan::refusal;
use crate::python::names;

/// What has these attributes: a `Mounted` of an app, or a `Mount` of the settings.
#[derive(FromPyObject)]
struct MountObject {
    prefix: String,
    directory: PathBuf,
    single_page: bool,
    passes: bool,
    cache_control: String,
    hidden: bool,
    follow: bool,
}

/// Reads one of them.
pub(crate) fn read_mount(object: &Bound<'_, PyAny>) -> PyResult<FileMountSettings> {
    let object: MountObject = object.extract()?;
    Ok(FileMountSettings {
        prefix: object.prefix,
        directory: object.directory,
        is_single_page: object.single_page,
        passes: object.passes,
        cache_control: object.cache_control,
        shows_hidden: object.hidden,
        links_may_leave: object.follow,
    })
}

/// The files of an app (a `turbo_shard.App`), for the calling thread; None if it has none.
pub(super) fn files_of(app: &Bound<'_, PyAny>) -> PyResult<Option<StaticFiles>> {
    let py = app.py();
    let mut mounts = Vec::new();
    for object in app.getattr(names::mounts(py))?.try_iter()? {
        let settings = read_mount(&object?)?;
        let directory = settings.directory.clone();
        let mount = FileMount::open(settings).map_err(|error| {
            refusal(
                py,
                format!("the directory {}: {error}", directory.display()),
            )
        })?;
        mounts.push(Arc::new(mount));
    }
    Ok(StaticFiles::new(&mounts))
}
