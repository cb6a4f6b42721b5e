//! Answers requests for files of mounts, on one thread. Knows no connections.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use turbo_shard_protocol::{
    BodyLength, HeaderLines, Method, Misuse, RequestHead, WORKSPACE_BYTES_KEPT_MAX,
};

use crate::blocking_pool::{BlockingPool, ThreadHooks};
use crate::coding::Accepted;
use crate::exchange::held_bytes::HeldBytes;
use crate::files::byte_range::Wanted;
use crate::files::file_cache::{FileCache, FoundFile, Located};
use crate::files::file_head::{lines_of_unsatisfiable, push};
use crate::files::file_sender::{FileBody, FileEnd, send_file};
use crate::files::mount::FileMount;
use crate::files::precondition::{Verdict, verdict};
use crate::files::request_path::{Asked, RequestPath};
use crate::service::{Exchange, Outcome};

/// What a directory is sent as.
const INDEX: &[u8] = b"index.html";
/// Threads of a shard that wait for disks. They start when they are needed, and end when they are not.
const DISK_THREADS: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// Reads that may wait for such a thread; beyond it answers fail.
const DISK_QUEUE_MAX: usize = 4096;
/// What is written at once of a file that is in memory, head and all: a buffer that has room for it is kept. More is copied bit
/// by bit, as the client takes it.
const WHOLE_BYTES_MAX: usize = 112 * 1024;
const _: () = assert!(WHOLE_BYTES_MAX < WORKSPACE_BYTES_KEPT_MAX);
/// Times that a file is looked for which changes meanwhile.
const TRIES_MAX: u32 = 3;

/// One thread's way to the files of its mounts.
pub struct StaticFiles {
    /// The longest prefix first.
    mounts: Vec<Arc<FileMount>>,
    cache: RefCell<FileCache>,
    pool: Arc<BlockingPool>,
}

/// What a path has come to.
enum Target {
    File(Arc<FoundFile>),
    /// A directory, by a path without the slash at its end.
    Slashless,
    Nothing,
}

impl StaticFiles {
    /// For the calling thread. None if there are no mounts.
    pub fn new(mounts: &[Arc<FileMount>]) -> Option<StaticFiles> {
        let mut mounts = mounts.to_vec();
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.settings.prefix.len()));
        let pool = BlockingPool::new("files", DISK_THREADS, DISK_QUEUE_MAX, Arc::new(NoHooks));
        (!mounts.is_empty()).then(|| StaticFiles {
            cache: RefCell::new(FileCache::new(mounts.len())),
            mounts,
            pool: Arc::new(pool),
        })
    }

    /// Answers what is below a mount. None if the app is to answer.
    pub fn answer(&self, exchange: &mut Exchange<'_>) -> Option<Outcome> {
        let path = RequestPath::of(exchange.request.path());
        let mut all = self.mounts.iter().enumerate();
        let (number, mount, rest) = all.find_map(|(number, mount)| {
            let rest = path.below(&mount.settings.prefix)?;
            Some((number, mount, rest))
        })?;
        let settings = &mount.settings;
        if !matches!(exchange.request.method(), Method::Get | Method::Head) {
            if settings.passes {
                return None;
            }
            exchange.route = mount.route;
            let mut lines = plain_lines();
            push(&mut lines, "allow", "GET, HEAD");
            return Some(whole(exchange, 405, &lines, b"Method Not Allowed"));
        }
        let asked = path.asked(rest, settings.shows_hidden);
        let is_page = settings.is_single_page && is_page(settings.passes, &asked, exchange.request);
        for _ in 0..TRIES_MAX {
            let target = match self.target(number, mount, &asked) {
                Ok(Target::Nothing) if is_page => self.target(number, mount, &Asked::Name(INDEX)),
                target => target,
            };
            match target {
                Ok(Target::File(found)) => {
                    exchange.route = mount.route;
                    match self.send(mount, &found, exchange) {
                        Ok(Some(outcome)) => return Some(outcome),
                        // It has changed within the second in which it was taken to be as it was.
                        Ok(None) => self.cache.borrow_mut().forget(number, found.name()),
                        Err(error) => return Some(unreadable(mount, &error, exchange)),
                    }
                }
                Ok(Target::Slashless) => {
                    exchange.route = mount.route;
                    return Some(redirect(exchange));
                }
                Ok(Target::Nothing) => break,
                Err(error) => return Some(unreadable(mount, &error, exchange)),
            }
        }
        if settings.passes {
            return None;
        }
        exchange.route = mount.route;
        Some(whole(exchange, 404, &plain_lines(), b"Not Found"))
    }

    fn target(&self, number: usize, mount: &FileMount, asked: &Asked<'_>) -> io::Result<Target> {
        let now = Instant::now();
        let mut cache = self.cache.borrow_mut();
        let mut index_of = |directory: &[u8]| {
            let joined;
            let name = match directory {
                b"" => INDEX,
                _ => {
                    joined = [directory, b"/", INDEX].concat();
                    &joined
                }
            };
            cache.locate(number, mount, name, now)
        };
        let (located, has_slash) = match asked {
            Asked::Nothing => return Ok(Target::Nothing),
            Asked::Itself => (index_of(b"")?, false),
            Asked::Directory(name) => (index_of(name)?, true),
            Asked::Name(name) => match cache.locate(number, mount, name, now)? {
                Located::File(found) => return Ok(Target::File(found)),
                Located::Nothing => return Ok(Target::Nothing),
                Located::Directory => {
                    let index = [name, b"/".as_slice(), INDEX].concat();
                    (cache.locate(number, mount, &index, now)?, false)
                }
            },
        };
        // A directory without an index is nothing: what it holds is not told.
        Ok(match located {
            Located::File(found) if has_slash => Target::File(found),
            Located::File(_) => Target::Slashless,
            Located::Directory | Located::Nothing => Target::Nothing,
        })
    }

    /// Sends what is wanted of a file. None if the file is not what it was.
    fn send(
        &self,
        mount: &FileMount,
        found: &FoundFile,
        exchange: &mut Exchange<'_>,
    ) -> io::Result<Option<Outcome>> {
        let head = exchange.request;
        let file = found.chosen(|| Accepted::of(&head));
        let length = file.state.length;
        let (status, part) = match verdict(&head, file.head.validators(), length) {
            Verdict::Send(Wanted::Whole) => (200, 0..length),
            Verdict::Send(Wanted::Part(part)) => (206, part),
            Verdict::NotModified => {
                return Ok(Some(whole(exchange, 304, &file.head.lines_unchanged, b"")));
            }
            Verdict::Failed => {
                let lines = plain_lines();
                return Ok(Some(whole(exchange, 412, &lines, b"Precondition Failed")));
            }
            Verdict::Send(Wanted::Unsatisfiable) => {
                let lines = lines_of_unsatisfiable(length);
                return Ok(Some(whole(exchange, 416, &lines, b"Range Not Satisfiable")));
            }
        };
        let lines_of_part;
        let lines = match status {
            206 => {
                lines_of_part = file.head.lines_of_part(&part, length);
                &lines_of_part
            }
            _ => &file.head.lines,
        };
        if head.method() == Method::Head {
            // Told by a line of its own: without a body, no length and an empty file's would be the same.
            let mut lines = lines.clone();
            push(&mut lines, "content-length", &length.to_string());
            return Ok(Some(whole(exchange, status, &lines, b"")));
        }
        if let Some(bytes) = file.bytes() {
            let bytes = &bytes[part.start as usize..part.end as usize];
            if bytes.len() <= WHOLE_BYTES_MAX {
                return Ok(Some(whole(exchange, status, lines, bytes)));
            }
        }
        if let Some(kept) = file.kept_part(&part) {
            let (reply, length) = (exchange.defer(), part.end - part.start);
            reply.start(status, lines.clone(), BodyLength::Known(length));
            reply.held(HeldBytes::new(kept));
            reply.end();
            return Ok(Some(Outcome::Deferred));
        }
        let Some(opened) = mount.directory.open_file(&file.name, &file.state)? else {
            return Ok(None);
        };
        let body = FileBody {
            file: opened,
            kept: file.to_keep().filter(|_| part == (0..length)),
            start: part.start,
            end: part.end,
        };
        let (pool, reply) = (Arc::clone(&self.pool), exchange.defer());
        let head = (status, lines.clone());
        send_file(pool, reply, head, body, false, Box::new(log_failure));
        Ok(Some(Outcome::Deferred))
    }
}

/// Whether what is no file is a page that the app in the browser knows: its name has no ending, and a browser asks for it to
/// show it. Where other requests are the app's, the request must say so.
fn is_page(passes: bool, asked: &Asked<'_>, request: RequestHead<'_>) -> bool {
    let (Asked::Name(name) | Asked::Directory(name)) = asked else {
        return false;
    };
    let last = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    if last.contains(&b'.') {
        return false;
    }
    let Some(accept) = request.header("accept") else {
        return !passes;
    };
    let mut kinds = accept.split(|&byte| byte == b',').map(|element| {
        let kind = element.split(|&byte| byte == b';').next();
        kind.unwrap_or_default().trim_ascii()
    });
    kinds.any(|kind| kind.eq_ignore_ascii_case(b"text/html") || (!passes && kind == b"*/*"))
}

/// Sends the client to the same path with a slash at its end. Relative, so that it is right behind a proxy that takes a prefix
/// away, and names no other host whatever the path is.
fn redirect(exchange: &mut Exchange<'_>) -> Outcome {
    let (path, query) = (exchange.request.path(), exchange.request.query());
    let last = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut location = [b"./", last, b"/"].concat();
    if !query.is_empty() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    let mut lines = plain_lines();
    let pushed = lines.push(b"location", &location);
    let written_ = pushed.and_then(|()| exchange.response.whole(301, &lines, b"Moved Permanently"));
    written(exchange, written_)
}

fn unreadable(mount: &FileMount, error: &io::Error, exchange: &mut Exchange<'_>) -> Outcome {
    let directory = &mount.settings.directory;
    log::error!("a file below {directory:?} cannot be served: {error}");
    exchange.route = mount.route;
    whole(exchange, 500, &plain_lines(), b"Internal Server Error")
}

fn log_failure(end: FileEnd) {
    if let FileEnd::Failed(error) = end {
        log::warn!("a file could not be sent to its end: {error}");
    }
}

fn plain_lines() -> HeaderLines {
    let mut lines = HeaderLines::new();
    push(&mut lines, "content-type", "text/plain; charset=utf-8");
    lines
}

fn whole(exchange: &mut Exchange<'_>, status: u16, lines: &HeaderLines, body: &[u8]) -> Outcome {
    let result = exchange.response.whole(status, lines, body);
    written(exchange, result)
}

/// The answer is written. A head that is too large is the only way in which that fails, and leaves room for another.
fn written(exchange: &mut Exchange<'_>, result: Result<(), Misuse>) -> Outcome {
    if let Err(misuse) = result {
        log::error!("a file could not be answered: {misuse}");
        let _ = exchange.response.whole(500, &HeaderLines::new(), b"");
    }
    Outcome::Answered
}

/// The threads need nothing.
struct NoHooks;

impl ThreadHooks for NoHooks {
    fn starts(&self) {}
    fn stops(&self) {}
}
