//! Files answered from directories, without the app: which file a path names, whether it may be sent, and how its bytes reach
//! the connection. Knows no sockets.
//!
//! `request_path` says what a path names, `directory` finds it without a way out, `file_cache` remembers it, `precondition` and
//! `byte_range` say how much of it is wanted, `file_head` writes its lines, `file_sender` sends what is not in memory, and
//! `static_files` is where an exchange comes in.

mod byte_range;
mod directory;
mod file_cache;
mod file_head;
mod file_sender;
mod mount;
mod precondition;
mod request_path;
mod static_files;

pub use file_sender::{FileBody, FileDone, FileEnd, send_file};
pub use mount::{FileMount, FileMountSettings};
pub use static_files::StaticFiles;
