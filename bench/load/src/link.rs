//! One keep-alive connection with at most one request in flight. Knows how to send and to check; the stream may block or
//! not, and when to do what is decided elsewhere.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::answer::{Answer, AnswerReader};
use crate::difference::{excerpt, first_difference};
use crate::failure::Failure;
use crate::request::RequestPlan;

/// Room for what one read brings. A read that does not fill it has emptied the socket.
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

/// What reading and checking needs besides the connection; one for all of them.
pub struct Checker<'a> {
    plan: &'a RequestPlan,
    reader: AnswerReader,
    scratch: Box<[u8]>,
}

impl<'a> Checker<'a> {
    /// Checks answers against `plan`.
    pub fn new(plan: &'a RequestPlan) -> Checker<'a> {
        Checker {
            plan,
            reader: AnswerReader::default(),
            scratch: vec![0; READ_BYTES_MAX].into(),
        }
    }

    /// Size of the right answer at the start of `bytes`; `None` if it is not whole yet.
    fn check(&mut self, number: u64, bytes: &[u8]) -> Result<Option<usize>, Failure> {
        let answer = match self.reader.read(bytes) {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(None),
            Err(error) => {
                let line = self.plan.line(number);
                return Err(Failure::WrongAnswer(format!(
                    "{line}: {error}: {}",
                    excerpt(bytes, 0)
                )));
            }
        };
        if !self
            .plan
            .accepts(number, answer.status, &bytes[answer.body.clone()])
        {
            return Err(Failure::WrongAnswer(
                self.difference(number, &answer, bytes),
            ));
        }
        if bytes.len() > answer.body.end {
            let line = self.plan.line(number);
            let rest = excerpt(bytes, answer.body.end);
            return Err(Failure::WrongAnswer(format!(
                "{line}: more bytes than the answer has: {rest}"
            )));
        }
        Ok(Some(answer.body.end))
    }

    #[cold]
    fn difference(&self, number: u64, answer: &Answer, bytes: &[u8]) -> String {
        let line = self.plan.line(number);
        let body = &bytes[answer.body.clone()];
        let (expected, found) = (self.plan.expected_status(), answer.status);
        if expected != found {
            return format!(
                "{line}: expected status {expected}, found {found} with body {}",
                excerpt(body, 0)
            );
        }
        let what = first_difference(&self.plan.expected_body(number), body);
        format!("{line}: {}", what.unwrap_or_default())
    }
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
    pub fn ask(&mut self, plan: &RequestPlan, number: u64) -> Result<(), Failure> {
        plan.encode(number, &mut self.request);
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

    /// Reads until the answer is whole and right, or the socket is empty.
    pub fn receive(&mut self, checker: &mut Checker<'_>) -> Result<Received, Failure> {
        loop {
            // Taken out for the call: the checker is borrowed as a whole below.
            let mut scratch = std::mem::take(&mut checker.scratch);
            let read = self.stream.read(&mut scratch);
            let received = read.map(|count| (count, self.take_in(checker, &scratch[..count])));
            checker.scratch = scratch;
            match received {
                Ok((0, _)) => return Err(self.closed(checker.plan)),
                Ok((_, Err(failure))) => return Err(failure),
                Ok((_, Ok(Some(bytes)))) => {
                    self.waits = false;
                    return Ok(Received::Answer(bytes));
                }
                Ok((count, Ok(None))) if count < READ_BYTES_MAX => return Ok(Received::Part),
                Ok((_, Ok(None))) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Part),
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
    ) -> Result<Option<usize>, Failure> {
        if !chunk.is_empty() && (!self.waits || self.written < self.request.len()) {
            let text = excerpt(chunk, 0);
            return Err(Failure::WrongAnswer(format!(
                "an answer came before its request was sent: {text}"
            )));
        }
        if self.received.is_empty() {
            let whole = checker.check(self.number, chunk)?;
            if whole.is_none() {
                self.received.extend_from_slice(chunk);
            }
            return Ok(whole);
        }
        self.received.extend_from_slice(chunk);
        let whole = checker.check(self.number, &self.received)?;
        if whole.is_some() {
            self.received.clear();
        }
        Ok(whole)
    }

    #[cold]
    fn closed(&self, plan: &RequestPlan) -> Failure {
        let line = plan.line(self.number);
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
    use crate::request::RequestParts;
    use crate::template::Template;

    /// Hands out prepared pieces, one per read, and takes `takes` bytes per write.
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
            let taken = bytes.len().min(std::mem::take(&mut self.takes));
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

    fn plan() -> RequestPlan {
        let parts = RequestParts {
            method: "GET".to_owned(),
            path: Template::new("/{n}"),
            headers: Vec::new(),
            body: None,
            expected_status: 200,
            expected_body: Template::new("n={n}"),
        };
        RequestPlan::new(SocketAddr::from(([127, 0, 0, 1], 1)), parts)
    }

    fn answer(body: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn asked(plan: &RequestPlan, reads: &[&[u8]]) -> Link<Script> {
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
                link.receive(&mut checker).unwrap(),
                Received::Part,
                "cut at {cut}"
            );
            assert_eq!(
                link.receive(&mut checker).unwrap(),
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
            let failure = asked(&plan, &[&bytes])
                .receive(&mut Checker::new(&plan))
                .unwrap_err();
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
        link.receive(&mut checker).unwrap();
        assert!(matches!(
            link.receive(&mut checker),
            Err(Failure::WrongAnswer(_))
        ));
    }

    #[test]
    fn the_end_of_the_connection_breaks_the_run() {
        let plan = plan();
        let mut link = asked(&plan, &[b""]);
        assert!(matches!(
            link.receive(&mut Checker::new(&plan)),
            Err(Failure::Broken(_))
        ));
    }
}
