//! What the crate h2, as a server, makes of the same frames. Polled by hand over memory: nothing in it waits for anything but
//! bytes.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{self, SendResponse};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So much is read in a turn, so that what was right before a fault is known before the fault is.
const TURN_BYTES: usize = 16;
/// Turns that follow when all was read, for what h2 does one after the other.
const LAST_TURNS: usize = 300;

/// A request as h2 reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Without its `?`; empty if there is none.
    pub(crate) query: String,
    pub(crate) authority: Option<String>,
    /// By name, each in the order of its lines.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// None if its end did not come, or if it was refused.
    pub(crate) body: Option<Vec<u8>>,
}

/// A request whose body is on its way.
struct Arriving {
    number: u32,
    stream: RecvStream,
    body: Vec<u8>,
    /// Keeps the stream open until its request is complete.
    answer: SendResponse<Bytes>,
}

/// Everything that h2 reads from a connection with these bytes, by the number of its stream.
pub(crate) fn read(input: &[u8], streams_max: u32) -> BTreeMap<u32, Reading> {
    let mut readings = BTreeMap::new();
    let mut context = Context::from_waker(Waker::noop());
    let pipe = Pipe {
        input: input.to_vec(),
        has_given: false,
    };
    let turns = input.len() / TURN_BYTES + LAST_TURNS;
    let mut builder = server::Builder::new();
    builder.max_concurrent_streams(streams_max);
    let mut handshake = pin!(builder.handshake::<_, Bytes>(pipe));
    let mut made = None;
    for _ in 0..turns {
        match handshake.as_mut().poll(&mut context) {
            Poll::Ready(result) => {
                made = result.ok();
                break;
            }
            Poll::Pending => {}
        }
    }
    let Some(mut connection) = made else {
        return readings;
    };
    let mut arriving = Vec::new();
    for _ in 0..turns {
        // How the connection ends is of no interest: a refusal shows in what was not read.
        let accepted = connection.poll_accept(&mut context);
        let is_over = matches!(accepted, Poll::Ready(None | Some(Err(_))));
        if let Poll::Ready(Some(Ok((request, answer)))) = accepted {
            let (number, reading, stream) = reading_of(request);
            readings.insert(number, reading);
            arriving.push(Arriving {
                number,
                stream,
                body: Vec::new(),
                answer,
            });
        }
        arriving.retain_mut(|one| match one.is_complete(&mut context) {
            None => true,
            Some(is_whole) => {
                if let (Some(reading), true) = (readings.get_mut(&one.number), is_whole) {
                    reading.body = Some(std::mem::take(&mut one.body));
                }
                let _ = one.answer.send_response(Response::new(()), true);
                false
            }
        });
        if is_over {
            break;
        }
    }
    readings
}

fn reading_of(request: Request<RecvStream>) -> (u32, Reading, RecvStream) {
    let (parts, stream) = request.into_parts();
    let headers = parts.headers.iter();
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    let reading = Reading {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authority: parts.uri.authority().map(|known| known.as_str().to_owned()),
        headers,
        body: None,
    };
    (stream.stream_id().as_u32(), reading, stream)
}

impl Arriving {
    /// Whether the body has come to its end; None while more of it may come.
    fn is_complete(&mut self, context: &mut Context<'_>) -> Option<bool> {
        loop {
            match self.stream.poll_data(context) {
                Poll::Ready(Some(Ok(data))) => {
                    self.body.extend_from_slice(&data);
                    let _ = self.stream.flow_control().release_capacity(data.len());
                }
                Poll::Ready(Some(Err(_))) => return Some(false),
                Poll::Ready(None) => break,
                Poll::Pending => return None,
            }
        }
        match self.stream.poll_trailers(context) {
            Poll::Ready(trailers) => Some(trailers.is_ok()),
            Poll::Pending => None,
        }
    }
}

/// A peer that sends a little at a time, stays when it has sent everything, and reads nothing.
struct Pipe {
    input: Vec<u8>,
    has_given: bool,
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.has_given = !self.has_given && !self.input.is_empty();
        if !self.has_given {
            return Poll::Pending;
        }
        let most = TURN_BYTES.min(buffer.remaining());
        let count = most.min(self.input.len());
        buffer.put_slice(&self.input[..count]);
        self.input.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
