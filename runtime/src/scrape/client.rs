//! One client of the metrics port: its socket, and the protocol's state. Knows no metric.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use turbo_shard_protocol::{
    Closing, Connection, Event, Expiry, HeaderLines, Method, ServerLines, Tick, Workspace,
};

use std::sync::Arc;
use turbo_shard_protocol::Limits;

use crate::scrape::answers::{Answers, ScrapeAnswer};

/// Read at once.
const READ_BYTES: usize = 8 * 1024;

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    connection: Connection,
    is_write_shut: bool,
}

impl Client {
    pub(crate) fn new(stream: TcpStream, limits: &Arc<Limits>, now: Tick) -> Client {
        let mut connection = Connection::new(Arc::clone(limits), now);
        connection.lend(Box::<Workspace>::default());
        Client {
            stream,
            connection,
            is_write_shut: false,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        self.connection.next_deadline()
    }

    /// Reads, answers and writes what there is. Returns whether the client stays.
    pub(crate) fn turn(&mut self, answers: &mut Answers, now: Tick) -> bool {
        loop {
            self.answer(answers, now);
            if self.write(now).is_err() {
                return false;
            }
            match self.connection.closing() {
                Closing::Open => {}
                Closing::Now => return false,
                Closing::AfterOutput { .. } if !self.connection.output().is_empty() => {}
                Closing::AfterOutput { linger: false } => return false,
                Closing::AfterOutput { linger: true } => {
                    if !std::mem::replace(&mut self.is_write_shut, true) {
                        let _ = self.stream.shutdown(Shutdown::Write);
                    }
                }
            }
            if !self.connection.wants_read() {
                return true;
            }
            match self.read(now) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Acts on a deadline that may have passed. Returns whether the client stays.
    pub(crate) fn expire(&mut self, answers: &mut Answers, now: Tick) -> bool {
        match self.connection.expire(now) {
            Expiry::NotYet => true,
            Expiry::Refused => self.turn(answers, now),
            Expiry::Close | Expiry::Cut => false,
        }
    }

    fn answer(&mut self, answers: &mut Answers, now: Tick) {
        loop {
            match self.connection.next_event(now) {
                Event::Head => {
                    let lines = server_lines();
                    let (request, _, mut response) = self.connection.exchange(&lines);
                    let is_get = matches!(request.method(), Method::Get | Method::Head);
                    let accept = request.header("accept").unwrap_or_default();
                    let ScrapeAnswer {
                        status,
                        content_type,
                        body,
                    } = match is_get {
                        true => answers.of(request.path(), &String::from_utf8_lossy(accept)),
                        false => ScrapeAnswer {
                            status: 405,
                            content_type: "text/plain; charset=utf-8",
                            body: String::from("GET it\n"),
                        },
                    };
                    let mut headers = HeaderLines::new();
                    let pushed = headers.push(b"content-type", content_type.as_bytes());
                    debug_assert!(pushed.is_ok(), "our own line is valid");
                    if let Err(misuse) = response.whole(status, &headers, body.as_bytes()) {
                        log::error!("a scraper could not be answered: {misuse}");
                        self.connection.cut();
                    }
                }
                Event::Refused(_) => self.connection.answer_refusal(&server_lines()),
                Event::BodyReady | Event::BodyChunk | Event::BodyEnd | Event::ExchangeDone => {}
                Event::NeedMore | Event::Http2 | Event::Close => return,
            }
        }
    }

    fn write(&mut self, now: Tick) -> io::Result<()> {
        while !self.connection.output().is_empty() {
            match self.stream.write(self.connection.output()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.connection.consume_output(now, sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // From here on the client's patience is measured.
                    self.connection.consume_output(now, 0);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns whether anything came.
    fn read(&mut self, now: Tick) -> io::Result<bool> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) if self.connection.has_received_eof() => Ok(false),
            Ok(0) => {
                self.connection.receive_eof(now);
                Ok(true)
            }
            Ok(count) => {
                self.connection.receive(now, &buffer[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn server_lines() -> ServerLines {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    ServerLines::new(&date).expect("httpdate writes IMF-fixdate")
}
