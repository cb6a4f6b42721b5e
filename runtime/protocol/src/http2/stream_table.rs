//! The streams of a connection: found by their number, kept by their key. Knows no frames.

use crate::http2::event::StreamKey;
use crate::http2::incoming::Incoming;
use crate::http2::outgoing::Outgoing;

/// A stream's two sides, apart, so that one can be read while the other is written.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) incoming: Incoming,
    pub(super) outgoing: Outgoing,
}

/// Places are used again with their memory, so that a stream costs no allocation once the connection is warm.
#[derive(Debug, Default)]
pub(super) struct StreamTable {
    /// The number of the stream at each place; 0 for none. Apart, because it is searched.
    ids: Vec<u32>,
    streams: Vec<Stream>,
    free: Vec<StreamKey>,
}

impl StreamTable {
    pub(super) fn len(&self) -> usize {
        self.ids.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, id: u32) -> StreamKey {
        match self.free.pop() {
            Some(key) => {
                self.ids[key.index()] = id;
                key
            }
            None => {
                let key = StreamKey(self.ids.len() as u16);
                self.ids.push(id);
                self.streams.push(Stream {
                    incoming: Incoming::new(),
                    outgoing: Outgoing::new(),
                });
                key
            }
        }
    }

    pub(super) fn remove(&mut self, key: StreamKey) {
        let stream = &mut self.streams[key.index()];
        stream.incoming.trim();
        stream.outgoing.trim();
        self.ids[key.index()] = 0;
        self.free.push(key);
    }

    #[inline]
    pub(super) fn find(&self, id: u32) -> Option<StreamKey> {
        let place = self.ids.iter().position(|&it| it == id)?;
        Some(StreamKey(place as u16))
    }

    #[inline]
    pub(super) fn of(&self, key: StreamKey) -> &Stream {
        &self.streams[key.index()]
    }

    #[inline]
    pub(super) fn of_mut(&mut self, key: StreamKey) -> &mut Stream {
        &mut self.streams[key.index()]
    }

    /// Whether a stream has this place now.
    pub(super) fn is_open(&self, key: StreamKey) -> bool {
        self.ids.get(key.index()).is_some_and(|&id| id != 0)
    }

    /// The keys of all open streams.
    pub(super) fn keys(&self) -> impl Iterator<Item = StreamKey> {
        let places = self.ids.iter().enumerate();
        places.filter_map(|(place, &id)| (id != 0).then_some(StreamKey(place as u16)))
    }

    /// Gives the memory of closed streams back.
    pub(super) fn rest(&mut self) {
        if self.len() == 0 {
            *self = StreamTable::default();
        }
    }
}
