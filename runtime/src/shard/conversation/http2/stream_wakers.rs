//! Wakers of a connection's streams: each wakes the connection, and leaves a note for which stream. So a turn looks at the
//! streams that have something to say, and at no other.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use turbo_shard_protocol::HTTP2_STREAMS_CEILING;
use turbo_shard_protocol::http2::StreamKey;

const WORDS: usize = (HTTP2_STREAMS_CEILING as usize).div_ceil(64);

/// A connection's.
pub(super) struct StreamWakers {
    news: Arc<News>,
    /// One for each place that a stream has had; made once.
    wakers: Vec<Waker>,
}

struct News {
    /// A bit for each stream.
    ready: [AtomicU64; WORDS],
    connection: Mutex<Option<Waker>>,
}

struct StreamWaker {
    news: Arc<News>,
    place: usize,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let bit = 1 << (self.place % 64);
        // With the bits that the connection takes: what was put in before is seen after.
        self.news.ready[self.place / 64].fetch_or(bit, Ordering::Release);
        let connection = self.news.connection.lock().clone();
        if let Some(connection) = connection {
            connection.wake();
        }
    }
}

impl StreamWakers {
    pub(super) fn new() -> StreamWakers {
        let news = News {
            ready: array::from_fn(|_| AtomicU64::new(0)),
            connection: Mutex::new(None),
        };
        StreamWakers {
            news: Arc::new(news),
            wakers: Vec::new(),
        }
    }

    /// Who is woken from now on.
    pub(super) fn belong_to(&self, connection: &Waker) {
        let mut known = self.news.connection.lock();
        match &mut *known {
            Some(known) => known.clone_from(connection),
            None => *known = Some(connection.clone()),
        }
    }

    pub(super) fn of(&mut self, key: StreamKey) -> &Waker {
        while self.wakers.len() <= key.index() {
            let (news, place) = (Arc::clone(&self.news), self.wakers.len());
            self.wakers
                .push(Waker::from(Arc::new(StreamWaker { news, place })));
        }
        &self.wakers[key.index()]
    }

    /// Takes the notes: the places of streams that were woken, each once.
    pub(super) fn take(&self, places: &mut Vec<usize>) {
        for (number, word) in self.news.ready.iter().enumerate() {
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::Acquire);
            while bits != 0 {
                places.push(number * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    /// No stream is open: their wakers are not needed.
    pub(super) fn rest(&mut self) {
        self.wakers = Vec::new();
    }
}
