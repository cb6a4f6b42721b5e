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
pub(super) struct FileBody {
    pub(super) file: File,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where a small file's bytes are kept: then it is sent whole, and read at once.
    pub(super) kept: Option<Kept>,
}

/// An answer on its way.
struct Sending {
    reply: HttpReply,
    /// Until the first bytes are there: a file that cannot be read is a 500, not half an answer.
    head: Option<(u16, HeaderLines)>,
    body: FileBody,
}

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

/// Sends the body by `reply`, with these lines before it.
pub(super) fn send(
    pool: Arc<BlockingPool>,
    reply: HttpReply,
    status: u16,
    lines: HeaderLines,
    body: FileBody,
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
    });
    sender.go_on(sending, false);
}

impl FileSender {
    /// Sends until the client has enough for now. `may_wait` is for threads of the pool.
    fn go_on(&self, mut sending: Box<Sending>, may_wait: bool) {
        loop {
            let bytes = match sending.body.read(may_wait) {
                Read::Bytes(bytes) => bytes,
                Read::WouldWait => return self.read_in_pool(sending),
                Read::Failed(error) => {
                    log::warn!("a file could not be sent to its end: {error}");
                    return sending.reply.fail();
                }
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
                return;
            }
            if sending.body.start == sending.body.end {
                return sending.reply.end();
            }
            if flow == Flow::Wait {
                let mut state = self.state.lock();
                if !std::mem::take(&mut state.has_room) {
                    if !state.has_peer_left {
                        state.idle = Some(sending);
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
        // A refused job is dropped with the answer, which counts as failed then.
        let run = self
            .pool
            .try_run(Box::new(move || own.go_on(sending, true)));
        if run.is_err() {
            log::warn!("a file was not sent: too many wait for the disk already");
        }
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
        let _sending = {
            let mut state = self.state.lock();
            state.has_peer_left = true;
            state.idle.take()
        };
    }
}

impl FileBody {
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
