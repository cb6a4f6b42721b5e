//! An independent client reads back exactly what an app answers.

#[path = "driver/driver.rs"]
mod driver;

use driver::{at, connection, decode_answers, sent, server_lines};
use proptest::prelude::*;
use turbo_shard_protocol::{BodyLength, Closing, Event, HeaderLines, Limits};

/// One request and how the app answers it.
#[derive(Clone, Debug)]
struct Exchange {
    method: &'static str,
    http10: bool,
    keep_alive: bool,
    status: u16,
    fields: Vec<(String, String)>,
    delivery: Delivery,
    pieces: Vec<Vec<u8>>,
    interim: bool,
    asks_to_close: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Delivery {
    Whole,
    /// Streamed, the length told to the writer.
    Known,
    /// Streamed, the length told in a header.
    Announced,
    Unknown,
}

prop_compose! {
    fn exchanges()(
        method in proptest::sample::select(vec!["GET", "HEAD", "POST", "DELETE"]),
        http10 in any::<bool>(),
        keep_alive in any::<bool>(),
        status in prop_oneof![3 => 200..600u16, 1 => Just(204), 1 => Just(304), 1 => Just(205), 1 => 200..1000u16],
        fields in proptest::collection::vec(("x-[a-z]{1,10}", "[!-~]([ -~]{0,30}[!-~])?"), 0..5),
        delivery in proptest::sample::select(vec![
            Delivery::Whole,
            Delivery::Known,
            Delivery::Announced,
            Delivery::Unknown,
        ]),
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..5),
        interim in any::<bool>(),
        asks_to_close in proptest::bool::weighted(0.1),
    ) -> Exchange {
        Exchange { method, http10, keep_alive, status, fields, delivery, pieces, interim, asks_to_close }
    }
}

impl Exchange {
    fn request(&self) -> Vec<u8> {
        let version = if self.http10 { "1.0" } else { "1.1" };
        let connection = match (self.http10, self.keep_alive) {
            (true, true) => "Connection: keep-alive\r\n",
            (false, false) => "Connection: close\r\n",
            _ => "",
        };
        format!(
            "{} / HTTP/{version}\r\nHost: a\r\n{connection}\r\n",
            self.method
        )
        .into_bytes()
    }

    fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn has_body(&self) -> bool {
        self.method != "HEAD" && !matches!(self.status, 204 | 205 | 304)
    }

    fn lines(&self) -> HeaderLines {
        let mut lines = HeaderLines::new();
        for (name, value) in &self.fields {
            lines.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        if self.delivery == Delivery::Announced {
            let length = self.body().len().to_string();
            lines.push(b"content-length", length.as_bytes()).unwrap();
        }
        if self.asks_to_close {
            lines.push(b"connection", b"close").unwrap();
        }
        lines
    }

    fn ends_the_connection(&self) -> bool {
        let until_close = self.http10 && self.delivery == Delivery::Unknown && self.has_body();
        !self.keep_alive || self.asks_to_close || until_close
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_client_reads_what_the_app_wrote(exchanges in proptest::collection::vec(exchanges(), 1..5)) {
        let mut connection = connection(Limits::sample());
        let input: Vec<u8> = exchanges.iter().flat_map(Exchange::request).collect();
        connection.receive(at(0), &input);
        let mut answered = Vec::new();
        let server_lines = server_lines();
        for exchange in &exchanges {
            prop_assert_eq!(connection.next_event(at(0)), Event::Head);
            let (_, _, mut response) = connection.exchange(&server_lines);
            let lines = exchange.lines();
            if exchange.interim {
                response.interim(103, &HeaderLines::new()).unwrap();
            }
            let length = match exchange.delivery {
                Delivery::Known => BodyLength::Known(exchange.body().len() as u64),
                _ => BodyLength::Unknown,
            };
            match exchange.delivery {
                Delivery::Whole => response.whole(exchange.status, &lines, &exchange.body()).unwrap(),
                _ => {
                    response.start(exchange.status, &lines, length).unwrap();
                    for piece in &exchange.pieces {
                        response.chunk(piece).unwrap();
                    }
                    response.end().unwrap();
                }
            }
            prop_assert_eq!(connection.next_event(at(0)), Event::ExchangeDone);
            answered.push(exchange);
            if exchange.ends_the_connection() {
                break;
            }
        }
        let is_last_word = answered.last().unwrap().ends_the_connection();
        prop_assert_eq!(connection.closing() != Closing::Open, is_last_word);

        let output = sent(&mut connection, at(0));
        let methods: Vec<_> = answered.iter().map(|exchange| exchange.method).collect();
        let mut answers = decode_answers(&output, &methods).into_iter();
        for exchange in &answered {
            let mut answer = answers.next().unwrap();
            if exchange.interim && !exchange.http10 {
                prop_assert_eq!(answer.status, 103);
                prop_assert!(answer.headers.is_empty());
                answer = answers.next().unwrap();
            }
            prop_assert_eq!(answer.status, exchange.status);
            prop_assert!(answer.complete);
            prop_assert!(answer.header("date").is_some());
            let expected_body = if exchange.has_body() { exchange.body() } else { Vec::new() };
            prop_assert_eq!(&answer.body, &expected_body);
            for (name, value) in &exchange.fields {
                let sent_values: Vec<_> = answer.headers.iter().filter(|(known, _)| known == name).collect();
                prop_assert!(sent_values.iter().any(|(_, sent)| sent == value.as_bytes()));
            }
            let connection_line = answer.header("connection");
            if exchange.ends_the_connection() {
                prop_assert_eq!(connection_line, Some(&b"close"[..]));
            } else if exchange.http10 {
                prop_assert_eq!(connection_line, Some(&b"keep-alive"[..]));
            } else {
                prop_assert_eq!(connection_line, None);
            }
            if exchange.status == 204 {
                prop_assert_eq!(answer.header("content-length"), None);
            }
            prop_assert!(!(exchange.http10 && answer.header("transfer-encoding").is_some()));
        }
        prop_assert!(answers.next().is_none());
    }

    /// Header lines that an app may hand over: either refused, or exactly one line on the wire.
    #[test]
    fn no_header_line_becomes_two(
        name in proptest::collection::vec(any::<u8>(), 0..10),
        value in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut lines = HeaderLines::new();
        if lines.push(&name, &value).is_ok() {
            let bytes = lines.as_bytes();
            let line_feeds = bytes.iter().filter(|&&byte| byte == b'\n').count();
            let returns = bytes.iter().filter(|&&byte| byte == b'\r').count();
            prop_assert_eq!((line_feeds, returns), (1, 1));
            prop_assert!(bytes.starts_with(&name) && bytes.ends_with(b"\r\n"));
        } else {
            prop_assert!(lines.is_empty());
        }
    }
}
