//! One connection over a stream that is read and written, with its requests in flight. Knows how to send and to
//! receive; the stream may block or not; other code decides when to do what.

use std::io::{ErrorKind, Read, Write};

use crate::checker::Checker;
use crate::failure::Failure;
use crate::flow::{Answered, Flow};

/// Room for what one read brings.
pub const READ_BYTES_MAX: usize = 64 * 1024;

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes; the socket may have more, or the end.
    Full(usize),
    /// So many bytes, maybe none, and the socket has no more.
    Emptied(usize),
}

/// A connection and its requests in flight.
pub struct Link<S> {
    stream: S,
    flow: Flow,
    /// What is being sent, from `written` on.
    sending: Vec<u8>,
    written: usize,
    /// A read that does not fill its room has not emptied the socket.
    has_more: bool,
}

impl<S: Read + Write> Link<S> {
    /// A connection on which nothing has been asked yet.
    pub fn new(stream: S) -> Link<S> {
        Link {
            stream,
            flow: Flow::new(),
            sending: Vec::new(),
            written: 0,
            has_more: false,
        }
    }

    /// Gives the stream back.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The same, to be set up.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Whether output waits for the socket, or for a handshake.
    pub fn has_unsent(&self) -> bool {
        self.written < self.sending.len()
    }

    /// What is in flight.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The same, to put more; [`Link::flush`] sends it.
    pub fn flow_mut(&mut self) -> &mut Flow {
        &mut self.flow
    }

    /// Notes that the socket may have more than a read brings: the end, which is not reported again, or what a TLS
    /// session has not taken yet.
    pub fn expect_more(&mut self) {
        self.has_more = true;
    }

    /// Sends the pending output, or as much of it as the socket takes.
    pub fn flush(&mut self) -> Result<(), Failure> {
        loop {
            if self.written == self.sending.len() {
                self.sending.clear();
                self.written = 0;
                if !self.flow.take_output(&mut self.sending) {
                    return self.push();
                }
            }
            match self.stream.write(&self.sending[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.flow.confirm_sent(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::io("a request could not be sent", &error)),
            }
        }
    }

    /// Has the stream send what it has kept; only one that encrypts keeps anything.
    fn push(&mut self) -> Result<(), Failure> {
        match self.stream.flush() {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Failure::io("a request could not be sent", &error)),
        }
    }

    /// Reads until nothing is in flight or the socket is empty, and appends the right answers to `answers`.
    pub fn receive(
        &mut self,
        checker: &mut Checker<'_>,
        scratch: &mut [u8],
        answers: &mut Vec<Answered>,
    ) -> Result<(), Failure> {
        loop {
            let received = self.receive_some(checker, scratch, answers)?;
            if self.flow.awaited().is_none() || matches!(received, Received::Emptied(_)) {
                return Ok(());
            }
        }
    }

    /// Reads once, as much as `scratch` has room for. A read that does not fill it has emptied the socket, unless there
    /// is an end to be read.
    pub fn receive_some(
        &mut self,
        checker: &mut Checker<'_>,
        scratch: &mut [u8],
        answers: &mut Vec<Answered>,
    ) -> Result<Received, Failure> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(self.flow.closed(checker)),
                Ok(count) => {
                    self.flow.take_in(checker, &scratch[..count], answers)?;
                    if self.flow.has_output() {
                        // A ping is owed its pong.
                        self.flush()?;
                    }
                    return Ok(if count < scratch.len() && !self.has_more {
                        Received::Emptied(count)
                    } else {
                        Received::Full(count)
                    });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Received::Emptied(0));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::io("an answer could not be read", &error)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
