//! Sends a file that is not in memory, as its client takes it. What the kernel has at hand is read on the shard; what has to
//! come from a disk is read by a pool's thread. Knows no conditions and no names.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use turbo_shard_protocol::{BodyLength, HeaderLines};

use crate::blocking_pool::BlockingPool;
use crate::exchange::http_reply::HttpReply;
use crate::exchange::reply_queue::Flow;
use crate::exchange::shared_reply::ReplyListener;
use crate::files::file_cache::{Kept, read_at_hand};

/// Read at once. Worst case per connection: this, what the reply's queue holds (64 KiB) and the connection's output.
const BLOCK_BYTES: u64 = 64 * 1024;

/// What is to be sent.
pub struct FileBody {
    pub(super) file: File,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where a small file's bytes are kept: then it is sent whole, and read at once.
    pub(super) kept: Option<Kept>,
}

/// What became of a file.
#[derive(Debug)]
pub enum FileEnd {
    /// All of it is in the reply.
    Sent,
    /// The client has gone.
    PeerLeft,
    /// It could not be read to its end; the answer was cut, or is a 500 if nothing of it was sent.
    Failed(io::Error),
}

/// Told the end, once. Runs on the connection's thread or on one of the pool.
pub type FileDone = Box<dyn FnOnce(FileEnd) + Send>;

/// An answer on its way.
struct Sending {
    reply: HttpReply,
    /// Until the first bytes are there: a file that cannot be read is a 500, not half an answer.
    head: Option<(u16, HeaderLines)>,
    body: FileBody,
    done: Done,
}

/// Told that the file has failed if it is dropped before.
struct Done(Option<FileDone>);

/// Listens to the answer's connection and goes on when there is room.
struct FileSender {
    pool: Arc<BlockingPool>,
    own: Weak<FileSender>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The answer, while it waits for room.
    idle: Option<Box<Sending>>,
    /// There was room while it did not wait yet.
    has_room: bool,
    has_peer_left: bool,
}

/// What came of an attempt to read.
enum Read {
    Bytes(Vec<u8>),
    WouldWait,
    Failed(io::Error),
}

/// Sends the body by `reply`, with these lines before it. `may_wait` says that this thread may wait for a disk. `done` is told
/// how it ends.
pub fn send_file(
    pool: Arc<BlockingPool>,
    reply: HttpReply,
    (status, lines): (u16, HeaderLines),
    body: FileBody,
    may_wait: bool,
    done: FileDone,
) {
    let sender = Arc::new_cyclic(|own| FileSender {
        pool,
        own: Weak::clone(own),
        state: Mutex::default(),
    });
    reply.listen(Arc::clone(&sender) as Arc<dyn ReplyListener>);
    let sending = Box::new(Sending {
        reply,
        head: Some((status, lines)),
        body,
        done: Done(Some(done)),
    });
    sender.go_on(sending, may_wait);
}

impl Sending {
    fn end(mut self, end: FileEnd) {
        let done = self.done.0.take();
        match end {
            FileEnd::Sent => self.reply.end(),
            FileEnd::PeerLeft => drop(self.reply),
            FileEnd::Failed(_) => self.reply.fail(),
        }
        if let Some(done) = done {
            done(end);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            let error = io::Error::other("too many files wait for the disk already");
            done(FileEnd::Failed(error));
        }
    }
}

impl FileSender {
    /// Sends until the client has enough for now. `may_wait` is for threads of the pool.
    fn go_on(&self, mut sending: Box<Sending>, may_wait: bool) {
        loop {
            let bytes = match sending.body.read(may_wait) {
                Read::Bytes(bytes) => bytes,
                Read::WouldWait => return self.read_in_pool(sending),
                Read::Failed(error) => return sending.end(FileEnd::Failed(error)),
            };
            self.state.lock().has_room = false;
            if let Some((status, lines)) = sending.head.take() {
                let length = sending.body.end - sending.body.start + bytes.len() as u64;
                sending
                    .reply
                    .start(status, lines, BodyLength::Known(length));
            }
            let flow = sending.reply.chunk(bytes);
            if flow == Flow::PeerLeft {
                return sending.end(FileEnd::PeerLeft);
            }
            if sending.body.start == sending.body.end {
                return sending.end(FileEnd::Sent);
            }
            if flow == Flow::Wait {
                let mut state = self.state.lock();
                if !std::mem::take(&mut state.has_room) {
                    match state.has_peer_left {
                        true => {
                            drop(state);
                            sending.end(FileEnd::PeerLeft);
                        }
                        false => state.idle = Some(sending),
                    }
                    return;
                }
            }
        }
    }

    fn read_in_pool(&self, sending: Box<Sending>) {
        let Some(own) = self.own.upgrade() else {
            return;
        };
        // A refused job is dropped, and the answer with it: it counts as failed then.
        let _ = self
            .pool
            .try_run(Box::new(move || own.go_on(sending, true)));
    }
}

impl ReplyListener for FileSender {
    fn room(&self) {
        let sending = {
            let mut state = self.state.lock();
            state.has_room = true;
            state.idle.take()
        };
        if let Some(sending) = sending {
            self.go_on(sending, false);
        }
    }

    fn peer_left(&self) {
        let sending = {
            let mut state = self.state.lock();
            state.has_peer_left = true;
            state.idle.take()
        };
        if let Some(sending) = sending {
            sending.end(FileEnd::PeerLeft);
        }
    }
}

impl FileBody {
    /// The first `length` bytes of a file, which may be any number of them.
    pub fn of(file: File, length: u64) -> FileBody {
        FileBody {
            file,
            start: 0,
            end: length,
            kept: None,
        }
    }

    fn read(&mut self, may_wait: bool) -> Read {
        let left = self.end - self.start;
        let block = match &self.kept {
            Some(_) => left,
            None => left.min(BLOCK_BYTES),
        };
        let mut bytes = vec![0; block as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            let at = self.start + filled as u64;
            let room = &mut bytes[filled..];
            let read = match may_wait {
                true => self.file.read_at(room, at),
                false => read_at_hand(&self.file, room, at),
            };
            match read {
                Ok(0) => {
                    let error = io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "it has become shorter meanwhile",
                    );
                    return Read::Failed(error);
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A part that is at hand goes out; a file that is to be kept is wanted whole.
                    if filled == 0 || self.kept.is_some() {
                        return Read::WouldWait;
                    }
                    break;
                }
                Err(error) => return Read::Failed(error),
            }
        }
        bytes.truncate(filled);
        self.start += filled as u64;
        if let Some(kept) = self.kept.take() {
            let _ = kept.set(bytes.clone().into_boxed_slice());
        }
        Read::Bytes(bytes)
    }
}
