//! The metrics port: one thread that serves a few clients at once, none of which can hold up another. It knows nothing of
//! what it answers.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use turbo_shard_protocol::{LimitSettings, Limits, Tick};

use crate::scrape::answers::Answers;
use crate::scrape::client::Client;

/// Clients at once; the one that has been here longest goes for one more. A page may have 64 MiB where there are a
/// thousand shards; otherwise a client has its buffers of 64 KiB and a page of some ten KiB.
const CLIENTS_MAX: usize = 64;

/// Long enough for a scraper that comes back each minute.
const KEEP_ALIVE_MS: u64 = 75_000;
/// A scraper's request has ten lines.
const HEAD_BYTES_MAX: usize = 8 * 1024;
const HEADER_FIELDS_MAX: usize = 64;
const TARGET_BYTES_MAX: usize = 1024;

const HEAD_TIMEOUT_MS: u64 = 5_000;
const WRITE_TIMEOUT_MS: u64 = 10_000;

/// Pause after a failed accept: the queue stays, a busy loop would not help it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

const LISTENER: Token = Token(usize::MAX);
const END: Token = Token(usize::MAX - 1);

/// The thread, until this is dropped.
pub(crate) struct MetricsPort {
    pub(crate) address: SocketAddr,
    is_over: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsPort {
    /// Answers from now on.
    pub(crate) fn start(
        listener: std::net::TcpListener,
        answers: Answers,
    ) -> io::Result<MetricsPort> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), END)?);
        let is_over = Arc::new(AtomicBool::new(false));
        let desk = Desk {
            poll,
            listener,
            answers,
            limits: Arc::new(limits()),
            clients: BTreeMap::new(),
            next: 0,
            began: Instant::now(),
            resumes: None,
            is_over: Arc::clone(&is_over),
        };
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || desk.serve())?;
        Ok(MetricsPort {
            address,
            is_over,
            waker,
            thread: Some(thread),
        })
    }
}

impl Drop for MetricsPort {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn limits() -> Limits {
    Limits::new(LimitSettings {
        head_bytes_max: HEAD_BYTES_MAX,
        header_fields_max: HEADER_FIELDS_MAX,
        target_bytes_max: TARGET_BYTES_MAX,
        body_bytes_max: 0,
        head_timeout_ms: HEAD_TIMEOUT_MS,
        body_timeout_ms: HEAD_TIMEOUT_MS,
        keep_alive_timeout_ms: KEEP_ALIVE_MS,
        write_timeout_ms: WRITE_TIMEOUT_MS,
        http2_streams_max: 0,
    })
}

/// The thread's own things.
struct Desk {
    poll: Poll,
    listener: TcpListener,
    answers: Answers,
    limits: Arc<Limits>,
    /// By number, the oldest first.
    clients: BTreeMap<usize, Client>,
    next: usize,
    began: Instant,
    /// Accepting has failed and goes on then.
    resumes: Option<Instant>,
    is_over: Arc<AtomicBool>,
}

impl Desk {
    fn serve(mut self) {
        let mut events = Events::with_capacity(CLIENTS_MAX + 2);
        loop {
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    log::error!("the metrics port cannot be watched any more: {error}");
                    return;
                }
                _ => {}
            }
            if self.is_over.load(Relaxed) {
                return;
            }
            let now = self.now();
            let numbers: Vec<usize> = events.iter().map(|event| event.token().0).collect();
            for number in numbers {
                if let Some(client) = self.clients.get_mut(&number)
                    && !client.turn(&mut self.answers, now)
                {
                    self.clients.remove(&number);
                }
            }
            let answers = &mut self.answers;
            self.clients.retain(|_, client| client.expire(answers, now));
            // After each wait: an edge-triggered watch does not report again what a failure has left in the queue.
            if self.resumes.is_none_or(|at| at <= Instant::now()) {
                self.resumes = None;
                self.accept();
            }
        }
    }

    fn accept(&mut self) {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::debug!("a client of the metrics port could not be accepted: {error}");
                    self.resumes = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            };
            let number = self.next;
            self.next += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self
                .poll
                .registry()
                .register(&mut stream, Token(number), interest)
                .is_err()
            {
                continue;
            }
            if self.clients.len() >= CLIENTS_MAX {
                self.clients.pop_first();
            }
            let now = self.now();
            let mut client = Client::new(stream, &self.limits, now);
            if client.turn(&mut self.answers, now) {
                self.clients.insert(number, client);
            }
        }
    }

    fn patience(&self) -> Option<Duration> {
        let deadlines = self.clients.values().filter_map(Client::next_deadline);
        let until_deadline = deadlines
            .min()
            .map(|deadline| Duration::from_millis(deadline.since_ms(self.now()) + 1));
        let until_resumed = self
            .resumes
            .map(|at| at.saturating_duration_since(Instant::now()));
        [until_deadline, until_resumed].into_iter().flatten().min()
    }

    fn now(&self) -> Tick {
        Tick::from_millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::exposition::page::PageMaker;
    use crate::exposition::reading::tests::sample;

    fn port() -> MetricsPort {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let answers = Answers {
            source: Box::new(|| sample(0)),
            pages: PageMaker::new(String::from("shard"), String::from("tokio")),
            unheard_max: Duration::from_secs(10),
        };
        MetricsPort::start(listener, answers).unwrap()
    }

    fn ask(client: &mut TcpStream, request: &str) -> String {
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_client_that_says_nothing_does_not_hold_up_others_and_the_oldest_gives_way() {
        let port = port();
        let silent: Vec<TcpStream> = (0..CLIENTS_MAX + 5)
            .map(|_| TcpStream::connect(port.address).unwrap())
            .collect();
        let mut client = TcpStream::connect(port.address).unwrap();
        let request = "GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let answer = ask(&mut client, request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nready\n"));
        let mut rest = Vec::new();
        assert_eq!(
            (&silent[0]).read_to_end(&mut rest).unwrap_or(0),
            0,
            "it was closed"
        );
    }

    #[test]
    fn requests_are_answered_one_after_another_also_byte_by_byte_and_nonsense_is_refused() {
        let port = port();
        let mut client = TcpStream::connect(port.address).unwrap();
        for byte in b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n" {
            client.write_all(&[*byte]).unwrap();
        }
        let answer = ask(
            &mut client,
            "HEAD /metrics HTTP/1.1\r\nhost: a\r\n\r\nDELETE /metrics HTTP/1.0\r\n\r\n",
        );
        let statuses: Vec<&str> = answer
            .lines()
            .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
            .collect();
        assert_eq!(statuses, ["200 OK", "200 OK", "405 Method Not Allowed"]);
        let mut other = TcpStream::connect(port.address).unwrap();
        assert!(ask(&mut other, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn it_ends_when_it_is_dropped() {
        let port = port();
        let address = port.address;
        drop(port);
        assert!(TcpStream::connect(address).is_err());
    }
}
