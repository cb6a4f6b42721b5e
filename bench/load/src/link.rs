//! One connection with its requests, or WebSocket messages, in flight: usually one, several when pipelined. Knows how to
//! send and to receive; the stream may block or not, and when to do what is decided elsewhere.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::checker::{Checked, Checker};
use crate::difference::excerpt;
use crate::exchange::Exchange;
use crate::failure::Failure;

/// Room for what one read brings.
pub const READ_BYTES_MAX: usize = 64 * 1024;

/// Opens a connection to `target`, from `source` if one is given, with this much room in the kernel for what arrives, if
/// that is given.
pub fn connect(
    target: SocketAddr,
    source: Option<IpAddr>,
    receive_buffer_bytes: Option<usize>,
    timeout: Duration,
) -> std::io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if let Some(bytes) = receive_buffer_bytes {
        // Before connecting, since the window is agreed upon there.
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&target.into(), timeout)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A question on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which of the exchanges.
    pub route: usize,
    /// The number in it.
    pub number: u64,
    /// When its latency begins.
    pub since: Instant,
}

/// A right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// To which question.
    pub question: Question,
    /// Its size.
    pub bytes: usize,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes; the socket may have more.
    Full(usize),
    /// So many bytes, maybe none, and the socket has no more.
    Emptied(usize),
}

/// A connection and its requests in flight.
pub struct Link<S> {
    stream: S,
    /// What is still to be sent, from `written` on.
    output: Vec<u8>,
    written: usize,
    /// Bytes ever put into `output`, and ever sent.
    bytes_put: u64,
    bytes_sent: u64,
    in_flight: VecDeque<InFlight>,
    /// The start of an answer whose end has not come.
    received: Vec<u8>,
}

struct InFlight {
    question: Question,
    /// `bytes_sent` once the last byte of it has gone out.
    ends_at: u64,
}

impl<S: Read + Write> Link<S> {
    /// A connection on which nothing has been asked yet.
    pub fn new(stream: S) -> Link<S> {
        Link {
            stream,
            output: Vec::new(),
            written: 0,
            bytes_put: 0,
            bytes_sent: 0,
            in_flight: VecDeque::new(),
            received: Vec::new(),
        }
    }

    /// The stream below.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives the stream back.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// The question whose answer comes next, if there is any in flight.
    pub fn awaited(&self) -> Option<&Question> {
        self.in_flight.front().map(|first| &first.question)
    }

    /// Bytes of the unfinished answer.
    pub fn bytes_received(&self) -> usize {
        self.received.len()
    }

    /// Puts a question behind those in flight; [`Link::flush`] sends it.
    pub fn put(&mut self, exchange: &Exchange, question: Question) {
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        }
        let before = self.output.len();
        exchange.encode(question.number, &mut self.output);
        self.bytes_put += (self.output.len() - before) as u64;
        self.in_flight.push_back(InFlight {
            question,
            ends_at: self.bytes_put,
        });
    }

    /// Sends what was put, or as much of it as the socket takes.
    pub fn flush(&mut self) -> Result<(), Failure> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.bytes_sent += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::io("a request could not be sent", &error)),
            }
        }
        Ok(())
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
            if self.in_flight.is_empty() || matches!(received, Received::Emptied(_)) {
                return Ok(());
            }
        }
    }

    /// Reads once, as much as there is room for in `scratch`. A read that does not fill it has emptied the socket.
    pub fn receive_some(
        &mut self,
        checker: &mut Checker<'_>,
        scratch: &mut [u8],
        answers: &mut Vec<Answered>,
    ) -> Result<Received, Failure> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(self.closed(checker)),
                Ok(count) => {
                    self.take_in(checker, &scratch[..count], answers)?;
                    return Ok(if count < scratch.len() {
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

    /// Checks what came, together with what came before it.
    fn take_in(
        &mut self,
        checker: &mut Checker<'_>,
        chunk: &[u8],
        answers: &mut Vec<Answered>,
    ) -> Result<(), Failure> {
        if self.received.is_empty() {
            // Most answers come in one piece and are never copied.
            let used = self.take_answers(checker, chunk, answers)?;
            self.received.extend_from_slice(&chunk[used..]);
        } else {
            let mut received = std::mem::take(&mut self.received);
            received.extend_from_slice(chunk);
            let used = self.take_answers(checker, &received, answers)?;
            received.drain(..used);
            self.received = received;
        }
        Ok(())
    }

    /// Takes the whole answers at the start of `bytes`; how much that was.
    fn take_answers(
        &mut self,
        checker: &mut Checker<'_>,
        bytes: &[u8],
        answers: &mut Vec<Answered>,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        while used < bytes.len() {
            let rest = &bytes[used..];
            let Some(&InFlight { question, ends_at }) = self.in_flight.front() else {
                return Err(superfluous(checker, answers.last(), rest));
            };
            if ends_at > self.bytes_sent {
                return Err(superfluous(checker, None, rest));
            }
            match checker.check(question.route, question.number, rest)? {
                Checked::Part => break,
                Checked::Right(size) => {
                    self.in_flight.pop_front();
                    used += size;
                    answers.push(Answered {
                        question,
                        bytes: size,
                    });
                }
                Checked::Owes(size, reply) => {
                    used += size;
                    self.send_besides(&reply)?;
                }
            }
        }
        Ok(used)
    }

    /// Sends what is no request. The last request has gone out by then, so the socket has room for a few bytes.
    #[cold]
    fn send_besides(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream
            .write_all(bytes)
            .map_err(|error| Failure::io("a pong could not be sent", &error))
    }

    #[cold]
    fn closed(&self, checker: &Checker<'_>) -> Failure {
        let waited = match self.awaited() {
            Some(question) => format!(
                "that waited for {}",
                checker.line(question.route, question.number)
            ),
            None => String::from("on which nothing was in flight"),
        };
        Failure::Broken(format!("the server closed a connection {waited}"))
    }
}

/// Bytes that answer nothing.
#[cold]
fn superfluous(checker: &Checker<'_>, before: Option<&Answered>, bytes: &[u8]) -> Failure {
    let text = excerpt(bytes, 0);
    match before.map(|answered| answered.question) {
        Some(Question { route, number, .. }) => checker.wrong(
            route,
            number,
            format_args!("more bytes than the answer has: {text}"),
        ),
        None => Failure::WrongAnswer(format!(
            "an answer came before its request was sent: {text}"
        )),
    }
}

#[cfg(test)]
mod tests;
