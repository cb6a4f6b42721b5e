//! What is in flight on one connection: usually one request or WebSocket message, several when pipelined. Knows what
//! must go out and what an answer must be, but no sockets: it is handed what came, and told what has gone out.

use std::collections::VecDeque;
use std::time::Instant;

use crate::checker::{Checked, Checker};
use crate::difference::excerpt;
use crate::exchange::Exchange;
use crate::failure::Failure;

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

/// Requests in flight, and the bytes of them both ways.
#[derive(Default)]
pub struct Flow {
    /// What has not been taken for sending yet.
    output: Vec<u8>,
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

impl Flow {
    /// A connection on which nothing has been asked yet.
    pub fn new() -> Flow {
        Flow::default()
    }

    /// The question whose answer comes next, if there is any in flight.
    pub fn awaited(&self) -> Option<&Question> {
        self.in_flight.front().map(|first| &first.question)
    }

    /// Bytes of the unfinished answer.
    pub fn bytes_received(&self) -> usize {
        self.received.len()
    }

    /// Puts a question behind those in flight.
    pub fn put(&mut self, exchange: &Exchange, question: Question) {
        let before = self.output.len();
        exchange.encode(question.number, &mut self.output);
        self.bytes_put += (self.output.len() - before) as u64;
        self.in_flight.push_back(InFlight {
            question,
            ends_at: self.bytes_put,
        });
    }

    /// Moves what must be sent into `into`, which is empty and whose room later output uses. Returns whether there was
    /// anything.
    pub fn take_output(&mut self, into: &mut Vec<u8>) -> bool {
        debug_assert!(into.is_empty(), "what is being sent is not lost");
        std::mem::swap(&mut self.output, into);
        !into.is_empty()
    }

    /// Whether something waits to be sent.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Notes that the kernel has taken so many more bytes of what must be sent.
    pub fn confirm_sent(&mut self, count: usize) {
        self.bytes_sent += count as u64;
    }

    /// Checks what came, together with what came before it, and appends the right answers to `answers`.
    pub fn take_in(
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

    /// Takes the whole answers at the start of `bytes`; returns how much that was.
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
                    self.bytes_put += reply.len() as u64;
                    self.output.extend_from_slice(&reply);
                }
            }
        }
        Ok(used)
    }

    /// The failure that the end of the connection is.
    #[cold]
    pub fn closed(&self, checker: &Checker<'_>) -> Failure {
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
