//! A directory that is served below a prefix, and by which rules. Knows no exchanges.

use std::io;
use std::path::PathBuf;

use crate::files::directory::Directory;
use crate::metrics::route_names::RouteId;

/// What a person chooses about a mount.
#[derive(Clone, Debug)]
pub struct FileMountSettings {
    /// The path below which its files are, without a slash at its end; empty for all paths.
    pub prefix: String,
    /// Where they are.
    pub directory: PathBuf,
    /// A page that is no file is its `index.html`: the app in the browser knows what it shows.
    pub is_single_page: bool,
    /// What is no file is the app's.
    pub passes: bool,
    /// The `cache-control` of its files, but for pages; none if it is empty.
    pub cache_control: String,
    /// Files whose names begin with a dot are served as well.
    pub shows_hidden: bool,
    /// Symbolic links may lead out of the directory.
    pub links_may_leave: bool,
}

/// An open one.
#[derive(Debug)]
pub struct FileMount {
    pub(super) settings: FileMountSettings,
    pub(super) directory: Directory,
    pub(super) route: RouteId,
}

impl FileMount {
    /// Opens the directory.
    pub fn open(settings: FileMountSettings) -> io::Result<FileMount> {
        let directory = Directory::open(&settings.directory, settings.links_may_leave)?;
        let route = RouteId::of(match settings.prefix.as_str() {
            "" => "/",
            prefix => prefix,
        });
        Ok(FileMount {
            settings,
            directory,
            route,
        })
    }
}
