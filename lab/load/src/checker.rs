//! Says whether received bytes are the right answer, over HTTP or WebSocket. Knows nothing of sockets.

use crate::answer::AnswerReader;
use crate::difference::{excerpt, first_difference};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::request::RequestPlan;
use crate::websocket::{self, MessagePlan, Opcode};

/// What received bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Not whole yet.
    Part,
    /// The right answer, and its size in bytes.
    Right(usize),
    /// So many bytes are not an answer but want one themselves: this one.
    Owes(usize, Vec<u8>),
}

/// Reads and checks; one for all connections of a thread.
pub struct Checker<'a> {
    routes: Vec<Route<'a>>,
}

struct Route<'a> {
    exchange: &'a Exchange,
    /// One for each route: it remembers a head, and another route's heads have another length.
    reader: AnswerReader,
}

impl<'a> Checker<'a> {
    /// Checks the answers of these exchanges, which their place identifies.
    pub fn new(exchanges: impl IntoIterator<Item = &'a Exchange>) -> Checker<'a> {
        let route = |exchange| Route {
            exchange,
            reader: AnswerReader::default(),
        };
        Checker {
            routes: exchanges.into_iter().map(route).collect(),
        }
    }

    /// The question with this number, for messages.
    pub fn line(&self, route: usize, number: u64) -> String {
        self.routes[route].exchange.line(number)
    }

    /// What `bytes`, which follow the question with this number, begin with.
    pub fn check(&mut self, route: usize, number: u64, bytes: &[u8]) -> Result<Checked, Failure> {
        let Route { exchange, reader } = &mut self.routes[route];
        match exchange {
            Exchange::Http(plan) => check_answer(reader, plan, number, bytes),
            Exchange::WebSocket(plan) => check_message(plan, number, bytes),
        }
        .map_err(|text| self.wrong(route, number, text))
    }

    /// The failure that an answer is which a request does not accept.
    #[cold]
    pub fn refuse(&self, route: usize, number: u64, status: u16, body: &[u8]) -> Failure {
        let text = match self.routes[route].exchange {
            Exchange::Http(plan) => difference(plan, number, status, body),
            Exchange::WebSocket(_) => String::from("an answer to a message"),
        };
        self.wrong(route, number, text)
    }

    /// A wrong answer to the question with this number.
    #[cold]
    pub fn wrong(&self, route: usize, number: u64, text: impl std::fmt::Display) -> Failure {
        Failure::WrongAnswer(format!("{}: {text}", self.line(route, number)))
    }
}

fn check_answer(
    reader: &mut AnswerReader,
    plan: &RequestPlan,
    number: u64,
    bytes: &[u8],
) -> Result<Checked, String> {
    match reader.read(bytes) {
        Ok(None) => Ok(Checked::Part),
        Ok(Some(answer)) => {
            if plan.accepts(number, answer.status, answer.body) {
                Ok(Checked::Right(answer.bytes))
            } else {
                Err(difference(plan, number, answer.status, answer.body))
            }
        }
        Err(error) => Err(format!("{error}: {}", excerpt(bytes, 0))),
    }
}

#[cold]
fn difference(plan: &RequestPlan, number: u64, found: u16, body: &[u8]) -> String {
    let expected = plan.expected_status();
    if expected != found {
        let body = excerpt(body, 0);
        return format!("expected status {expected}, found {found} with body {body}");
    }
    first_difference(&plan.expected_body(number), body).unwrap_or_default()
}

fn check_message(plan: &MessagePlan, number: u64, bytes: &[u8]) -> Result<Checked, String> {
    let frame = match websocket::read_frame(bytes) {
        Ok(Some(frame)) => frame,
        Ok(None) => return Ok(Checked::Part),
        Err(error) => return Err(format!("{error}: {}", excerpt(bytes, 0))),
    };
    let payload = &bytes[frame.payload.clone()];
    match frame.opcode {
        Opcode::Ping => Ok(Checked::Owes(frame.payload.end, websocket::pong(payload))),
        Opcode::Pong => Ok(Checked::Owes(frame.payload.end, Vec::new())),
        opcode if opcode != plan.opcode => {
            let payload = excerpt(payload, 0);
            Err(format!(
                "expected {:?}, found {opcode:?} {payload}",
                plan.opcode
            ))
        }
        _ if plan.expected.matches(number, payload) => Ok(Checked::Right(frame.payload.end)),
        _ => Err(first_difference(&plan.expected.text(number), payload).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;

    fn echo() -> Exchange {
        Exchange::WebSocket(MessagePlan {
            path: String::from("/chat"),
            headers: Vec::new(),
            opcode: Opcode::Text,
            message: Template::new("n={n}"),
            expected: Template::new("n={n}"),
        })
    }

    fn complaint(bytes: &[u8]) -> String {
        match Checker::new([&echo()]).check(0, 7, bytes) {
            Err(Failure::WrongAnswer(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_right_message_is_accepted_once_it_is_whole() {
        let exchange = echo();
        let mut checker = Checker::new([&exchange]);
        assert_eq!(checker.check(0, 7, b"\x81\x03n="), Ok(Checked::Part));
        assert_eq!(checker.check(0, 7, b"\x81\x03n=7"), Ok(Checked::Right(5)));
    }

    #[test]
    fn a_ping_wants_its_pong_and_a_pong_nothing() {
        let exchange = echo();
        let mut checker = Checker::new([&exchange]);
        let owed = Checked::Owes(3, websocket::pong(b"!"));
        assert_eq!(checker.check(0, 7, b"\x89\x01!\x81\x03n=7"), Ok(owed));
        assert_eq!(
            checker.check(0, 7, b"\x8A\x00"),
            Ok(Checked::Owes(2, Vec::new()))
        );
    }

    #[test]
    fn a_wrong_message_is_told_with_its_difference() {
        assert!(complaint(b"\x81\x03n=8").contains("from byte 2 on"));
        assert!(complaint(b"\x82\x03n=7").contains("expected Text, found Binary"));
        assert!(complaint(b"\x88\x02\x03\xE8").contains("expected Text, found Close"));
        assert!(complaint(b"\xC1\x03n=7").starts_with("WebSocket message 7 on /chat: a frame"));
    }
}
