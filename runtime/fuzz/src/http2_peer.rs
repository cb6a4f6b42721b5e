//! The other end of an HTTP/2 connection: it keeps books of what it has sent and has allowed, and holds every frame of the
//! server against them. Reads frames for itself.

use std::collections::{BTreeMap, VecDeque};

use httlib_hpack::Decoder;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// Of SETTINGS and PING an acknowledgement, of HEADERS and DATA the end of the stream.
const FIRST_FLAG: u8 = 1;
const END_HEADERS: u8 = 4;

const FRAME_HEAD_BYTES: usize = 9;
const FRAME_BYTES_MAX: usize = 16 * 1024;
const INITIAL_WINDOW: u16 = 4;
const WINDOW_AT_FIRST: i64 = 65_535;

pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What has come on one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamSeen {
    /// Interim heads.
    pub(crate) interim: Vec<Fields>,
    /// The final head.
    pub(crate) head: Option<Fields>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<Fields>,
    /// The answer has come to its end.
    pub(crate) has_ended: bool,
    /// The code of the server's reset.
    pub(crate) reset: Option<u32>,
    /// What the peer has let the server send on it beyond the window that streams begin with.
    updates: i64,
}

/// One peer and its books.
pub(crate) struct Peer {
    sent: Vec<u8>,
    received: Vec<u8>,
    window: i64,
    stream_window: i64,
    /// The last head that was sent, of whatever stream.
    pub(crate) last_head: u32,
    /// The highest stream that was opened.
    stream_max: u32,
    settings_sent: u32,
    settings_answered: u32,
    pings: VecDeque<Vec<u8>>,
    has_settings: bool,
    /// The code of the last GOAWAY.
    pub(crate) goodbye: Option<u32>,
    pub(crate) streams: BTreeMap<u32, StreamSeen>,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// Takes the first one off, if it is complete.
    fn take(bytes: &mut Vec<u8>) -> Option<Frame> {
        let (&[a, b, c, kind, flags, w, x, y, z], rest) =
            bytes.split_first_chunk::<FRAME_HEAD_BYTES>()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = rest.get(..length)?.to_vec();
        bytes.drain(..FRAME_HEAD_BYTES + length);
        let stream = u32::from_be_bytes([w, x, y, z]) & 0x7fff_ffff;
        Some(Frame {
            kind,
            flags,
            stream,
            payload,
        })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The four bytes from `at` on.
    fn number(&self, at: usize) -> u32 {
        let bytes = self.payload[at..].first_chunk();
        u32::from_be_bytes(*bytes.expect("a number of four bytes"))
    }
}

/// Where the frames end that move windows.
pub(crate) fn window_ends(bytes: &[u8]) -> Vec<usize> {
    let (mut rest, mut ends) = (bytes.to_vec(), Vec::new());
    while let Some(frame) = Frame::take(&mut rest) {
        if matches!(frame.kind, SETTINGS | WINDOW_UPDATE) {
            ends.push(bytes.len() - rest.len());
        }
    }
    ends
}

impl Peer {
    pub(crate) fn new() -> Peer {
        Peer {
            sent: Vec::new(),
            received: Vec::new(),
            window: WINDOW_AT_FIRST,
            stream_window: WINDOW_AT_FIRST,
            last_head: 0,
            stream_max: 0,
            settings_sent: 0,
            settings_answered: 0,
            pings: VecDeque::new(),
            has_settings: false,
            goodbye: None,
            streams: BTreeMap::new(),
        }
    }

    /// Notes what the peer sends, before the server has it. Nothing is noted that the server does not take.
    pub(crate) fn sends(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
        while let Some(frame) = Frame::take(&mut self.sent) {
            self.note(&frame);
        }
    }

    fn note(&mut self, frame: &Frame) {
        match frame.kind {
            HEADERS => {
                self.last_head = frame.stream;
                self.stream_max = self.stream_max.max(frame.stream);
            }
            PING if !frame.has(FIRST_FLAG) => self.pings.push_back(frame.payload.clone()),
            SETTINGS if !frame.has(FIRST_FLAG) => {
                self.settings_sent += 1;
                for setting in frame.payload.chunks_exact(6) {
                    if u16::from_be_bytes([setting[0], setting[1]]) == INITIAL_WINDOW {
                        let value = setting[2..].first_chunk().expect("six bytes");
                        self.stream_window = u32::from_be_bytes(*value).into();
                    }
                }
            }
            WINDOW_UPDATE if frame.payload.len() == 4 => {
                let increment = i64::from(frame.number(0) & 0x7fff_ffff);
                match frame.stream {
                    0 => self.window += increment,
                    id => self.streams.entry(id).or_default().updates += increment,
                }
            }
            _ => {}
        }
    }

    /// Reads what the server sends, and holds it against the books.
    pub(crate) fn receives(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        while let Some(frame) = Frame::take(&mut self.received) {
            self.check(frame);
        }
        assert!(self.received.is_empty(), "half a frame was sent");
    }

    fn check(&mut self, frame: Frame) {
        let Frame { kind, stream, .. } = frame;
        assert!(frame.payload.len() <= FRAME_BYTES_MAX, "a frame too long");
        assert!(
            self.goodbye.unwrap_or(0) == 0,
            "kind {kind} after a GOAWAY that ends all"
        );
        let is_first = !std::mem::replace(&mut self.has_settings, true);
        if is_first {
            let is_greeting = kind == SETTINGS && !frame.has(FIRST_FLAG);
            assert!(is_greeting || kind == GOAWAY, "kind {kind} comes first");
        }
        if matches!(kind, SETTINGS | PING | GOAWAY) {
            assert_eq!(stream, 0, "kind {kind} on a stream");
        }
        match kind {
            SETTINGS if frame.has(FIRST_FLAG) => {
                self.settings_answered += 1;
                assert!(self.settings_answered <= self.settings_sent);
                assert!(frame.payload.is_empty());
            }
            SETTINGS => {
                assert!(is_first, "settings twice");
                assert_eq!(frame.payload.len() % 6, 0);
            }
            PING => {
                assert!(frame.has(FIRST_FLAG), "a ping that nobody asked for");
                assert_eq!(self.pings.pop_front(), Some(frame.payload));
            }
            GOAWAY => {
                assert!(frame.number(0) <= self.stream_max, "a stream of nobody");
                self.goodbye = Some(frame.number(4));
            }
            WINDOW_UPDATE => {
                assert_ne!(frame.number(0) & 0x7fff_ffff, 0, "an update by nothing");
                if stream != 0 {
                    self.open(stream);
                }
            }
            RST_STREAM => {
                assert!(self.is_opened(stream), "a reset of an idle stream");
                let seen = self.streams.entry(stream).or_default();
                // Data that crosses a reset, or the end, is answered with another one.
                seen.reset = seen.reset.or(Some(frame.number(0)));
            }
            HEADERS => self.take_head(frame),
            DATA => self.take_data(&frame),
            // Our blocks fit into one frame here, and nothing else is ever sent.
            _ => panic!("a frame of kind {kind}"),
        }
    }

    fn is_opened(&self, stream: u32) -> bool {
        stream % 2 == 1 && stream <= self.stream_max
    }

    /// The stream, on which something may still come.
    fn open(&mut self, stream: u32) -> &mut StreamSeen {
        assert!(self.is_opened(stream), "{stream} is idle");
        let seen = self.streams.entry(stream).or_default();
        assert!(!seen.has_ended, "{stream} goes on after its end");
        assert_eq!(seen.reset, None, "{stream} goes on after its reset");
        seen
    }

    fn take_head(&mut self, frame: Frame) {
        assert!(frame.has(END_HEADERS), "a head in pieces");
        // No table is kept between heads: the server's encoder has none.
        let mut decoder = Decoder::with_dynamic_size(0);
        let (mut block, mut fields) = (frame.payload.clone(), Vec::new());
        decoder
            .decode(&mut block, &mut fields)
            .expect("a block that can be decoded");
        let fields: Fields = fields
            .into_iter()
            .map(|(name, value, _)| (name, value))
            .collect();
        let has_ended = frame.has(FIRST_FLAG);
        let seen = self.open(frame.stream);
        seen.has_ended = has_ended;
        let status = fields.first().filter(|(name, _)| name == b":status");
        let is_interim = status.is_some_and(|(_, value)| value[0] == b'1');
        match (&seen.head, status) {
            (None, Some(_)) if is_interim => {
                assert!(!has_ended, "an interim answer is the last");
                seen.interim.push(fields);
            }
            (None, Some(_)) => seen.head = Some(fields),
            (Some(_), None) => {
                assert!(has_ended, "trailers without an end");
                seen.trailers = Some(fields);
            }
            _ => panic!("{fields:?} is no head"),
        }
    }

    fn take_data(&mut self, frame: &Frame) {
        let length = frame.payload.len() as i64;
        self.window -= length;
        assert!(self.window >= 0, "more than the connection's window");
        let stream_window = self.stream_window;
        let seen = self.open(frame.stream);
        assert!(seen.head.is_some(), "a body without a head");
        seen.body.extend_from_slice(&frame.payload);
        seen.has_ended = frame.has(FIRST_FLAG);
        let allowed = stream_window + seen.updates;
        assert!(
            length == 0 || seen.body.len() as i64 <= allowed,
            "more than the stream's window"
        );
    }

    /// Everything that asks for an answer has one.
    pub(crate) fn is_answered(&self) -> bool {
        self.pings.is_empty() && self.settings_answered == self.settings_sent
    }
}
