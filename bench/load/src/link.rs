//! One connection with at most one request, or WebSocket message, in flight. Knows how to send and to receive; the stream
//! may block or not, and when to do what is decided elsewhere.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::checker::{Checked, Checker};
use crate::difference::excerpt;
use crate::exchange::Exchange;
use crate::failure::Failure;

/// Room for what one read brings.
pub const READ_BYTES_MAX: usize = 64 * 1024;

/// Opens a connection to `target`, from `source` if one is given.
pub fn connect(
    target: SocketAddr,
    source: Option<IpAddr>,
    timeout: Duration,
) -> std::io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&target.into(), timeout)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The answer is not whole yet.
    Part,
    /// The right answer, and its size in bytes.
    Answer(usize),
}

/// A connection and its request in flight.
pub struct Link<S> {
    stream: S,
    number: u64,
    request: Vec<u8>,
    written: usize,
    received: Vec<u8>,
    waits: bool,
}

impl<S: Read + Write> Link<S> {
    /// A connection on which nothing has been asked yet.
    pub fn new(stream: S) -> Link<S> {
        Link {
            stream,
            number: 0,
            request: Vec::new(),
            written: 0,
            received: Vec::new(),
            waits: false,
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

    /// Whether a request is in flight.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Bytes of the unfinished answer.
    pub fn bytes_received(&self) -> usize {
        self.received.len()
    }

    /// Number of the request in flight.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Sends the request with this number, or as much of it as the socket takes.
    pub fn ask(&mut self, exchange: &Exchange, number: u64) -> Result<(), Failure> {
        exchange.encode(number, &mut self.request);
        (self.number, self.written, self.waits) = (number, 0, true);
        self.flush()
    }

    /// Sends what the socket did not take before.
    pub fn flush(&mut self) -> Result<(), Failure> {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::io("a request could not be sent", &error)),
            }
        }
        Ok(())
    }

    /// Reads until the answer is whole and right, or the socket is empty. `scratch` is room for what a read brings; one
    /// that does not fill it has emptied the socket.
    pub fn receive(
        &mut self,
        checker: &mut Checker<'_>,
        scratch: &mut [u8],
    ) -> Result<Received, Failure> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(self.closed(checker)),
                Ok(count) => {
                    if let Some(bytes) = self.take_in(checker, &scratch[..count])? {
                        self.waits = false;
                        return Ok(Received::Answer(bytes));
                    }
                    if count < scratch.len() {
                        return Ok(Received::Part);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Part),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::io("an answer could not be read", &error)),
            }
        }
    }

    /// Checks what came, together with what came before it. The size of the right answer, once it is whole.
    fn take_in(
        &mut self,
        checker: &mut Checker<'_>,
        chunk: &[u8],
    ) -> Result<Option<usize>, Failure> {
        if !self.waits || self.written < self.request.len() {
            let text = excerpt(chunk, 0);
            return Err(Failure::WrongAnswer(format!(
                "an answer came before its request was sent: {text}"
            )));
        }
        // Most answers come in one piece and are never copied.
        if self.received.is_empty() {
            return match checker.check(self.number, chunk)? {
                Checked::Right(bytes) => Ok(Some(bytes)),
                Checked::Part => {
                    self.received.extend_from_slice(chunk);
                    Ok(None)
                }
                Checked::Owes(bytes, reply) => {
                    self.send_besides(&reply)?;
                    self.take_in_rest(checker, &chunk[bytes..])
                }
            };
        }
        self.take_in_rest(checker, chunk)
    }

    fn take_in_rest(
        &mut self,
        checker: &mut Checker<'_>,
        chunk: &[u8],
    ) -> Result<Option<usize>, Failure> {
        self.received.extend_from_slice(chunk);
        loop {
            match checker.check(self.number, &self.received)? {
                Checked::Part => return Ok(None),
                Checked::Right(bytes) => {
                    self.received.clear();
                    return Ok(Some(bytes));
                }
                Checked::Owes(bytes, reply) => {
                    self.received.drain(..bytes);
                    self.send_besides(&reply)?;
                }
            }
        }
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
        let line = checker.line(self.number);
        Failure::Broken(format!(
            "the server closed a connection that waited for {line}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;

    use super::*;
    use crate::request::{RequestParts, RequestPlan};
    use crate::template::Template;
    use crate::websocket::{MessagePlan, Opcode, pong};

    /// Hands out prepared pieces, one per read, and takes `takes` bytes more.
    struct Script {
        reads: VecDeque<Vec<u8>>,
        writes: Vec<u8>,
        takes: usize,
    }

    impl Read for Script {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.reads.pop_front() else {
                return Err(ErrorKind::WouldBlock.into());
            };
            into[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.takes);
            self.takes -= taken;
            self.writes.extend_from_slice(&bytes[..taken]);
            if taken == 0 {
                Err(ErrorKind::WouldBlock.into())
            } else {
                Ok(taken)
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn plan() -> Exchange {
        let parts = RequestParts {
            method: "GET".to_owned(),
            path: Template::new("/{n}"),
            headers: Vec::new(),
            body: None,
            expected_status: 200,
            expected_body: Template::new("n={n}"),
        };
        Exchange::Http(RequestPlan::new(
            SocketAddr::from(([127, 0, 0, 1], 1)),
            parts,
        ))
    }

    fn received(link: &mut Link<Script>, checker: &mut Checker<'_>) -> Result<Received, Failure> {
        link.receive(checker, &mut [0; 1024])
    }

    fn answer(body: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn asked(plan: &Exchange, reads: &[&[u8]]) -> Link<Script> {
        let reads = reads.iter().map(|piece| piece.to_vec()).collect();
        let mut link = Link::new(Script {
            reads,
            writes: Vec::new(),
            takes: 1000,
        });
        link.ask(plan, 7).unwrap();
        link
    }

    #[test]
    fn an_answer_may_come_in_any_two_pieces() {
        let (plan, whole) = (plan(), answer("n=7"));
        for cut in 1..whole.len() {
            let mut link = asked(&plan, &[&whole[..cut], &whole[cut..]]);
            let mut checker = Checker::new(&plan);
            assert_eq!(
                received(&mut link, &mut checker).unwrap(),
                Received::Part,
                "cut at {cut}"
            );
            assert_eq!(
                received(&mut link, &mut checker).unwrap(),
                Received::Answer(whole.len())
            );
            assert!(!link.waits() && link.received.is_empty());
        }
    }

    #[test]
    fn a_wrong_answer_is_told_with_its_difference() {
        let plan = plan();
        let cases = [
            (answer("n=8"), "from byte 2 on"),
            (
                b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno".to_vec(),
                "expected status 200, found 500",
            ),
            (
                [answer("n=7"), b"x".to_vec()].concat(),
                "more bytes than the answer has",
            ),
            (b"nonsense\r\n\r\n".to_vec(), "status line"),
        ];
        for (bytes, expected) in cases {
            let failure =
                received(&mut asked(&plan, &[&bytes]), &mut Checker::new(&plan)).unwrap_err();
            let Failure::WrongAnswer(text) = &failure else {
                panic!("{failure:?}")
            };
            assert!(
                text.starts_with("GET /7: ") && text.contains(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn a_request_goes_out_in_as_many_writes_as_it_takes() {
        let plan = plan();
        let mut link = Link::new(Script {
            reads: VecDeque::new(),
            writes: Vec::new(),
            takes: 3,
        });
        link.ask(&plan, 7).unwrap();
        while link.written < link.request.len() {
            link.stream.takes = 3;
            link.flush().unwrap();
        }
        assert_eq!(link.stream.writes, link.request);
    }

    #[test]
    fn an_answer_before_its_request_is_wrong() {
        let plan = plan();
        let mut link = asked(&plan, &[&answer("n=7"), &answer("n=7")]);
        let mut checker = Checker::new(&plan);
        received(&mut link, &mut checker).unwrap();
        assert!(matches!(
            received(&mut link, &mut checker),
            Err(Failure::WrongAnswer(_))
        ));
    }

    #[test]
    fn a_ping_is_answered_wherever_it_is_cut() {
        let exchange = Exchange::WebSocket(MessagePlan {
            path: String::from("/"),
            headers: Vec::new(),
            opcode: Opcode::Text,
            message: Template::new("n={n}"),
            expected: Template::new("n={n}"),
        });
        let whole = b"\x89\x02up\x89\x00\x81\x03n=7";
        for cut in 1..whole.len() {
            let mut link = asked(&exchange, &[&whole[..cut], &whole[cut..]]);
            link.stream.takes = usize::MAX;
            let sent = link.stream.writes.len();
            let mut checker = Checker::new(&exchange);
            let first = received(&mut link, &mut checker).unwrap();
            assert_eq!(first, Received::Part, "cut at {cut}");
            let last = received(&mut link, &mut checker).unwrap();
            assert_eq!(last, Received::Answer(5));
            assert_eq!(
                link.stream.writes[sent..],
                [pong(b"up"), pong(b"")].concat()
            );
        }
    }

    #[test]
    fn the_end_of_the_connection_breaks_the_run() {
        let plan = plan();
        let mut link = asked(&plan, &[b""]);
        assert!(matches!(
            received(&mut link, &mut Checker::new(&plan)),
            Err(Failure::Broken(_))
        ));
    }
}
