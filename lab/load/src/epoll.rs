//! Moves the bytes of one thread's connections with reads and writes, where epoll has reported that they are worth
//! while. Knows nothing of what is asked.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::alarm::Alarm;
use crate::channel::Channel;
use crate::checker::Checker;
use crate::failure::Failure;
use crate::flow::Answered;
use crate::link::{Link, READ_BYTES_MAX, Received};

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;
/// From here on the milliseconds of epoll are good enough.
const COARSE_MIN: Duration = Duration::from_millis(100);
const ALARM: Token = Token(usize::MAX);

/// Connections that an epoll watches.
pub struct Epoll {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    links: Vec<Link<Channel<TcpStream>>>,
    scratch: Box<[u8]>,
}

impl Epoll {
    /// One without connections.
    pub fn new() -> Result<Epoll, Failure> {
        let poll = Poll::new().map_err(|error| Failure::io("epoll is not available", &error))?;
        Ok(Epoll {
            alarm: Alarm::new(&poll, ALARM)?,
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            links: Vec::new(),
            scratch: vec![0; READ_BYTES_MAX].into(),
        })
    }

    /// Adds a connection.
    pub fn add(&mut self, channel: Channel<std::net::TcpStream>) -> std::io::Result<()> {
        let link = self.watched(channel, self.links.len())?;
        self.links.push(link);
        Ok(())
    }

    /// Puts another connection in the place of one; that one ends.
    pub fn replace(
        &mut self,
        lane: usize,
        channel: Channel<std::net::TcpStream>,
    ) -> std::io::Result<()> {
        let link = self.watched(channel, lane)?;
        let mut before = std::mem::replace(&mut self.links[lane], link);
        before.stream_mut().say_goodbye();
        Ok(())
    }

    fn watched(
        &self,
        channel: Channel<std::net::TcpStream>,
        lane: usize,
    ) -> std::io::Result<Link<Channel<TcpStream>>> {
        channel.stream().set_nonblocking(true)?;
        let mut channel = channel.over(TcpStream::from_std);
        // Edge-triggered: the interest in writing costs no event while requests fit into the socket, which they do.
        self.poll.registry().register(
            channel.stream_mut(),
            Token(lane),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let reads_in_parts = channel.reads_in_parts();
        let mut link = Link::new(channel);
        if reads_in_parts {
            link.expect_more();
        }
        Ok(link)
    }

    /// A connection.
    pub fn link(&self, lane: usize) -> &Link<Channel<TcpStream>> {
        &self.links[lane]
    }

    /// The same, to put and to send.
    pub fn link_mut(&mut self, lane: usize) -> &mut Link<Channel<TcpStream>> {
        &mut self.links[lane]
    }

    /// Waits for something to happen, no longer than `timeout` from `now` on, and appends the connections to read from to
    /// `ready`. Whether there was anything to do.
    pub fn wait(
        &mut self,
        timeout: Duration,
        now: Instant,
        ready: &mut Vec<usize>,
    ) -> Result<bool, Failure> {
        if !timeout.is_zero() && timeout < COARSE_MIN {
            self.alarm.set(now + timeout, now)?;
        }
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(Failure::io("epoll failed", &error)),
        }
        for event in &self.events {
            let token = event.token();
            if token == ALARM {
                continue;
            }
            let link = &mut self.links[token.0];
            // A handshake is written on when something was read.
            if event.is_writable() || link.has_unsent() {
                link.flush()?;
            }
            if event.is_read_closed() {
                link.expect_more();
            }
            if event.is_readable() || event.is_read_closed() {
                ready.push(token.0);
            }
        }
        Ok(!self.events.is_empty())
    }

    /// Reads from a connection until it is empty or nothing is in flight, and appends the right answers to `answers`.
    pub fn receive(
        &mut self,
        lane: usize,
        checker: &mut Checker<'_>,
        answers: &mut Vec<Answered>,
    ) -> Result<(), Failure> {
        self.links[lane].receive(checker, &mut self.scratch, answers)
    }

    /// Reads from a connection once, at most so many bytes.
    pub fn receive_some(
        &mut self,
        lane: usize,
        bytes_max: usize,
        checker: &mut Checker<'_>,
        answers: &mut Vec<Answered>,
    ) -> Result<Received, Failure> {
        let room = bytes_max.min(READ_BYTES_MAX);
        self.links[lane].receive_some(checker, &mut self.scratch[..room], answers)
    }
}
