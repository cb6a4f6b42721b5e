//! The access log: a line for each request, written by a thread of its own.
//!
//! A shard only notes what the line needs (`note`) and puts it into its ring (`pen`); it never waits, and formats
//! nothing. The one writer (`writer`) drains all rings, makes lines of the records (`record`, `line`) in the form that was
//! asked for (`line_format`) and hands them on (`target`), or gives each request (`told`) to a log that makes its own. What finds no room, or cannot be written, is counted.

mod line;
mod line_format;
mod log;
mod note;
mod pen;
mod record;
mod rings;
mod shared;
mod skipped_paths;
mod target;
mod told;
mod writer;

pub use line_format::{FormatError, LineFormat};
pub use log::AccessLog;
pub(crate) use note::Note;
pub(crate) use pen::Pen;
pub use shared::AccessLogSettings;
pub use skipped_paths::SkippedPath;
pub use target::AccessLogTarget;
pub use told::{LineTaker, ToldRequest, ToldValue};
